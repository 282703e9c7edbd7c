"""The numbers of a session's turns: by time, from 1, without a gap but for those that were forgotten."""

from __future__ import annotations

import sqlite3

from procy.store.db import iso

TABLES = ("turns", "forgotten")


def next_seq(connection: sqlite3.Connection, session_id: str, started_ns: int) -> int:
    """The number of a new turn: turns are numbered by time, so later ones make room for one that is learned late.

    A forgotten turn keeps its number: what began in the same millisecond goes around it.
    """
    at = iso(started_ns)
    turns, forgotten = (f"SELECT max(seq) FROM {table} WHERE session_id = ? AND started_at {{}} ?" for table in TABLES)
    behind = (turns.format("<="), forgotten.format("<"))
    seq = 1 + max(connection.execute(query, (session_id, at)).fetchone()[0] or 0 for query in behind)
    same = connection.execute("SELECT seq FROM forgotten WHERE session_id = ? AND started_at = ?", (session_id, at)).fetchall()
    while (seq,) in same:
        seq += 1
    if any(
        connection.execute(f"SELECT 1 FROM {table} WHERE session_id = ? AND seq = ?", (session_id, seq)).fetchone()
        for table in TABLES
    ):
        move(connection, session_id, seq, 1)
    return seq


def move(connection: sqlite3.Connection, session_id: str, first: int, by: int) -> None:
    """Let the numbers from ``first`` on be greater by so much."""
    for table in TABLES:
        connection.execute(f"UPDATE {table} SET seq = -seq - ? WHERE session_id = ? AND seq >= ?", (by, session_id, first))
        connection.execute(f"UPDATE {table} SET seq = -seq WHERE session_id = ? AND seq < 0", (session_id,))


def drop_turn(connection: sqlite3.Connection, turn_id: str) -> None:
    """Delete a turn that turned out to be another one; those behind it move up."""
    row = connection.execute("DELETE FROM turns WHERE id = ? RETURNING session_id, seq", (turn_id,)).fetchone()
    if row:
        move(connection, row[0], row[1] + 1, -1)


def renumber(connection: sqlite3.Connection, turn_id: str, started_ns: int) -> int:
    """The number of a turn that is found to have begun at another time."""
    session_id, seq, at = connection.execute("SELECT session_id, seq, started_at FROM turns WHERE id = ?", (turn_id,)).fetchone()
    began = iso(started_ns)
    wrong = (
        "SELECT 1 FROM turns WHERE session_id = ? AND id <> ? AND ((seq < ? AND started_at > ?) OR (seq > ? AND started_at < ?))"
    )
    if at == began or not connection.execute(wrong, (session_id, turn_id, seq, began, seq, began)).fetchone():
        return int(seq)
    connection.execute("UPDATE turns SET seq = 0, started_at = '~' WHERE id = ?", (turn_id,))
    move(connection, session_id, seq + 1, -1)
    return next_seq(connection, session_id, started_ns)
