"""What was taken out for good, and where it had been written to."""

import hashlib
import json
import sqlite3
from collections.abc import Collection, Sequence

from procy import ids
from procy.store.db import from_iso, iso


def is_forgotten(connection: sqlite3.Connection, identifier: str) -> bool:
    """Of a turn or a session."""
    return connection.execute("SELECT 1 FROM forgotten WHERE id = ?", (identifier,)).fetchone() is not None


def note_turns(connection: sqlite3.Connection, condition: str, value: str, now_ns: int) -> None:
    """Remember the ids of the turns for which ``condition``, which holds one ``?``, is true, and those of their sources."""
    connection.execute(
        "INSERT OR REPLACE INTO forgotten SELECT id, 'turn', session_id, NULL, started_at, ? FROM turn_sources "
        f"WHERE turn_id <> id AND turn_id IN (SELECT id FROM turns WHERE {condition})",
        (iso(now_ns), value),
    )
    connection.execute(
        f"INSERT OR REPLACE INTO forgotten SELECT id, 'turn', session_id, seq, started_at, ? FROM turns WHERE {condition}",
        (iso(now_ns), value),
    )


def note_session(connection: sqlite3.Connection, session_id: str, now_ns: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO forgotten SELECT id, 'session', id, NULL, started_at, ? FROM sessions WHERE id = ?",
        (iso(now_ns), session_id),
    )


def starts_of(connection: sqlite3.Connection, session_id: str) -> list[int]:
    """When the session's forgotten turns began (ns)."""
    rows = connection.execute("SELECT started_at FROM forgotten WHERE session_id = ? AND what = 'turn'", (session_id,))
    return [from_iso(row[0]) for row in rows]


def add_export(connection: sqlite3.Connection, session_id: str, kind: str, path: str | None, sha256: str, now_ns: int) -> None:
    """A whole session was written out; ``path`` None: to standard output."""
    connection.execute(
        "INSERT OR REPLACE INTO exports VALUES (?, ?, NULL, ?, ?, ?, ?)",
        (ids.derived_id(now_ns, session_id, kind, path or "", sha256), session_id, kind, path, iso(now_ns), sha256),
    )


def add_telling(connection: sqlite3.Connection, session_id: str, where: str, turn_ids: Collection[str], now_ns: int) -> None:
    """Turns were told to a collector; one row for all that it was told of a session."""
    key = ids.derived_id(0, session_id, "otlp", where)
    row = connection.execute("SELECT turn_ids FROM exports WHERE id = ?", (key,)).fetchone()
    told = json.dumps(sorted({*turn_ids, *(json.loads(row[0]) if row else ())}))
    sha = hashlib.sha256(told.encode()).hexdigest()
    connection.execute(
        "INSERT OR REPLACE INTO exports VALUES (?, ?, ?, 'otlp', ?, ?, ?)", (key, session_id, told, where, iso(now_ns), sha)
    )


def exports_of(connection: sqlite3.Connection, session_ids: Sequence[str], turn_id: str | None = None) -> list[sqlite3.Row]:
    """kind, path, created_at of what these sessions, or one turn of theirs, were written to; oldest first."""
    places = ",".join("?" * len(session_ids))
    rows = connection.execute(
        f"SELECT kind, path, created_at, turn_ids FROM exports WHERE session_id IN ({places}) ORDER BY created_at",
        tuple(session_ids),
    ).fetchall()
    return [row for row in rows if turn_id is None or row[3] is None or turn_id in json.loads(row[3])]
