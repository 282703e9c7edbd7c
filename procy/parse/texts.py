"""What stood on a terminal, as text to search in: lines that scrolled away, and screens that were left."""

from __future__ import annotations

from typing import NamedTuple

from procy.parse.screen import Screen
from procy.parse.stitch import Stitcher

CHUNK = 4000  # characters
BURST = 64_000  # characters kept of what scrolls by between two rests; of more, the first half and the last


class TerminalText(NamedTuple):
    """Lines that were complete by stream ``offset``."""

    offset: int
    text: str


class TextHarvest:
    """Looks at the screen at rest, and between when much scrolls by."""

    def __init__(self) -> None:
        self.stitcher = Stitcher()
        self.lines: list[str] = []
        self.ready: list[TerminalText] = []

    def look(self, screen: Screen, offset: int) -> None:
        left = [line for line in self.stitcher.window if line]
        if not self.stitcher.take(screen):
            self.lines += left
        self.lines += [line for line in self.stitcher.settled if line]
        self.stitcher.settled = []
        if sum(map(len, self.lines)) >= CHUNK:
            self.flush(offset)

    def passing(self, screen: Screen, offset: int) -> None:
        """Much output without a rest: take what has scrolled away before the emulator forgets it."""
        if not screen.alternate:
            self.lines += [line for line in self.stitcher.scrolled(screen) if line]
            half = BURST // 2
            if sum(map(len, self.lines)) > BURST:
                text = "\n".join(self.lines)
                self.lines = [*text[:half].split("\n"), *text[-half:].split("\n")]

    def end(self, offset: int) -> None:
        """The recording is over: what is on the screen stays there."""
        self.lines += [line for line in self.stitcher.window if line]
        self.stitcher.window = []
        self.flush(offset)

    def flush(self, offset: int) -> None:
        if self.lines:
            self.ready.append(TerminalText(offset, "\n".join(self.lines)))
            self.lines = []

    def take(self) -> list[TerminalText]:
        ready, self.ready = self.ready, []
        return ready
