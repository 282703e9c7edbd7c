"""Rows of a screen with as much of their style as tells who speaks: the ground under a prompt, and muted asides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from procy.parse.width import display_width

if TYPE_CHECKING:
    from procy.parse.screen import Screen


class Row(NamedTuple):
    """``ground``: the background colour where the text begins, 0 for none. ``muted``: faint or grey from its first word on.
    ``numbered``: a faint or grey number stands before the text, as programs number the lines of code. ``tint``: the colour of
    the text, where the sign before it has the same; 0 for the terminal's own."""

    text: str
    ground: int = 0
    muted: bool = False
    numbered: bool = False
    tint: int = 0

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip(" \xa0"))


BARS, FRAMES, LEAST_BAR = ("│", "█", "┃", "▐"), "│┃╭╰┌└├", 3
SIDES = "│┃"
DOUBT = 12  # columns by which one may be wrong about the width of signs that are not ASCII
NUMBER = re.compile(r"\s*\d{1,5}(?: +|$)")
BLANK = Row("")


def read_rows(screen: Screen, start: int, end: int, known: Mapping[str, Row]) -> list[Row]:
    """Absolute rows. ``known``: rows of which the style need not be asked for again."""
    return [known.get(text) or styled(screen, start + place, text) for place, text in enumerate(screen.rows(start, end))]


def styled(screen: Screen, row: int, text: str) -> Row:
    if not text:
        return BLANK
    first = len(text) - len(text.lstrip())
    if text[first].isdigit() and (number := NUMBER.match(text)):
        lead = screen.shade(row, first)
        shade = screen.shade(row, number.end()) if number.end() < len(text) else lead
        return Row(text, lead.ground, shade.muted and not lead.muted, lead.muted)
    behind = text[first + 1 :]
    is_led = behind[:1] in (" ", "\xa0") or (text[first] in SIDES and behind.strip(" \xa0" + SIDES))
    word = len(text) - len(behind.lstrip(" \xa0" + SIDES)) if is_led else first  # behind a bullet, or the side of a frame
    shade = screen.shade(row, word)
    tint = shade.tint if shade.tint and (word == first or screen.shade(row, first).tint == shade.tint) else 0
    return Row(text, shade.ground, shade.muted, False, tint)


def outdented(row: Row, margin: int) -> Row:
    """Without the blanks that a program leaves free on the left."""
    return row._replace(text=row.text[margin:]) if margin and not row.text[:margin].strip() else row


def without_bar(rows: list[Row], columns: int) -> list[Row]:
    """Without a scroll bar in the last column: one that stands there in one row after the other, whatever is in them."""
    found = list(rows)
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and reaches(rows[end].text, columns):
            end += 1
        if sum(1 for row in rows[start:end] if row.text[0] not in FRAMES) >= LEAST_BAR:
            found[start:end] = [without_last(row) for row in rows[start:end]]
        start = max(end, start + 1)
    return found


def reaches(text: str, columns: int) -> bool:
    """Whether a row ends with a piece of a bar in the last column."""
    return text[-1:] in BARS and abs(display_width(text) - columns) <= (0 if text[:-1].isascii() else DOUBT)


def without_last(row: Row) -> Row:
    text = row.text[:-1].rstrip()
    return row._replace(text=text) if text else BLANK
