"""A line of a stream as it is written down: ``TIME SIDE GENERATION`` and a tab before the bytes of the line.

``1764356000123456789 < 1<TAB>{"type":"result"}``. SIDE is ``>`` for what the agent was sent, ``<`` for what it said, ``!``
for its standard error and ``#`` for a note of procy's own (JSON). GENERATION counts the starts of the agent from 1. A mark may
stand behind it: ``-`` for a line that had no newline at its end, ``+`` for a part of a line that goes on in the next of its
side, ``/`` where the parts so far are to be forgotten (``procy.parse.streams.parts``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD = re.compile(rb"(\d{1,20}) ([<>!#]) (\d{1,9})([-+/]?)\t")
HALF, GOES_ON, STRUCK = "-", "+", "/"


class Stamped(NamedTuple):
    """One line, without its newline; ``stamp`` is the time as it stands there and names the line."""

    at_ns: int
    side: str
    generation: int
    whole: bool
    line: bytes

    @property
    def stamp(self) -> str:
        return str(self.at_ns)


def head(at_ns: int, side: str, generation: int, mark: str = "") -> bytes:
    return b"%d %b %d%b\t" % (at_ns, side.encode(), generation, mark.encode())


def read_stamped(line: bytes) -> Stamped | None:
    """None for what is no such line: the rest of one that was being written when the disk was full."""
    found = HEAD.match(line)
    if found is None:
        return None
    return Stamped(int(found[1]), found[2].decode(), int(found[3]), not found[4], line[found.end() :])
