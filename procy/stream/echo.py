"""Taking out of the agent's lines what only procy asked for: echoes of messages, and answers to its own requests.

Whole lines are looked at; a line that cannot be one of them is passed on as it comes, piece by piece.
"""

from __future__ import annotations

from collections.abc import Container

from procy.parse.streams.odd import LONGEST
from procy.parse.transcripts.shapes import as_dict, as_text, read_record

OWN = "procy-"  # how the ids of our requests begin
KINDS = (b"user", b"control_response", b"command_lifecycle")
STARTS = tuple(b'{"type":' + blank + b'"' + kind + b'"' for kind in KINDS for blank in (b"", b" "))
LONGEST_START = max(len(start) for start in STARTS)


class EchoFilter:
    """``echoes``: take echoes out; ``ours`` are the names that messages got from us."""

    def __init__(self, echoes: bool, ours: Container[str] = ()) -> None:
        self.echoes, self.ours = echoes, ours
        self.held: list[bytes] = []  # the beginning of a line that may be ours
        self.size = 0
        self.within = False  # a line of which a part was passed on

    def __call__(self, data: bytes) -> bytes:
        """What is to be passed on. With nothing, at the end: what was held back."""
        if not data:
            return self._release()
        passed = b""
        if self.within:
            end = data.find(b"\n") + 1
            if not end:
                return data
            passed, data, self.within = data[:end], data[end:], False
        if b"\n" not in data:
            return passed + self._hold(data)
        data = self._release(data)
        end = data.rfind(b"\n") + 1
        whole = data[:end]
        passed += whole if self.is_clean(whole) else b"".join(line for line in lines_of(whole) if not self.is_ours(line))
        return passed + self._hold(data[end:])

    def _hold(self, part: bytes) -> bytes:
        """Keep the beginning of a line that may be ours, or pass it on."""
        self.held.append(part)
        self.size += len(part)
        start = self.held[0] if len(self.held[0]) >= LONGEST_START else b"".join(self.held)
        if not self.size or (self.size < LONGEST and any(start.startswith(one) or one.startswith(start) for one in STARTS)):
            return b""
        self.within = True
        return self._release()

    def _release(self, more: bytes = b"") -> bytes:
        """What was held, and what came behind it; copied once."""
        held, self.held, self.size = self.held, [], 0
        return b"".join((*held, more)) if held else more

    def is_clean(self, lines: bytes) -> bool:
        """Whether no line of a block can be one of ours; cheap."""
        return b'"isReplay"' not in lines and b'"command_lifecycle"' not in lines and OWN.encode() not in lines

    def is_ours(self, line: bytes) -> bool:
        record = None if self.is_clean(line) else read_record(line)
        if record is None:
            return False
        if record.get("type") == "user":
            return self.echoes and record.get("isReplay") is True
        if record.get("type") == "command_lifecycle":
            return as_text(record.get("command_uuid")) in self.ours
        return as_text(as_dict(record.get("response")).get("request_id")).startswith(OWN)


def lines_of(block: bytes) -> list[bytes]:
    """With their newlines; they end at byte 0x0A and nowhere else."""
    return [line + b"\n" for line in block.split(b"\n")[:-1]]
