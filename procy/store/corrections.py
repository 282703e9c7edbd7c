"""Prompts that a human made better. Rows are never overwritten: a later correction of the same turn replaces an earlier one."""

import sqlite3
from typing import Any

from procy.store.db import iso


def add(connection: sqlite3.Connection, correction_id: str, at_ns: int, turn: Any, chosen: str, note: str, author: str) -> None:
    """``turn`` is a row of turns, whose prompt is the rejected one; ``chosen`` and ``note`` are masked."""
    connection.execute(
        "INSERT INTO corrections (id, turn_id, try_id, rejected, chosen, note, author, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (correction_id, turn["id"], turn["try_id"], turn["prompt"], chosen, note or None, author, iso(at_ns)),
    )
    connection.execute(
        "UPDATE corrections SET replaced_by = ? WHERE turn_id = ? AND id != ? AND replaced_by IS NULL AND deleted_at IS NULL",
        (correction_id, turn["id"], correction_id),
    )


def of_turn(connection: sqlite3.Connection, turn_id: str) -> Any:
    """The correction that counts, or None."""
    return connection.execute(
        "SELECT * FROM corrections WHERE turn_id = ? AND replaced_by IS NULL AND deleted_at IS NULL", (turn_id,)
    ).fetchone()


def wanting(connection: sqlite3.Connection, session_id: str, running: bool = False) -> Any:
    """The turn that one would correct: the last prompt that procy typed, else the last a human did; None without any.

    ``running``: first of all one that the agent works on.
    """
    return connection.execute(
        "SELECT * FROM turns WHERE session_id = ? AND kind = 'prompt' "
        "ORDER BY (status = 'open' AND ?) DESC, origin = 'procy' DESC, seq DESC LIMIT 1",
        (session_id, running),
    ).fetchone()
