"""Lines of a stream that were written down in parts, put together. Lines of other sides may stand between the parts. Pure."""

from __future__ import annotations

from typing import NamedTuple

from procy.parse.streams.stamp import GOES_ON, HALF, HEAD, STRUCK, head


class Begun(NamedTuple):
    """A line whose end is still to come: the offset and the time of its first part, and what there is of it."""

    offset: int
    at_ns: int
    generation: int
    parts: list[bytes]


class Parts:
    """Of one stream. A line that was written whole goes through as it is."""

    def __init__(self) -> None:
        self.begun: dict[bytes, Begun] = {}  # by side

    def take(self, offset: int, line: bytes) -> bytes | None:
        """The whole line, stamped as its last part is; None while more of it is to come."""
        found = HEAD.match(line)
        if found is None:
            return line
        side, mark = found[2], found[4].decode()
        if mark == GOES_ON:
            if side not in self.begun:
                self.begun[side] = Begun(offset, int(found[1]), int(found[3]), [])
            self.begun[side].parts.append(line[found.end() :])
            return None
        begun = self.begun.pop(side, None) if self.begun else None
        if mark == STRUCK:
            return None
        return b"".join((found[0], *begun.parts, line[found.end() :])) if begun else line

    @property
    def first(self) -> int | None:
        """Where the oldest part stands whose line has not ended; what is before it is done with."""
        return min((one.offset for one in self.begun.values()), default=None)

    def left(self) -> list[bytes]:
        """The writer is gone: what there is of lines that never ended, each as half a line."""
        begun, self.begun = self.begun, {}
        return [
            b"".join((head(one.at_ns, side.decode(), one.generation, HALF), *one.parts))
            for side, one in sorted(begun.items(), key=lambda item: item[1].offset)
        ]
