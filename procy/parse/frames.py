"""Calls of tools that a program draws in a frame, as Gemini CLI 0.61.0 and Qwen Code 0.24.4 do, in the form of others::

╭──────────────────────╮
│ ✓  Shell echo one    │        ● Shell(echo one)
│                      │          ⎿  one
│ one                  │
╰──────────────────────╯
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from procy.parse.rows import BLANK, Row

TOP, BOTTOM = re.compile(r"^ {0,2}╭─{8,}"), re.compile(r"^ {0,2}╰─{8,}")
SIDES = re.compile(r"^ {0,2}│ ?|\s*│$")
TITLE = re.compile(r"^(?P<sign>[✓✔✗✘✕x?⊶⊷o·⠀-⣿-]) +(?P<name>[A-Z]\w*)(?: (?P<input>.*))?$")
DONE = re.compile(r"^ {1,4}[✓✔] +(?P<name>[A-Z]\w*) (?P<input>\S.*?)(?: → .*)?$")
FAILED = "✗✘✕x"


def unboxed(rows: Sequence[Row]) -> list[Row]:
    """The rows, with every frame that has a tool's title in it as a tool with what it printed."""
    found: list[Row] = []
    place = 0
    while place < len(rows):
        end = bottom_of(rows, place) if TOP.match(rows[place].text) else None
        tool = tool_in([SIDES.sub("", row.text) for row in rows[place + 1 : end]]) if end else []
        if end and tool:
            found += [BLANK, *tool, BLANK]
            place = end + 1
        else:
            found += done_without(rows[place])
            place += 1
    return found


def done_without(row: Row) -> list[Row]:
    """A title that has no frame around it, or the row as it is."""
    done = DONE.match(row.text)
    return [BLANK, Row(f"● {done['name']}({done['input']})"), BLANK] if done else [row]


def bottom_of(rows: Sequence[Row], top: int) -> int | None:
    for place in range(top + 1, len(rows)):
        text = rows[place].text
        if BOTTOM.match(text):
            return place
        if not text.lstrip().startswith("│"):
            return None
    return None


def tool_in(lines: Sequence[str]) -> list[Row]:
    """A title, which may go on in the next row, and what stands below a blank one; [] where there is no title."""
    title = TITLE.match(lines[0]) if lines else None
    if title is None:
        return []
    blank = next((place for place, line in enumerate(lines) if not line.strip()), len(lines))
    given = " ".join([title["input"] or "", *(line.strip() for line in lines[1:blank])]).removesuffix("←").strip()
    inside = [line.rstrip() for line in lines[blank:]]
    while inside and not inside[0]:
        inside.pop(0)
    failed = ["Error"] if title["sign"] in FAILED else []
    printed = [Row(("  ⎿  " if place == 0 else "     ") + (line or "\xa0")) for place, line in enumerate([*failed, *inside])]
    return [Row(f"● {title['name']}({given})"), *(printed or [Row("  ⎿  ")])]
