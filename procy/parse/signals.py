"""What a program says to its terminal about itself, cut out of the byte stream at the exact place where it says it.

- OSC 0 and 2: the terminal's title. Some agents begin it with a mark of what they do.
- OSC 133 A, B, C, D: a shell's prompt begins, its input begins, a command's output begins, the command ended.
- OSC 7501 (Program Status Protocol, rev 0.4): idle, working, blocked (permission, question, auth), done, error, clear.
- DEC modes 2004 (bracketed paste: line editors switch it on while they wait), 1049/1047/47 (alternate screen) and 2026
  (synchronized update; its end is a moment at which the screen is whole).
"""

import re
from typing import NamedTuple

SIGNAL = re.compile(
    rb"\x1b\[\?(?P<mode>2004|1049|1047|47|2026)(?P<on>[hl])"
    rb"|\x1b\](?P<number>0|2|133|7501);(?P<rest>[^\x07\x1b]*)(?:\x07|\x1b\\)"
)
BEGINNING = re.compile(rb"\x1b(?:\[(?:\?[0-9]{0,4})?|\](?:[0-9]{0,4}(?:;[^\x07\x1b]*\x1b?)?)?)?\Z")
LONGEST = 4096  # an OSC that goes on for longer is no signal


class Signal(NamedTuple):
    """``name``: a mode number, ``title``, ``133`` or ``7501``; ``value``: ``h``/``l``, or what follows the number."""

    name: str
    value: str


class Splitter:
    """Cuts a stream behind each signal. A sequence that is not complete yet waits for the rest of it."""

    def __init__(self) -> None:
        self.held = b""

    def feed(self, data: bytes) -> list[tuple[bytes, Signal | None]]:
        """Pieces in order; each ends with its signal, if it has one. Cut differently, a stream gives the same signals."""
        data = self.held + data
        self.held = b""
        if b"\x1b" not in data:
            return [(data, None)]
        pieces: list[tuple[bytes, Signal | None]] = []
        start = 0
        for match in SIGNAL.finditer(data):
            pieces.append((data[start : match.end()], read_signal(match)))
            start = match.end()
        begun = BEGINNING.search(data, max(start, len(data) - LONGEST))
        if begun:
            self.held, data = data[begun.start() :], data[: begun.start()]
        if start < len(data):
            pieces.append((data[start:], None))
        return pieces

    def rest(self) -> bytes:
        """What is held back, when no more is coming for now."""
        held, self.held = self.held, b""
        return held


def read_signal(match: re.Match[bytes]) -> Signal:
    if match["mode"]:
        return Signal(match["mode"].decode(), match["on"].decode())
    number = match["number"].decode()
    return Signal("title" if number in ("0", "2") else number, match["rest"].decode("utf-8", "replace"))
