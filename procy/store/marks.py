"""Places to find again: bookmarks, and how far a session was read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from procy.store.db import iso


def bookmark(connection: sqlite3.Connection, what: str, target_id: str, session_id: str | None, now_ns: int) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO marks (kind, what, target_id, session_id, created_at) VALUES ('bookmark', ?, ?, ?, ?)",
        (what, target_id, session_id, iso(now_ns)),
    )


def unmark(connection: sqlite3.Connection, what: str, target_id: str) -> None:
    connection.execute("DELETE FROM marks WHERE kind = 'bookmark' AND what = ? AND target_id = ?", (what, target_id))


def bookmarked(connection: sqlite3.Connection, what: str, target_ids: Sequence[str]) -> set[str]:
    """Which of the targets have a bookmark."""
    places = ",".join("?" * len(target_ids))
    rows = connection.execute(
        f"SELECT target_id FROM marks WHERE kind = 'bookmark' AND what = ? AND target_id IN ({places})", (what, *target_ids)
    )
    return {row[0] for row in rows}


def bookmarks_of(connection: sqlite3.Connection, session_id: str, limit: int = 200) -> list[sqlite3.Row]:
    """The bookmarked turns of a session in order: id, seq, origin, status and the beginning of the prompt."""
    return connection.execute(
        "SELECT turns.id, turns.seq, turns.origin, turns.status, substr(turns.prompt, 1, 200) AS prompt "
        "FROM marks JOIN turns ON turns.id = marks.target_id "
        "WHERE marks.session_id = ? AND marks.kind = 'bookmark' AND what = 'turn' ORDER BY turns.seq LIMIT ?",
        (session_id, limit),
    ).fetchall()


# -- how far one has read -----------------------------------------------------------------------------------------------


def seen(connection: sqlite3.Connection, session_id: str, seq: int, now_ns: int) -> None:
    """The session was read up to turn ``seq``; the mark only moves on."""
    connection.execute(
        "INSERT INTO marks (kind, what, target_id, session_id, seq, created_at) "
        "VALUES ('seen', 'session', :id, :id, :seq, :at) ON CONFLICT (kind, what, target_id) "
        "DO UPDATE SET seq = excluded.seq, created_at = excluded.created_at WHERE excluded.seq > seq",
        {"id": session_id, "seq": seq, "at": iso(now_ns)},
    )


def seen_of(connection: sqlite3.Connection, session_id: str) -> sqlite3.Row | None:
    """``seq``, ``created_at``, ``first`` (the first turn behind it), ``turns`` (how many are); None where it was never read."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT seq, created_at, (SELECT min(seq) FROM turns WHERE session_id = target_id AND seq > marks.seq) AS first, "
        "(SELECT count(*) FROM turns WHERE session_id = target_id AND seq > marks.seq) AS turns "
        "FROM marks WHERE kind = 'seen' AND what = 'session' AND target_id = ?",
        (session_id,),
    ).fetchone()
    return row


# -- forgetting ---------------------------------------------------------------------------------------------------------


def forget_session(connection: sqlite3.Connection, session_id: str) -> None:
    connection.execute("DELETE FROM marks WHERE session_id = ?", (session_id,))


def forget_turn(connection: sqlite3.Connection, turn_id: str) -> None:
    connection.execute("DELETE FROM marks WHERE what = 'turn' AND target_id = ?", (turn_id,))
