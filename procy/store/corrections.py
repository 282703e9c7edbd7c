"""Prompts that a human made better. Rows are never overwritten: a later correction of the same turn replaces an earlier one."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from procy.errors import HandleError
from procy.store.db import iso


class Pair(NamedTuple):
    """What was sent, or would have been, and what should have been; both masked, and so is the note."""

    turn_id: str | None
    try_id: str | None
    rejected: str
    chosen: str
    note: str
    author: str


class Prompt(NamedTuple):
    """What can be corrected: the prompt of a turn, or of a try that has none."""

    turn_id: str | None
    try_id: str | None
    text: str


def add(connection: sqlite3.Connection, correction_id: str, at_ns: int, pair: Pair) -> None:
    """Keep a pair. It replaces an earlier one of the same prompt; of a prompt that was not sent yet the turn is named later."""
    connection.execute(
        "INSERT INTO corrections (id, turn_id, try_id, rejected, chosen, note, author, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (correction_id, *pair[:4], pair.note or None, pair.author, iso(at_ns)),
    )
    relink(connection, pair.turn_id, pair.try_id)


OF_PROMPT = "(turn_id = :turn OR try_id = :try)"  # a try's corrections have no turn until its prompt was sent


def relink(connection: sqlite3.Connection, turn_id: str | None, try_id: str | None) -> None:
    """Let the newest correction of a prompt that is not deleted count, and each other one be replaced by the next.

    ``rowid`` is the order in which they were kept, whatever the clock said.
    """
    prompt = {"turn": turn_id, "try": try_id}
    if turn_id:
        connection.execute("UPDATE corrections SET turn_id = :turn WHERE try_id = :try AND turn_id IS NULL", prompt)
    rows = connection.execute(
        f"SELECT id, replaced_by, deleted_at FROM corrections WHERE {OF_PROMPT} ORDER BY rowid DESC", prompt
    ).fetchall()
    later = None
    for correction_id, replaced_by, deleted_at in rows:
        wanted = None if deleted_at else later
        if replaced_by != wanted:
            connection.execute("UPDATE corrections SET replaced_by = ? WHERE id = ?", (wanted, correction_id))
        later = later if deleted_at else correction_id


def set_deleted(connection: sqlite3.Connection, correction_id: str, at_ns: int | None) -> None:
    """Delete one, or with None restore it; the one before it counts again, or no more. Nothing happens where it is so already."""
    changed = connection.execute(
        "UPDATE corrections SET deleted_at = ? WHERE id = ? AND (deleted_at IS NULL) = ? RETURNING turn_id, try_id",
        (None if at_ns is None else iso(at_ns), correction_id, at_ns is not None),
    ).fetchone()
    if changed:
        relink(connection, *changed)


def of_prompt(connection: sqlite3.Connection, turn_id: str | None, try_id: str | None) -> list[Any]:
    """All of a turn, or of a try without one: newest first, deleted ones too."""
    return connection.execute(
        f"SELECT * FROM corrections WHERE {OF_PROMPT} ORDER BY rowid DESC", {"turn": turn_id, "try": try_id}
    ).fetchall()


def standing(connection: sqlite3.Connection, turn_id: str | None, try_id: str | None) -> Any:
    """The correction of a turn, or of a try without one, that counts, or None."""
    return connection.execute(
        f"SELECT * FROM corrections WHERE {OF_PROMPT} AND replaced_by IS NULL AND deleted_at IS NULL",
        {"turn": turn_id, "try": try_id},
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


def newest(connection: sqlite3.Connection, limit: int, before: str = "~") -> list[Any]:
    """Those that count, newest first; of those made ``before`` a time."""
    return connection.execute(
        "SELECT * FROM corrections WHERE replaced_by IS NULL AND deleted_at IS NULL AND created_at < ? "
        "ORDER BY created_at DESC, id DESC LIMIT ?",
        (before, limit),
    ).fetchall()


def link_try(connection: sqlite3.Connection, try_id: str, turn_id: str | None) -> None:
    """Name the turn of a try whose prompt was corrected before it was sent."""
    if turn_id:
        relink(connection, turn_id, try_id)


def find(connection: sqlite3.Connection, handle: str) -> sqlite3.Row:
    """The correction under a handle: ``last``, or the beginning or end of its id. Raises HandleError."""
    alive = "SELECT * FROM corrections WHERE deleted_at IS NULL"
    if handle == "last":
        rows = connection.execute(f"{alive} ORDER BY created_at DESC, id DESC LIMIT 1").fetchall()
    else:
        like = handle.upper().replace("%", "").replace("_", "")
        rows = (
            connection.execute(f"{alive} AND (id LIKE ? OR id LIKE ?) LIMIT 2", (f"{like}%", f"%{like}")).fetchall()
            if like
            else []
        )
    if not rows and handle == "last":
        raise HandleError("no prompt was corrected yet", "Correct the last one: procy correct")
    if len(rows) != 1:
        raise HandleError(
            f"{'several' if rows else 'no'} correction is called {handle!r}", "See what was corrected: procy history"
        )
    found: sqlite3.Row = rows[0]
    return found


def link_replay(connection: sqlite3.Connection, correction_id: str, run_id: str, rejected_try: str, chosen_try: str) -> None:
    connection.execute(
        "UPDATE corrections SET replay_id = ?, rejected_try_id = ?, chosen_try_id = ?, outcome = NULL WHERE id = ?",
        (run_id, rejected_try, chosen_try, correction_id),
    )


def set_outcome(connection: sqlite3.Connection, run_id: str, outcome: dict[str, Any]) -> None:
    connection.execute("UPDATE corrections SET outcome = ? WHERE replay_id = ?", (json.dumps(outcome), run_id))
