"""Rows of a screen with as much of their style as tells who speaks: the ground under a prompt, and muted asides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from procy.parse.screen import Screen


class Row(NamedTuple):
    """``ground``: the background colour where the text begins, 0 for none. ``muted``: faint or grey from its first word on.
    ``numbered``: a faint or grey number stands before the text, as programs number the lines of code."""

    text: str
    ground: int = 0
    muted: bool = False
    numbered: bool = False

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip(" \xa0"))


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
    word = len(text) - len(behind.lstrip(" \xa0")) if behind[:1] in (" ", "\xa0") else first  # behind a bullet
    shade = screen.shade(row, word)
    return Row(text, shade.ground, shade.muted)
