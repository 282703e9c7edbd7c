"""Which files a session changed, and in which turns."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from procy.store import session_pages
from procy.store.summary import lines_changed
from procy.ui import words

TURNS = 60  # of one file that are named; the first and the last
FILES = 2_000


@dataclass(slots=True)
class Changed:
    """``turns``: (id, seq, change) in order. ``added`` and ``removed`` count lines over all of them."""

    path: str
    added: int = 0
    removed: int = 0
    untold: int = 0  # turns that changed it without telling a diff
    turns: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def change(self) -> str:
        """What became of it over all."""
        first, last = self.turns[0][2], self.turns[-1][2]
        return last if last == "deleted" else first if first == "added" else last

    @property
    def shown(self) -> list[tuple[str, int, str] | None]:
        """The turns that are named; None where some are left out."""
        if len(self.turns) <= TURNS:
            return [*self.turns]
        return [*self.turns[: TURNS // 2], None, *self.turns[-TURNS // 2 :]]


def changed_of(connection: sqlite3.Connection, session: sqlite3.Row) -> list[Changed]:
    """The files that changed in most turns first; paths relative where they lie in the session's directory."""
    found: dict[str, Changed] = {}
    for path, change, diff, turn_id, seq in session_pages.changed_files(connection, session["id"]):
        one = found.setdefault(path, Changed(words.below(path, session["cwd"])))
        plus, minus = lines_changed(diff)
        one.added, one.removed, one.untold = one.added + plus, one.removed + minus, one.untold + (not diff)
        one.turns.append((turn_id, seq, change))
    return sorted(found.values(), key=lambda one: (-len(one.turns), one.path))
