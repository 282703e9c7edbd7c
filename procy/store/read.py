"""Rows out. Every function takes an open reader (``db.open_reader``); rows are ``sqlite3.Row``, named as in the schema."""

import re
import sqlite3
from collections.abc import Sequence

from procy.errors import HandleError
from procy.store.wanted import EVERY, Wanted, session_conditions, turn_conditions, values_of

SESSION_SUMMARY = """
SELECT sessions.*,
       (SELECT count(*) FROM turns WHERE session_id = sessions.id) AS turns,
       (SELECT max(started_at) FROM turns WHERE session_id = sessions.id) AS last_turn_at
FROM sessions
"""
NO_SUBAGENT = "parent_id IS NULL OR pane_id IS NOT NULL"  # a sub-agent has no pane of its own
SHORT = 6  # characters of the end of an id that lists show


def short(identifier: str) -> str:
    """The end of an id: as good as the whole one wherever a handle is taken."""
    return identifier[-SHORT:]


# -- sessions -----------------------------------------------------------------------------------------------------------


def list_sessions(
    connection: sqlite3.Connection, limit: int = 50, live: bool = False, children: bool = False, wanted: Wanted = EVERY
) -> list[sqlite3.Row]:
    """Newest first; ``live`` ones are recorded now. Sub-agents' sessions only where ``children`` is set."""
    conditions = ["status IN ('recording', 'paused')"] if live else []
    conditions += [] if children else [NO_SUBAGENT]
    conditions += session_conditions(wanted)
    where = "WHERE " + " AND ".join(f"({condition})" for condition in conditions) if conditions else ""
    query = f"{SESSION_SUMMARY} {where} ORDER BY started_at DESC, id DESC LIMIT :limit"
    return connection.execute(query, {**values_of(wanted), "limit": limit}).fetchall()


def find_session(connection: sqlite3.Connection, handle: str) -> sqlite3.Row:
    """The session meant by ``last``, ``-2``, ``%3``, a name, or the beginning or end of an id. Raises HandleError."""
    rows = _sessions_by_handle(connection, handle)
    if not rows and handle.startswith("%"):
        raise HandleError(f"pane {handle} was never recorded", f"Record it: procy record -t {handle}")
    if not rows and connection.execute("SELECT 1 FROM sessions LIMIT 1").fetchone() is None:
        raise HandleError("nothing was recorded yet", "Start with: procy record -- claude")
    if not rows:
        raise HandleError(f"no session {handle!r}", "List them with: procy sessions")
    if len(rows) > 1:
        names = ", ".join(short(row["id"]) for row in rows[:5])
        raise HandleError(f"{handle!r} may be {len(rows)} sessions: {names}", "Give more of the id")
    return rows[0]


def _sessions_by_handle(connection: sqlite3.Connection, handle: str) -> list[sqlite3.Row]:
    newest = f"{SESSION_SUMMARY} WHERE {NO_SUBAGENT} ORDER BY started_at DESC, id DESC"
    if handle in ("last", "") or re.fullmatch(r"-[1-9]\d{0,5}", handle):
        skip = int(handle[1:]) - 1 if handle.startswith("-") else 0
        return connection.execute(f"{newest} LIMIT 1 OFFSET ?", (skip,)).fetchall()
    if handle.startswith("%"):
        return connection.execute(
            f"{SESSION_SUMMARY} WHERE pane_id = ? ORDER BY status IN ('recording', 'paused') DESC, started_at DESC LIMIT 1",
            (handle,),
        ).fetchall()
    by_name = connection.execute(f"{SESSION_SUMMARY} WHERE name = ? ORDER BY started_at DESC LIMIT 1", (handle,)).fetchall()
    if by_name:
        return by_name
    text = handle.upper()
    if not re.fullmatch(r"[0-9A-Z]{2,26}", text):
        return []
    return connection.execute(
        f"{SESSION_SUMMARY} WHERE id LIKE ? OR id LIKE ? ORDER BY started_at DESC LIMIT 6", (f"{text}%", f"%{text}")
    ).fetchall()


def children_of(connection: sqlite3.Connection, session_id: str) -> list[sqlite3.Row]:
    """Sub-agents', forked and resumed sessions."""
    return connection.execute(f"{SESSION_SUMMARY} WHERE parent_id = ? ORDER BY started_at", (session_id,)).fetchall()


def last_hooks(connection: sqlite3.Connection, session_id: str, limit: int = 20) -> list[sqlite3.Row]:
    """What the agent's hooks told last, oldest first: (at_ns, event, payload)."""
    newest = "SELECT at_ns, event, payload FROM hook_events WHERE session_id = ? ORDER BY at_ns DESC LIMIT ?"
    return connection.execute(newest, (session_id, limit)).fetchall()[::-1]


# -- turns --------------------------------------------------------------------------------------------------------------


def list_turns(
    connection: sqlite3.Connection, session_id: str, after: int = 0, before: int | None = None, limit: int = 100
) -> list[sqlite3.Row]:
    """Turns ``after < seq < before`` in order; with ``before`` alone the last ``limit`` of them."""
    if before is not None and not after:
        rows = connection.execute(
            "SELECT * FROM turns WHERE session_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?", (session_id, before, limit)
        ).fetchall()
        return rows[::-1]
    return connection.execute(
        "SELECT * FROM turns WHERE session_id = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?",
        (session_id, after, before if before is not None else 1 << 62, limit),
    ).fetchall()


def find_turn(connection: sqlite3.Connection, handle: str) -> sqlite3.Row:
    """A turn by ``SESSION:NUMBER`` (``last:3``, ``%3:-1`` counts from the end) or the beginning or end of its id."""
    session, colon, number = handle.rpartition(":")
    if colon and not re.fullmatch(r"-?\d{0,9}", number):
        raise HandleError(f"no turn {handle!r}: {number!r} is no number", "Name it as SESSION:NUMBER, as in last:3")
    if colon:
        session_id = find_session(connection, session or "last")["id"]
        place = max(int(number.lstrip("-") or 1), 1)
        which = "ORDER BY seq DESC LIMIT 1 OFFSET ? - 1" if number.startswith("-") else "AND seq = ?"
        rows: list[sqlite3.Row] = connection.execute(
            f"SELECT * FROM turns WHERE session_id = ? {which}", (session_id, place)
        ).fetchall()
        if not rows:
            raise HandleError(f"no turn {handle!r}", f"See them with: procy show {session or 'last'}")
        return rows[0]
    rows = connection.execute(
        "SELECT * FROM turns WHERE id LIKE ? OR id LIKE ? LIMIT 2", (f"{handle.upper()}%", f"%{handle.upper()}")
    ).fetchall()
    if len(rows) != 1:
        raise HandleError(f"{'several turns' if rows else 'no turn'} {handle!r}", "Name it as SESSION:NUMBER, as in last:3")
    return rows[0]


def turn_with_answer(connection: sqlite3.Connection, session_id: str) -> sqlite3.Row | None:
    """The session's last turn in which something was answered."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM turns WHERE session_id = ? AND response != '' ORDER BY seq DESC LIMIT 1", (session_id,)
    ).fetchone()
    return row


def tool_calls(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
    """The calls of each turn, in order."""
    calls: dict[str, list[sqlite3.Row]] = {turn_id: [] for turn_id in turn_ids}
    places = ",".join("?" * len(turn_ids))
    for row in connection.execute(f"SELECT * FROM tool_calls WHERE turn_id IN ({places}) ORDER BY turn_id, seq", tuple(turn_ids)):
        calls[row["turn_id"]].append(row)
    return calls


def turn_files(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
    files: dict[str, list[sqlite3.Row]] = {turn_id: [] for turn_id in turn_ids}
    places = ",".join("?" * len(turn_ids))
    for row in connection.execute(f"SELECT * FROM turn_files WHERE turn_id IN ({places}) ORDER BY path", tuple(turn_ids)):
        files[row["turn_id"]].append(row)
    return files


def history(
    connection: sqlite3.Connection, limit: int, session_id: str | None = None, wanted: Wanted = EVERY
) -> list[sqlite3.Row]:
    """The newest prompts, newest last; with ``rejected``, ``chosen``, ``note``, ``outcome`` and
    ``correction_id`` of the correction that counts."""
    conditions = [*(["turns.session_id = :session"] if session_id else []), *turn_conditions(wanted)]
    where = "WHERE " + " AND ".join(conditions) if conditions else ""
    rows = connection.execute(
        "SELECT turns.*, sessions.agent, sessions.cwd, corrections.id AS correction_id, "
        "rejected, chosen, note, outcome "
        "FROM turns JOIN sessions ON sessions.id = turns.session_id "
        "LEFT JOIN corrections ON corrections.turn_id = turns.id AND replaced_by IS NULL AND deleted_at IS NULL "
        f"{where} ORDER BY turns.started_at DESC LIMIT :limit",
        {**values_of(wanted), "session": session_id, "limit": limit},
    ).fetchall()
    return rows[::-1]


# -- search -------------------------------------------------------------------------------------------------------------

FTS_WORD = re.compile(r'"[^"]*"\*?|\S+')


def match_expression(query: str) -> str:
    """What a person types as an FTS5 expression: words are all wanted, ``"…"`` is a phrase, ``word*`` a beginning."""
    parts = []
    for word in FTS_WORD.findall(query):
        star = "*" if word.endswith("*") else ""
        text = word.rstrip("*").strip('"').replace('"', '""')
        if text:
            parts.append(f'"{text}"{star}')
    return " ".join(parts)


def search_turns(
    connection: sqlite3.Connection, query: str, limit: int = 20, session_id: str | None = None, wanted: Wanted = EVERY
) -> list[sqlite3.Row]:
    """Turns that hold all words, newest first, with ``agent``, ``session_name``, ``cwd`` and ``snippet``.

    Matches in ``snippet`` stand between \\x01 and \\x02; it equals ``tools`` where it is of tool calls' input.
    """
    expression = match_expression(query)
    if not expression:
        return []
    first, last = 0, 1 << 62
    if session_id:
        first, last = connection.execute("SELECT min(n), max(n) FROM turns WHERE session_id = ?", (session_id,)).fetchone()
    narrowed = "".join(f"AND {one} " for one in turn_conditions(wanted))
    return connection.execute(
        "SELECT turns.*, sessions.agent, sessions.name AS session_name, sessions.cwd, "
        "snippet(turns_fts, -1, char(1), char(2), '…', 32) AS snippet, snippet(turns_fts, 2, char(1), char(2), '…', 32) AS tools "
        "FROM turns_fts CROSS JOIN turns ON turns.n = turns_fts.rowid CROSS JOIN sessions ON sessions.id = turns.session_id "
        "WHERE turns_fts MATCH :query AND turns_fts.rowid BETWEEN :first AND :last "
        f"AND (:session IS NULL OR turns.session_id = :session) {narrowed}ORDER BY turns_fts.rowid DESC LIMIT :limit",
        {"query": expression, "first": first, "last": last, "session": session_id, "limit": limit, **values_of(wanted)},
    ).fetchall()


def turns_with(connection: sqlite3.Connection, query: str, session_id: str, limit: int = 20_000) -> list[int]:
    """The seqs of a session's turns that hold all words, in order."""
    expression = match_expression(query)
    if not expression:
        return []
    first, last = connection.execute("SELECT min(n), max(n) FROM turns WHERE session_id = ?", (session_id,)).fetchone()
    rows = connection.execute(
        "SELECT turns.seq FROM turns_fts CROSS JOIN turns ON turns.n = turns_fts.rowid WHERE turns_fts MATCH ? "
        "AND turns_fts.rowid BETWEEN ? AND ? AND turns.session_id = ? ORDER BY turns.seq LIMIT ?",
        (expression, first, last, session_id, limit),
    )
    return [row[0] for row in rows]


def search_terminal(
    connection: sqlite3.Connection, query: str, limit: int = 20, session_id: str | None = None, wanted: Wanted = EVERY
) -> list[sqlite3.Row]:
    """Places in terminal text that hold all words: session_id, offset, snippet, and of the session agent, name, cwd, start."""
    expression = match_expression(query)
    if not expression:
        return []
    first, last = 0, 1 << 62
    if session_id:
        own = "SELECT min(id), max(id) FROM terminal_texts WHERE session_id = ?"
        first, last = connection.execute(own, (session_id,)).fetchone()
    conditions = " AND ".join(session_conditions(wanted))
    narrowed = f"AND terminal_texts.session_id IN (SELECT id FROM sessions WHERE {conditions}) " if conditions else ""
    return connection.execute(
        "SELECT terminal_texts.session_id, terminal_texts.offset, "
        "snippet(terminal_fts, 0, char(1), char(2), '…', 24) AS snippet, "
        "sessions.agent, sessions.name AS session_name, sessions.cwd, sessions.started_at "
        "FROM terminal_fts CROSS JOIN terminal_texts ON terminal_texts.id = terminal_fts.rowid "
        "CROSS JOIN sessions ON sessions.id = terminal_texts.session_id "
        "WHERE terminal_fts MATCH :query AND terminal_fts.rowid BETWEEN :first AND :last "
        "AND (:session IS NULL OR terminal_texts.session_id = :session) "
        f"{narrowed}ORDER BY terminal_fts.rowid DESC LIMIT :limit",
        {"query": expression, "first": first, "last": last, "session": session_id, "limit": limit, **values_of(wanted)},
    ).fetchall()
