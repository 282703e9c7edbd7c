"""What is known of an adapter when it is to replace what is served."""

from __future__ import annotations

import sqlite3

from procy.store import comparisons
from procy.store.servings import Row

BASE = "base"


def standing(connection: sqlite3.Connection, adapter: str, current: Row | None) -> Row | None:
    """The newest comparison with what is served; where nothing is, with its base."""
    return next(iter(comparisons.newest(connection, adapter, rival(adapter, current))), None)


def rival(adapter: str, current: Row | None) -> str:
    return current["name"] if current and current["adapter_path"] and current["name"] != adapter else BASE


def refusal(row: Row | None, adapter: str, current: Row | None) -> tuple[str, str] | None:
    """What speaks against it, and what to do; None where nothing is replaced, or it was found to be better."""
    if current is None or (row and row["verdict"] == "better"):
        return None
    against = rival(adapter, current)
    command = f"procy compare {adapter}" + (f" --against {against}" if against != BASE else "")
    whose = f"{against}, which is served" if against != BASE else "its base"
    if row is None:
        return f"{adapter} was not compared with {whose}", f"Do: {command}; or replace it all the same: --force"
    found = {
        "worse": f"{adapter} was found to be worse than {whose}",
        "open": f"{adapter} was not shown to be better than {whose}",
    }
    return found[row["verdict"]], f"With more corrections look again: {command}; or replace it all the same: --force"
