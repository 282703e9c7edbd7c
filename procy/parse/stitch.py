"""One growing text out of successive screens.

On the main screen what scrolls away is kept by the emulator. On the alternate screen nothing is: there the shift between
two screens is found by comparing their lines, and what moved out at the top is kept here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procy.parse.screen import Anchor, Screen


LEAST_MATCHES = 3  # lines that two screens must share for one to be the other, moved


class Stitcher:
    """``take`` screens at rest; ``settled`` holds the lines that have left the screen since it was emptied last.

    A line is a row as displayed, or, with ``unwrap``, all the rows over which the terminal has wrapped it.
    """

    def __init__(self, unwrap: bool = False) -> None:
        self.unwrap = unwrap
        self.settled: list[str] = []
        self.window: list[str] = []
        self.alternate = False
        self.next: Anchor | None = None
        self.of: Screen | None = None  # the screen that the anchor holds

    def take(self, screen: Screen) -> bool:
        """Look at the screen now; False when it is another one altogether (cleared, or of another program)."""
        lines = self.visible(screen)
        same = screen.alternate == self.alternate and goes_on(self.window, lines)
        if not screen.alternate:
            self.settled += self.scrolled(screen)
        elif same:
            self.settled += moved_out(self.window, lines)
        self.alternate = screen.alternate
        self.window = lines
        return same

    def scrolled(self, screen: Screen) -> list[str]:
        """Rows of the main screen that went into the scrollback since the last look."""
        start = self.next.row if self.next and self.of is screen else screen.history_rows
        start = 0 if start is None else min(start, screen.history_rows)
        end = screen.line_start(screen.history_rows, start) if self.unwrap else screen.history_rows
        lines = self.lines(screen, start, end)
        self.next, self.of = screen.anchor(end), screen
        return lines

    def visible(self, screen: Screen) -> list[str]:
        """What is on the screen, with the rows above it of a line that is still there in part."""
        top = screen.history_rows
        return self.lines(screen, screen.line_start(top, 0) if self.unwrap else top, top + screen.size[1])

    def lines(self, screen: Screen, start: int, end: int) -> list[str]:
        return screen.text(start, end).split("\n") if self.unwrap else screen.rows(start, end)


def goes_on(before: list[str], after: list[str]) -> bool:
    """Whether one screen grew out of the other: they share lines, or the one before had next to none."""
    old = {line for line in before if line}
    return len(old) < LEAST_MATCHES or len(old & set(after)) >= min(LEAST_MATCHES, len(old) // 3 + 1)


def moved_out(before: list[str], after: list[str]) -> list[str]:
    """The lines at the top of one screen that are above the top of the next; none when the screen was redrawn otherwise.

    Lines that stay at the top while the rest moves (a header) stay.
    """
    shift = best_shift(before, after)
    header = header_rows(before, after) if shift else 0
    return before[header : header + shift]


def header_rows(before: list[str], after: list[str]) -> int:
    rows = 0
    while rows < len(before) and before[rows] and before[rows] == after[rows]:
        rows += 1
    return rows


def best_shift(before: list[str], after: list[str]) -> int:
    """By how many rows a screen has moved up. Lines at the bottom (a composer, a status line) need not take part."""
    best, best_matches = 0, matches(before, after, 0)
    for shift in range(1, len(before)):
        found = matches(before, after, shift)
        if found > best_matches:
            best, best_matches = shift, found
    return best if best_matches >= min(LEAST_MATCHES, sum(1 for line in after if line)) else 0


def matches(before: list[str], after: list[str], shift: int) -> int:
    """Non-blank lines that stand ``shift`` rows higher in the later screen, counted from the top while they run."""
    return sum(1 for left, right in zip(before[shift:], after, strict=False) if left and left == right)
