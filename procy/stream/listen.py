"""Looking at what the agent said: whole lines, parsed behind the pump, as events."""

from __future__ import annotations

from collections.abc import Callable

from procy.parse.streams.dialects import Stream
from procy.parse.streams.events import Event
from procy.parse.streams.odd import LONGEST
from procy.parse.transcripts.shapes import read_record

FLOOD = b'{"type":"stream_event"'  # partial messages: many, and what they say comes again
Told = Callable[[list[Event]], None]


class Lines:
    """Chunks to whole lines. One longer than ``limit`` bytes is left out, and counted in ``left_out``."""

    def __init__(self, limit: int = LONGEST) -> None:
        self.limit = limit
        self.parts: list[bytes] = []
        self.size = 0
        self.too_long = False
        self.left_out = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end in it, without their newlines."""
        if b"\n" not in data:
            self._keep(data)
            return []
        *ended, rest = data.split(b"\n")
        lines = []
        for line in ended:
            self._keep(line)
            if self.too_long:
                self.left_out += 1
            else:
                lines.append(b"".join(self.parts))
            self.parts, self.size, self.too_long = [], 0, False
        self._keep(rest)
        return lines

    def rest(self) -> bytes:
        """What stands behind the last newline."""
        return b"".join(self.parts)

    def _keep(self, part: bytes) -> None:
        self.size += len(part)
        if self.size > self.limit:
            self.parts, self.too_long = [], True
        elif part:
            self.parts.append(part)


class Listener:
    """Hands the events of what the agent says to ``told``."""

    """``wanted``: how the lines begin that are looked at, where it is not all of them."""

    def __init__(self, told: Told, wanted: tuple[bytes, ...] = ()) -> None:
        self.told, self.wanted = told, wanted
        self.lines = Lines()
        self.stream = Stream()

    def feed(self, data: bytes) -> None:
        """All that a chunk says at once: the listener's thread is woken for chunks and not for lines."""
        found: list[Event] = []
        for line in self.lines.feed(data):
            if line.startswith(self.wanted) if self.wanted else not line.startswith(FLOOD):
                record = read_record(line)
                if record:
                    found += self.stream.said(record)
        if found:
            self.told(found)
