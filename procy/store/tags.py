"""Labels that somebody put on sessions, turns and tries. They name their target without a reference: `procy rebuild` makes
the same ids again."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from procy.store.db import iso


def add(connection: sqlite3.Connection, what: str, target_id: str, tag: str, session_id: str | None, now_ns: int) -> None:
    """``what``: session, turn or try. A tag that is there already stays as it is."""
    connection.execute(
        "INSERT OR IGNORE INTO tags (what, target_id, tag, session_id, created_at) VALUES (?, ?, ?, ?, ?)",
        (what, target_id, tag, session_id, iso(now_ns)),
    )


def remove(connection: sqlite3.Connection, what: str, target_id: str, tag: str) -> None:
    connection.execute("DELETE FROM tags WHERE what = ? AND target_id = ? AND tag = ?", (what, target_id, tag))


def of(connection: sqlite3.Connection, what: str, target_ids: Sequence[str]) -> dict[str, list[str]]:
    """The tags of each target, by name."""
    found: dict[str, list[str]] = {target_id: [] for target_id in target_ids}
    places = ",".join("?" * len(target_ids))
    rows = connection.execute(
        f"SELECT target_id, tag FROM tags WHERE what = ? AND target_id IN ({places}) ORDER BY tag", (what, *target_ids)
    )
    for target_id, tag in rows:
        found[target_id].append(tag)
    return found


def known(connection: sqlite3.Connection, limit: int = 200) -> list[str]:
    """Every tag that is used, the most used first."""
    rows = connection.execute("SELECT tag FROM tags GROUP BY tag ORDER BY count(*) DESC, tag LIMIT ?", (limit,))
    return [row[0] for row in rows]


def tagged_turns(connection: sqlite3.Connection, tag: str, session_ids: Sequence[str], limit: int = 500) -> dict[str, list[int]]:
    """The seqs of each session's turns that have the tag."""
    found: dict[str, list[int]] = {session_id: [] for session_id in session_ids}
    places = ",".join("?" * len(session_ids))
    rows = connection.execute(
        "SELECT turns.session_id, seq FROM tags JOIN turns ON turns.id = target_id "
        f"WHERE tag = ? AND what = 'turn' AND tags.session_id IN ({places}) ORDER BY seq LIMIT ?",
        (tag, *session_ids, limit),
    )
    for session_id, seq in rows:
        found.setdefault(session_id, []).append(seq)
    return found


def forget_session(connection: sqlite3.Connection, session_id: str) -> None:
    """Those of the session and of what is in it."""
    connection.execute("DELETE FROM tags WHERE session_id = ?", (session_id,))


def forget_turn(connection: sqlite3.Connection, turn_id: str) -> None:
    connection.execute("DELETE FROM tags WHERE what = 'turn' AND target_id = ?", (turn_id,))
