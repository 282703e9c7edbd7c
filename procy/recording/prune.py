"""Dropping the raw of old sessions: their turns stay, with the screens and the text that pages and searches show."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from procy.recording.forget import below
from procy.store import changes, exchanges
from procy.store.db import iso

LAST_WRITER = (  # a transcript goes with the last session that wrote it
    "SELECT transcript_id FROM transcript_sessions AS own WHERE session_id = :id AND NOT EXISTS (SELECT 1 FROM "
    "transcript_sessions AS later WHERE later.transcript_id = own.transcript_id AND later.session_id != :id "
    "AND (later.from_ns, later.session_id) > (own.from_ns, own.session_id))"
)
RAW = (
    "SELECT length(bytes) + length(reads) + length(screen) FROM terminal_blocks WHERE session_id = :id",
    "SELECT length(parts) FROM exchange_bodies JOIN exchanges ON exchanges.id = exchange_id WHERE session_id = :id",
    "SELECT length(screen) FROM pane_events WHERE session_id = :id",
    "SELECT length(payload) FROM hook_events WHERE session_id = :id",
    f"SELECT length(CAST(line AS BLOB)) FROM transcript_lines WHERE transcript_id IN ({LAST_WRITER})",
    f"SELECT length(content) FROM transcript_files WHERE transcript_id IN ({LAST_WRITER})",
)


class Prunable(NamedTuple):
    """An ended session; ``bytes`` of raw that would go with it and its sub-agents' sessions."""

    id: str
    name: str
    ended_at: str
    turns: int
    bytes: int


def prunable(connection: sqlite3.Connection, spooled: Collection[str] = ()) -> Iterator[Prunable]:
    """The ended sessions that have raw rows, oldest first, each weighed when it is asked for.

    Not those ``spooled``: their raw lies in the spool too, until the sidecar has cleared that.
    """
    rows = connection.execute(
        "SELECT id, coalesce(name, cwd, agent), coalesce(ended_at, started_at), "
        "(SELECT count(*) FROM turns WHERE session_id = sessions.id) FROM sessions "
        "WHERE status IN ('ended', 'lost') AND (parent_id IS NULL OR pane_id IS NOT NULL) ORDER BY 3, id"
    ).fetchall()
    for key, name, ended_at, turns in rows:
        size = 0 if key in spooled else sum(weight(connection, one) for one in below(connection, key))
        if size:
            yield Prunable(key, name, ended_at, turns, size)


def weight(connection: sqlite3.Connection, session_id: str) -> int:
    """Bytes of raw rows that go with one session."""
    parts = " UNION ALL ".join(RAW)
    row = connection.execute(f"WITH raw (size) AS ({parts}) SELECT coalesce(sum(size), 0) FROM raw", {"id": session_id})
    return int(row.fetchone()[0])


def chosen(sessions: Iterator[Prunable], before: str | None, excess: int | None) -> list[Prunable]:
    """Those that ended before a time, and then as many of the oldest as give back ``excess`` bytes."""
    found: list[Prunable] = []
    for one in sessions:
        old = before is not None and one.ended_at < before
        heavy = excess is not None and sum(other.bytes for other in found) < excess
        if not old and not heavy:
            break
        found.append(one)
    return found


def prune(connection: sqlite3.Connection, sessions: Sequence[Prunable], now_ns: int) -> list[changes.Kept]:
    """Delete their raw rows. Belongs into a transaction. Returns the refs that kept their snapshots, which are to be dropped."""
    keys = [key for session in sessions for key in below(connection, session.id)]
    snapshots = changes.kept(connection, session_ids=keys) if keys else []
    for session in sessions:
        for key in below(connection, session.id):
            values = {"id": key, "now": iso(now_ns)}
            connection.execute("DELETE FROM terminal_blocks WHERE session_id = :id", values)
            connection.execute("DELETE FROM hook_events WHERE session_id = :id", values)
            connection.execute(f"DELETE FROM transcript_lines WHERE transcript_id IN ({LAST_WRITER})", values)
            connection.execute(f"DELETE FROM transcript_files WHERE transcript_id IN ({LAST_WRITER})", values)
            drop_pictures(connection, key)
            changes.drop_snapshots(connection, key)
            exchanges.drop_bodies_of(connection, key)
            connection.execute("UPDATE sessions SET pruned_at = :now WHERE id = :id", values)
    return snapshots


def drop_pictures(connection: sqlite3.Connection, session_id: str) -> None:
    """Events stay without the pictures that were taken then. Raw rows are not updated but replaced."""
    rows = connection.execute(
        "SELECT id, session_id, at_ns, offset, kind, detail, NULL FROM pane_events WHERE session_id = ? AND screen IS NOT NULL",
        (session_id,),
    ).fetchall()
    connection.executemany("INSERT OR REPLACE INTO pane_events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Of the database file, without its free pages."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
