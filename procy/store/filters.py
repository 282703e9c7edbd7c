"""Filters of the list of sessions that were saved under a name."""

from __future__ import annotations

import sqlite3

from procy.store.db import iso


def save(connection: sqlite3.Connection, name: str, query: str, now_ns: int) -> None:
    """``query`` is as in the page's address; an earlier one of that name is replaced."""
    connection.execute("INSERT OR REPLACE INTO filters VALUES (?, ?, ?)", (name, query, iso(now_ns)))


def drop(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("DELETE FROM filters WHERE name = ?", (name,))


def saved(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """name, query; oldest first."""
    return connection.execute("SELECT name, query FROM filters ORDER BY created_at, name").fetchall()
