"""Places in one session's terminal text that hold what is searched for, in the order in which they were shown."""

from __future__ import annotations

import sqlite3

from procy.store.read import match_expression

MOST = 500


def terminal_hits(connection: sqlite3.Connection, session_id: str, query: str, limit: int = MOST) -> list[sqlite3.Row]:
    """``offset`` by which the text was complete, and ``before``, that of the text before it."""
    expression = match_expression(query)
    if not expression:
        return []
    first, last = connection.execute("SELECT min(id), max(id) FROM terminal_texts WHERE session_id = ?", (session_id,)).fetchone()
    return connection.execute(
        "SELECT texts.offset, coalesce((SELECT max(offset) FROM terminal_texts AS earlier "
        "WHERE earlier.session_id = texts.session_id AND earlier.offset < texts.offset), 0) AS before "
        "FROM terminal_fts CROSS JOIN terminal_texts AS texts ON texts.id = terminal_fts.rowid "
        "WHERE terminal_fts MATCH :query AND terminal_fts.rowid BETWEEN :first AND :last AND texts.session_id = :session "
        "ORDER BY terminal_fts.rowid LIMIT :limit",
        {"query": expression, "first": first, "last": last, "session": session_id, "limit": limit},
    ).fetchall()
