"""Rows that a program has wrapped itself, as the lines that they were."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from procy.parse.width import display_width

MARKER = re.compile(r"\s*(?:[-•*◦▪‣+] |\d{1,3}[.)] |[>▎│] ?)?")
LEAST_WRAPPED, MOST, NEARLY = 2, 0.8, 0.7
PARTED = re.compile(r"(?:[^\s-]|--)-$|[^\s/]/$|\s--$")
DRAWN = re.compile(r"^\s*[│┃|┌└├╭╰─━═]")  # frames, tables and rules
WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")


def widest(rows: Sequence[str]) -> int:
    """Columns of the widest row of text."""
    return max((display_width(row) for row in rows if not DRAWN.match(row)), default=0)


def unwrapped(rows: Sequence[str], room: int, parts_words: bool = False) -> list[str]:
    """The lines. A row goes on in the next if that is indented like its text and its first word had no ``room`` (columns).
    ``parts_words``: words are parted behind hyphens and slashes as well."""
    widths = [display_width(row) for row in rows]
    lines: list[str] = []
    last_row, last_width = "", 0
    open_at = -1  # the column in which a row must begin to go on with the last line; -1: none can
    for row, width in zip(rows, widths, strict=True):
        indent = len(row) - len(row.lstrip())
        plain = bool(row.strip()) and not DRAWN.match(row)
        off = indent - open_at  # a program that is wrong about the width of a sign puts rows a column too far
        if plain and lines and open_at >= 0 and off in (0, 1) and not is_marked(row):
            glue = glue_of(last_row, row, last_width, room)
            if glue is not None:
                glue = "" if parts_words and PARTED.search(last_row) else glue
                lines[-1] += glue + row.lstrip()
                last_row, last_width = row, width
                continue
        lines.append(row)
        last_row, last_width = row, width
        open_at = len((MARKER.match(row) or [""])[0]) if plain else -1
    return lines


def prose(rows: list[str], columns: int) -> list[str]:
    """The lines of a text that a program has wrapped at the window's width; the rows as they are where that is not plain to see.

    It is where most rows that nearly fill the window have no room for the next word, and blanks stand alone.
    """
    pairs = [(row, following) for row, following in pairwise(rows) if could_go_on(row, following, columns)]
    wrapped = sum(1 for row, following in pairs if glue_of(row, following, display_width(row), columns) is not None)
    return unwrapped(rows, columns) if wrapped >= LEAST_WRAPPED and wrapped >= MOST * len(pairs) else rows


def could_go_on(row: str, following: str, columns: int) -> bool:
    """Whether a row of words nearly fills the window, and the next one stands below it."""
    indent = len(row) - len(row.lstrip())
    is_text = following.strip() and "  " not in row.strip() and not DRAWN.match(row) and not is_marked(following)
    return bool(is_text) and display_width(row) >= NEARLY * columns and following[:indent].isspace() == (indent > 0)


def is_marked(row: str) -> bool:
    return len((MARKER.match(row) or [""])[0]) > len(row) - len(row.lstrip())


def glue_of(row: str, following: str, width: int, room: int) -> str | None:
    """What the program took out between two rows of one line; None when they are two lines."""
    text, rest = row.strip(), following.strip()
    if WIDE.match(text[-1]) and WIDE.match(rest[0]):
        return "" if width + 2 > room else None
    if " " not in text and width >= room:
        return ""
    word = rest.split(" ", 1)[0]
    doubt = 0 if text.isascii() else 1  # programs count the columns of some signs in ways of their own
    return " " if width + 1 + display_width(word) + doubt > room else None
