"""Prompts that procy types: each becomes a row before its first key, and finds its turn when the agent tells of it."""

import hashlib
import sqlite3
import unicodedata
from typing import Any

from procy.store.db import iso

EARLY_NS = 2_000_000_000  # a turn may be dated so long before the prompt was typed: the agent's clock is rounded
OPEN = "('sending', 'delivered', 'unconfirmed')"


def key_of(text: str) -> str:
    """What a prompt is known by: agents trim it, and change its tabs and line ends."""
    return hashlib.sha256("".join(unicodedata.normalize("NFC", text).split()).encode("utf-8", "replace")).hexdigest()


def add(connection: sqlite3.Connection, injection_id: str, session_id: str, at_ns: int, text: str, masked: str) -> None:
    """``text`` is what is typed, of which only the key is kept; ``masked`` is stored. One that was withheld may come again."""
    connection.execute(
        "INSERT INTO injections (id, session_id, at, text, key, status) VALUES (?, ?, ?, ?, ?, 'sending') "
        "ON CONFLICT (id) DO UPDATE SET at = excluded.at, status = 'sending', confirmed_by = NULL",
        (injection_id, session_id, iso(at_ns), masked, key_of(text)),
    )


def settle(connection: sqlite3.Connection, injection_id: str, status: str, confirmed_by: str | None) -> None:
    connection.execute("UPDATE injections SET status = ?, confirmed_by = ? WHERE id = ?", (status, confirmed_by, injection_id))


def claim(connection: sqlite3.Connection, session_id: str, turn_id: str, prompt: str, started_ns: int) -> str:
    """The origin of a turn: ``procy`` when its prompt was typed by procy, which then belongs to no other turn."""
    if connection.execute("SELECT 1 FROM injections WHERE turn_id = ?", (turn_id,)).fetchone():
        return "procy"
    row = connection.execute(
        f"SELECT id FROM injections WHERE session_id = ? AND key = ? AND turn_id IS NULL AND status IN {OPEN} AND at <= ? "
        "ORDER BY status = 'unconfirmed', at LIMIT 1",
        (session_id, key_of(prompt), iso(started_ns + EARLY_NS)),
    ).fetchone()
    if row is None:
        return "human"
    connection.execute("UPDATE injections SET turn_id = ? WHERE id = ?", (turn_id, row[0]))
    return "procy"


def turn_of(connection: sqlite3.Connection, injection_id: str) -> Any:
    """The turn's row, None while the agent has told of none."""
    return connection.execute(
        "SELECT turns.* FROM injections JOIN turns ON turns.id = injections.turn_id WHERE injections.id = ?", (injection_id,)
    ).fetchone()
