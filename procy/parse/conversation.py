"""A conversation that grows on a screen, put together from what successive screens show of it.

Each look gives the rows that are to be seen now. Where they belong is found by the rows that were seen before; from there on
the new ones count, for what had stood there was a spinner, a queue, an answer half-written. A screen that is wholly known is
one that the user has scrolled back to.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from procy.parse.rows import Row

FAR = 2000  # rows from the end among which a screen is looked for
COMMON = 12  # a row that stands in more places than this says nothing
GLYPH = 2  # columns of the glyph before a prompt
MUCH = 10  # rows
TOP_ROWS = 4  # of which at least half are as they were
HEADER_ROWS = 3  # at most
LEAST_ROWS = 3  # that must be the same for a screen to be the one before, moved
LEAST_SHARE = 0.5  # of the rows that overlap


class Conversation:
    def __init__(self) -> None:
        self.moves_whole = False  # nothing stays at the top while the rest moves
        self.rows: list[Row] = []
        self.window: list[Row] = []
        self.top = 0  # the first row of the last look
        self.place = 0  # the first row that the last look has changed

    def take(self, window: list[Row], moved: int = 0, is_anchored: bool = False) -> bool:
        """False when nothing has changed. ``moved``: so many rows at the top have left the screen. ``is_anchored``: the first row
        is the one that was the screen's first at the last look."""
        while window and not window[-1].text:
            window = window[:-1]
        if window == self.window or not window:
            self.top += moved
            return False
        self.window = window
        place = self.top if is_anchored and fits(window, self.rows[self.top :]) else self.found(window)
        if place is None:
            again = self.is_repeated(window[0])
            self.place = len(self.rows)
            self.top = self.place - again + moved
            self.rows += window[again:]
            return True
        self.top = place + moved
        if self.is_known(window, place) or (not is_anchored and self.is_begun_anew(window, place)):
            return False
        kept = self.header(window, place)
        kept += self.begun_before(window[kept:], place + kept)
        self.place = place + kept
        self.rows[place + kept :] = window[kept:]
        return True

    def found(self, window: Sequence[Row]) -> int | None:
        """Where a window begins that shows more of this conversation, or some of it again."""
        near, far = (max(len(self.rows) - rows, 0) for rows in (2 * len(window), FAR))
        near = max(self.top - HEADER_ROWS, 0) if self.moves_whole else near  # else what looks the same may have been said before
        place = place_of(window, self.rows[near:], self.moves_whole)
        if place is not None:
            return near + place
        place = place_of(window, self.rows[far:], self.moves_whole) if near > far else None
        is_old = place is not None and (not self.moves_whole or self.is_known(window, far + place))
        return far + place if place is not None and is_old else None

    def is_known(self, window: Sequence[Row], place: int) -> bool:
        """Whether the rows stand there already, and more behind them."""
        here = self.rows[place : place + len(window)]
        return len(here) == len(window) < len(self.rows) - place and all(
            old.text == new.text for old, new in zip(here[1:], window[1:], strict=True)
        )

    def is_begun_anew(self, window: Sequence[Row], place: int) -> bool:
        """Whether the screen ends amidst what is known, and much of that would be lost: as where a list is laid out anew."""
        end = place + len(window)
        lost = sum(1 for row in self.rows[end:] if row.text)
        pairs = [(old.text, new.text) for old, new in zip(self.rows[place:end], window, strict=False) if new.text]
        return lost >= MUCH and len(pairs) >= LEAST_ROWS and all(old == new for old, new in pairs[-LEAST_ROWS:])

    def is_repeated(self, row: Row) -> bool:
        """Whether a screen that joins no other begins with a prompt that is known: the program keeps it in sight there."""
        return row.ground > 0 and any(row.text == known.text for known in self.rows[-FAR:])

    def header(self, window: Sequence[Row], place: int) -> int:
        """How many rows at the top do not move with the rest: programs keep the current prompt in sight there, or a gap."""
        count = 0
        for old, new in zip(self.rows[place : place + HEADER_ROWS], window, strict=False):
            if old.text == new.text or (new.text and not new.ground):
                break
            count += 1
        return count

    def begun_before(self, window: Sequence[Row], place: int) -> int:
        """How many rows at the top are of a prompt of which the beginning is known, and stands no more on the screen."""
        count = 0
        for old, new in zip(self.rows[place:], window, strict=False):
            if new.text and (not new.ground or new.ground != old.ground or new.text[GLYPH:] != old.text[GLYPH:]):
                break
            count += 1
        return count if any(row.ground for row in window[:count]) else 0

    def forget(self, count: int) -> None:
        """Drop rows at the beginning."""
        del self.rows[:count]
        self.top = max(self.top - count, 0)


def place_of(window: Sequence[Row], rows: Sequence[Row], moves_whole: bool = False) -> int | None:
    """Where in ``rows`` the window begins; None when it is another text altogether. ``moves_whole``: its top is as it was."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if row.text:
            places[row.text].append(place)
    votes: Counter[int] = Counter()
    for step, row in enumerate(window):
        found = places.get(row.text, ())
        if len(found) <= COMMON:
            for place in found:
                votes[place - step] += 1 + min(len(row.text), 40)
    for place, _ in sorted(votes.items(), key=lambda vote: (-vote[1], -vote[0]))[:6]:
        if place >= 0 and fits(window, rows[place:]) and (not moves_whole or begins_alike(window, rows[place:])):
            return place
    return None


def begins_alike(window: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Whether the top is the same, or there is a prompt in both."""
    pairs = [(old, new) for old, new in zip(rows, window, strict=False) if old.text or new.text]
    same = [old.text[GLYPH:] == new.text[GLYPH:] for old, new in pairs]
    return sum(same[:TOP_ROWS]) * 2 >= min(TOP_ROWS, len(pairs)) or any(
        new.ground and alike for alike, (_, new) in zip(same, pairs, strict=True)
    )


def fits(window: Sequence[Row], rows: Sequence[Row]) -> bool:
    pairs = [(old.text, new.text) for old, new in zip(rows, window, strict=False) if old.text and new.text]
    same = sum(1 for old, new in pairs if old == new)
    return same >= LEAST_ROWS or (same > 0 and same >= LEAST_SHARE * len(pairs))
