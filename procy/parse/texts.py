"""What stood on a terminal, as text to search in: lines that scrolled away, and screens that were left.

Lines are whole, and so is a private key over its lines: what masks secrets sees all of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from procy.parse.pem import open_key
from procy.parse.stitch import Stitcher

if TYPE_CHECKING:
    from procy.parse.screen import Screen

CHUNK = 4000  # characters
BURST = 64_000  # characters kept of what scrolls by between two rests; of more, the first half and the last


class TerminalText(NamedTuple):
    """Lines that were complete by stream ``offset``."""

    offset: int
    text: str


class TextHarvest:
    """Looks at the screen at rest, and between when much scrolls by."""

    def __init__(self) -> None:
        self.stitcher = Stitcher(unwrap=True)
        self.lines: list[str] = []
        self.ready: list[TerminalText] = []

    def look(self, screen: Screen, offset: int) -> None:
        left, was_alternate = [line for line in self.stitcher.window if line], self.stitcher.alternate
        same = self.stitcher.take(screen)
        settled = [line for line in self.stitcher.settled if line]
        self.stitcher.settled = []
        here = [*settled, *(line for line in self.stitcher.window if line)]
        stays = same or (not was_alternate and not screen.alternate and begins_with(here, left))
        self.lines += settled if stays else left + settled
        if sum(map(len, self.lines)) >= CHUNK:
            self.flush(offset)

    def passing(self, screen: Screen, offset: int) -> None:
        """Much output without a rest: take what has scrolled away before the emulator forgets it."""
        if not screen.alternate:
            scrolled = [line for line in self.stitcher.scrolled(screen) if line]
            self.lines += scrolled
            if scrolled:  # and with them what had stood on the screen
                self.stitcher.window = []
            half = BURST // 2
            if sum(map(len, self.lines)) > BURST:
                text = "\n".join(self.lines)
                self.lines = [*text[:half].split("\n")[:-1], *text[-half:].split("\n")[1:]]

    def end(self, offset: int) -> None:
        """The recording is over: what is on the screen stays there."""
        self.lines += [line for line in self.stitcher.window if line]
        self.stitcher.window = []
        self.flush(offset, whole=True)

    def flush(self, offset: int, whole: bool = False) -> None:
        """Give out the lines; those of a key of which more may come stay, unless this is the ``whole`` of it."""
        text = "\n".join(self.lines)
        settled = len(text) if whole else open_key(text)
        self.lines = text[settled:].split("\n") if settled < len(text) else []
        if text := text[:settled].rstrip("\n"):
            self.ready.append(TerminalText(offset, text))

    def skip(self, screen: Screen, offset: int) -> None:
        """Everything so far was given out by somebody before."""
        self.look(screen, offset)
        self.lines, self.ready = [], []

    def take(self) -> list[TerminalText]:
        ready, self.ready = self.ready, []
        return ready


def begins_with(lines: list[str], before: list[str]) -> bool:
    """Whether lines of the main screen are those of before, of which the last may have grown: nothing was erased."""
    return len(lines) >= min(len(before), 3) and all(map(str.startswith, lines, before[:3]))
