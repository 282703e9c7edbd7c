"""Screens with bars at the left of prompts, panels and the composer, as OpenCode 1.18.33 draws them, in the form of others.

┃                       a prompt: its bar stands on the ground of the screen
┃  the prompt
┃
     the answer
┃                       a panel: its bar stands on a ground of its own
┃  $ a command
┃
┃  what it printed
┃
┃                       the composer, which has a foot
╹▀▀▀▀▀▀▀▀▀
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from procy.parse.rows import BLANK, Row

BAR = "┃"
FOOT = re.compile(r"^(?P<lead> *)╹▀{8,}")
DEEP = 3  # columns by which texts stand further in than elsewhere
PROMPT = -1  # the ground that prompts get
ASIDE = re.compile(r"^ *[▣+→←✱⚙◇~%] +\S")  # how long it took, what was thought, and calls of one row
TITLE = re.compile(r"^[$#←→✱⠀-⣿] +")  # a command, what was done, or that it is under way
EXPANDS = "Click to "

GroundAt = Callable[[int, int], int]  # row and column on the screen


def composer_row(rows: Sequence[Row]) -> int | None:
    """The first row of the composer; None where none has a bar and a foot."""
    foot = next((place for place in range(len(rows) - 1, -1, -1) if FOOT.match(rows[place].text)), None)
    if foot is None:
        return None
    lead = re.match(" *", rows[foot].text)
    first, column = foot, lead.end() if lead else 0
    while first and rows[first - 1].text[column : column + 1] == BAR:
        first -= 1
    return first


def without_bars(rows: Sequence[Row], ground_at: GroundAt) -> list[Row]:
    """Prompts behind a glyph on a ground of their own, panels as a tool with what it printed, the rest as text."""
    found: list[Row] = []
    place, is_tool = 0, False
    while place < len(rows):
        end, column = place, rows[place].text.find(BAR)
        while column >= 0 and end < len(rows) and rows[end].text.find(BAR) == column and not rows[end].text[:column].strip():
            end += 1
        if end == place:
            row = text_row(rows[place])
            found.append(row._replace(text=f"● {row.text.lstrip()}") if is_tool and row.text else row)  # what follows it is said
            place, is_tool = place + 1, is_tool and not row.text
            continue
        inside = [row.text[column + 3 :] for row in rows[place:end]]
        base = ground_at(place - 1, column) if place else ground_at(end, column)
        is_panel = any(ground_at(row, column) != base for row in range(place, end))
        found += (
            panel(inside, is_whole=place > 0 or not inside[0])
            if is_panel
            else prompt(inside, is_whole=place > 0 or not inside[0])
        )
        is_tool = is_panel
        place = end
    return found


def text_row(row: Row) -> Row:
    if not row.text or ASIDE.match(row.text):
        return BLANK
    return row._replace(text=row.text[min(row.indent, DEEP) :], ground=0)


def prompt(lines: Sequence[str], is_whole: bool) -> list[Row]:
    """``is_whole``: its beginning is on the screen."""
    first = next((place for place, line in enumerate(lines) if line), None)
    rows = [Row("  " + line if line else "", PROMPT if line else 0) for line in lines]
    if first is not None and is_whole:
        rows[first] = Row("> " + lines[first], PROMPT)
    return [*rows, BLANK]


def panel(lines: Sequence[str], is_whole: bool) -> list[Row]:
    first = next((place for place, line in enumerate(lines) if line), None)
    if first is None:
        return [BLANK] * len(lines)
    if not is_whole:
        return [Row(f"     {line}" if line else "") for line in lines]
    title = lines[first]
    what = TITLE.sub("", title)
    rows = [BLANK] * first + [Row(f"● Shell({what})" if title[0] not in "#←→✱" else f"● {what}")]
    inside = [line for line in lines[first + 1 :] if not line.startswith(EXPANDS)]
    while inside and not inside[0]:
        inside.pop(0)
    while inside and not inside[-1]:
        inside.pop()
    rows += [Row(("  ⎿  " if place == 0 else "     ") + (line or "\xa0")) for place, line in enumerate(inside)]
    return [*rows, BLANK]
