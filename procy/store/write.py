"""Rows in. Every function takes an open writer (``db.open_writer``) and belongs inside one ``transaction``.

Values are plain or from ``procy.types``; what the user must not keep (keys, tokens) is masked here, at the one door
through which derived text enters the database.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from procy import ids
from procy.store import blobs, changes, exchanges, injections, turn_sources
from procy.store.db import explained, iso, open_writer
from procy.store.forgotten import is_forgotten
from procy.store.numbers import next_seq, renumber
from procy.types import PaneEvent, Picture, ToolCall, Turn

Mask = Callable[[str], str]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once, so a wait happens here and not in the middle."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield


@contextmanager
def written(path: str) -> Iterator[sqlite3.Connection]:
    """One transaction on a connection of its own. Raises StoreError."""
    connection = open_writer(path)
    try:
        with explained(path), transaction(connection):
            yield connection
    finally:
        connection.close()


# -- raw ----------------------------------------------------------------------------------------------------------------


def put_session(connection: sqlite3.Connection, session_id: str, values: Mapping[str, Any]) -> None:
    """Insert a session or change the given columns of it. When it began stays, and which agent it is found to be."""
    columns = ["id", *values]
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in ("started_at", "agent"))
    connection.execute(
        f"INSERT INTO sessions ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT (id) DO UPDATE SET {updates}",
        (session_id, *values.values()),
    )


def change_session(connection: sqlite3.Connection, session_id: str, values: Mapping[str, Any]) -> None:
    updates = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE sessions SET {updates} WHERE id = ?", (*values.values(), session_id))


def give_up(connection: sqlite3.Connection, live: Collection[str]) -> None:
    """End every session that is said to be recorded, in a pane, below one or as a stream, and is not among the live ones."""
    rows = connection.execute(
        "SELECT id, coalesce((SELECT max(coalesce(ended_at, started_at)) FROM turns WHERE session_id = sessions.id), started_at) "
        "FROM sessions WHERE status IN ('recording', 'paused') "
        "AND (origin = 'stream' OR (origin = 'tmux' AND (pane_id IS NOT NULL OR parent_id IS NOT NULL)))"
    ).fetchall()
    parents = dict(
        connection.execute(
            "SELECT id, parent_id FROM sessions WHERE pane_id IS NULL AND parent_id IS NOT NULL AND origin = 'tmux'"
        )
    )
    for session_id, last in rows:
        if parents.get(session_id, session_id) not in live:
            change_session(connection, session_id, {"status": "lost", "state": None, "ended_at": last})


def add_block(connection: sqlite3.Connection, session_id: str, block: blobs.Block) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO terminal_blocks "
        "(session_id, start, end, started_ns, ended_ns, bytes, reads, columns, rows, screen) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (session_id, *block),
    )


def put_cursor(connection: sqlite3.Connection, session_id: str, segment: int, index: int, offset: int) -> None:
    connection.execute("INSERT OR REPLACE INTO spool_cursors VALUES (?, ?, ?, ?)", (session_id, segment, index, offset))


def drop_cursor(connection: sqlite3.Connection, session_id: str) -> None:
    connection.execute("DELETE FROM spool_cursors WHERE session_id = ?", (session_id,))


def add_pane_event(connection: sqlite3.Connection, session_id: str, event: PaneEvent) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO pane_events VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            ids.derived_id(event.at_ns, session_id, str(event.offset), event.kind),
            session_id,
            event.at_ns,
            event.offset,
            event.kind,
            json.dumps(event.detail),
            None if event.picture is None else blobs.pack(event.picture.escapes),
        ),
    )


def add_hook_event(connection: sqlite3.Connection, session_id: str, at_ns: int, event: str, payload: str) -> None:
    key = ids.derived_id(at_ns, session_id, event, payload)
    connection.execute("INSERT OR IGNORE INTO hook_events VALUES (?, ?, ?, ?, ?)", (key, session_id, at_ns, event, payload))


def transcript_id(agent: str, agent_session_id: str, path: str) -> str:
    return ids.derived_id(0, agent, agent_session_id, path)


def put_transcript(
    connection: sqlite3.Connection, session_id: str, agent: str, agent_session_id: str, path: str, from_ns: int
) -> None:
    """The session writes this transcript from that time on; the one that wrote it before is its parent."""
    key = transcript_id(agent, agent_session_id, path)
    connection.execute(
        "INSERT OR IGNORE INTO transcripts (id, agent, agent_session_id, path) VALUES (?, ?, ?, ?)",
        (key, agent, agent_session_id, path),
    )
    connection.execute("INSERT OR IGNORE INTO transcript_sessions VALUES (?, ?, ?)", (key, from_ns, session_id))
    row = connection.execute(
        "SELECT session_id FROM transcript_sessions WHERE transcript_id = ? AND from_ns < ? AND session_id != ? "
        "ORDER BY from_ns DESC LIMIT 1",
        (key, from_ns, session_id),
    ).fetchone()
    if row:
        put_parent(connection, session_id, row[0])


def put_fork(connection: sqlite3.Connection, session_id: str, agent_session_id: str) -> None:
    """The session goes on from a copy of that conversation."""
    row = connection.execute(
        "SELECT session_id FROM transcript_sessions JOIN transcripts ON transcripts.id = transcript_id "
        "WHERE agent_session_id = ? ORDER BY from_ns DESC LIMIT 1",
        (agent_session_id,),
    ).fetchone()
    if row:
        put_parent(connection, session_id, row[0])


def put_parent(connection: sqlite3.Connection, session_id: str, parent_id: str) -> None:
    """Unless it has one. A parent began before its child, so there are no circles."""
    connection.execute(
        "UPDATE sessions SET parent_id = :parent WHERE id = :id AND parent_id IS NULL "
        "AND started_at > (SELECT started_at FROM sessions WHERE id = :parent)",
        {"id": session_id, "parent": parent_id},
    )


def add_transcript_lines(
    connection: sqlite3.Connection, transcript_id: str, lines: Sequence[tuple[int, bytes]], next_offset: int
) -> None:
    """``lines`` are (offset of the first byte, line without its newline)."""
    for offset, line in lines:
        add_transcript_line(connection, transcript_id, offset, line)
    connection.execute("UPDATE transcripts SET next_offset = ? WHERE id = ?", (next_offset, transcript_id))


def add_transcript_line(connection: sqlite3.Connection, transcript_id: str, offset: int, line: bytes) -> None:
    connection.execute("INSERT OR IGNORE INTO transcript_lines VALUES (?, ?, ?)", (transcript_id, offset, text_or_bytes(line)))


def add_transcript_file(connection: sqlite3.Connection, transcript_id: str, path: str, content: bytes) -> None:
    connection.execute("INSERT OR IGNORE INTO transcript_files VALUES (?, ?, ?)", (transcript_id, path, blobs.pack(content)))


def text_or_bytes(line: bytes) -> str | bytes:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line


# -- derived ------------------------------------------------------------------------------------------------------------

TURN_COLUMNS = (
    "id", "session_id", "seq", "origin", "kind", "folded", "prompt", "response", "reasoning", "status", "error", "source",
    "agent_session_id", "model", "started_at", "ended_at", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "reasoning_tokens", "cost_usd", "terminal_from", "terminal_to", "tool_count", "usage_from",
)  # fmt: skip
PUT_TURN = (
    f"INSERT INTO turns ({', '.join(TURN_COLUMNS)}) VALUES ({', '.join('?' * len(TURN_COLUMNS))}) "
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in TURN_COLUMNS if name not in ("id", "session_id"))
    + " RETURNING n"
)

TOOL_CALL_COLUMNS = (
    "id", "turn_id", "seq", "name", "input", "result", "status", "started_at", "duration_ms", "response_at",
)  # fmt: skip
PUT_TOOL_CALL = (  # not REPLACE: it deletes without a trigger, and `tool_activity` would count a call twice
    f"INSERT INTO tool_calls ({', '.join(TOOL_CALL_COLUMNS)}) VALUES ({', '.join('?' * len(TOOL_CALL_COLUMNS))}) "
    "ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in TOOL_CALL_COLUMNS if name != "id")
)

PUT_TRY = """
UPDATE turns SET try_id = (
    SELECT tries.id FROM tries JOIN injections ON injections.id = tries.injection_id WHERE injections.turn_id = ?
) WHERE id = ?
"""


def put_turn(connection: sqlite3.Connection, session_id: str, turn: Turn, mask: Mask, cost: float | None) -> None:
    """Insert or renew a turn with its tool calls, files and index entry; where a better source tells of it, what that lacks.

    One that another session has stays there: this session goes on from that one, or from a copy of it. One that was
    forgotten stays so.
    """
    key, leads, holder = turn_sources.place(connection, session_id, turn)
    if is_forgotten(connection, key):
        return
    row = connection.execute(
        "SELECT session_id, seq, origin, terminal_from, terminal_to, source, started_at FROM turns WHERE id = ?", (key,)
    ).fetchone()
    if holder != session_id or (row and row[0] != session_id):
        put_parent(connection, session_id, row[0] if row else holder)
        return
    if not leads:
        turn_sources.fill(connection, key)
        return
    seq = renumber(connection, key, turn.started_ns) if row else next_seq(connection, session_id, turn.started_ns)
    is_known = row and (row[2] == "procy" or row[5] == turn.source)
    origin = row[2] if is_known else injections.claim(connection, session_id, key, turn.prompt, turn.started_ns)
    values = (key, session_id, seq, origin, *turn_values(turn, mask, cost))
    number = connection.execute(PUT_TURN, values).fetchone()[0]
    if not row or row[6] != values[TURN_COLUMNS.index("started_at")]:
        exchanges.claim(connection, key)
    if origin == "procy":
        connection.execute(PUT_TRY, (key, key))
    drop_keyframes(connection, session_id, set(row[3:5]) if row else ())
    inputs = [put_tool_call(connection, key, place, call, mask) for place, call in enumerate(turn.tool_calls, 1)]
    connection.execute("DELETE FROM tool_calls WHERE turn_id = ? AND seq > ?", (key, len(turn.tool_calls)))
    connection.execute("DELETE FROM turn_files WHERE turn_id = ?", (key,))
    connection.executemany(
        "INSERT OR REPLACE INTO turn_files VALUES (?, ?, ?, ?)",
        [(key, mask(file.path), file.change, file.diff and mask(file.diff)) for file in turn.files],
    )
    changes.tell_files(connection, key)
    index_turn(connection, number, mask(turn.prompt), mask(turn.response), inputs)
    if turn.terminal_from is None or usage_source(turn) is None:
        turn_sources.fill(connection, key)


def end_open_turns(connection: sqlite3.Connection, session_id: str, at_ns: int) -> None:
    """Turns that nobody will tell the end of."""
    connection.execute(
        "UPDATE turns SET status = 'interrupted', ended_at = max(started_at, ?) WHERE session_id = ? AND status = 'open'",
        (iso(at_ns), session_id),
    )


def index_turn(connection: sqlite3.Connection, number: int, prompt: str, response: str, inputs: Sequence[str]) -> None:
    """Its entry in the full-text index, of masked texts."""
    connection.execute("DELETE FROM turns_fts WHERE rowid = ?", (number,))
    connection.execute(
        "INSERT INTO turns_fts (rowid, prompt, response, tools) VALUES (?, ?, ?, ?)",
        (number, prompt, response, "\n".join(inputs)),
    )


def turn_values(turn: Turn, mask: Mask, cost: float | None) -> tuple[Any, ...]:
    """In the order of ``TURN_COLUMNS``, from ``kind`` on."""
    usage = turn.usage
    return (
        turn.kind, int(turn.folded), mask(turn.prompt), mask(turn.response), mask(turn.reasoning),
        turn.status, turn.error and mask(turn.error), turn.source, turn.agent_session_id, turn.model,
        iso(turn.started_ns), None if turn.ended_ns is None else iso(turn.ended_ns), usage.input, usage.output,
        usage.cache_read, usage.cache_write, usage.reasoning, cost, turn.terminal_from, turn.terminal_to,
        len(turn.tool_calls), usage_source(turn),
    )  # fmt: skip


def usage_source(turn: Turn) -> str | None:
    """Where the turn's tokens come from; None while it has none."""
    return None if turn.usage.input is None and turn.usage.output is None else turn.source


def put_tool_call(connection: sqlite3.Connection, turn_key: str, seq: int, call: ToolCall, mask: Mask) -> str:
    """Returns the masked input, for the full-text index."""
    text = mask(call.input)
    call_id = ids.derived_id((call.started_ns or 0), turn_key, call.key)
    connection.execute("DELETE FROM tool_calls WHERE turn_id = ? AND seq = ? AND id != ?", (turn_key, seq, call_id))
    result = None if call.result is None else mask(call.result)
    started = None if call.started_ns is None else iso(call.started_ns)
    values = (call_id, turn_key, seq, call.name, text, result, call.status, started, call.duration_ms, call.response_at)
    connection.execute(PUT_TOOL_CALL, values)
    return text


def put_keyframe(connection: sqlite3.Connection, session_id: str, offset: int, picture: Picture) -> None:
    """Keep the screen at an offset where a turn begins or ends."""
    connection.execute(
        "INSERT OR REPLACE INTO keyframes SELECT :session, :offset, :columns, :rows, :screen "
        "WHERE EXISTS (SELECT 1 FROM turns WHERE session_id = :session AND :offset IN (terminal_from, terminal_to))",
        {
            "session": session_id,
            "offset": offset,
            "columns": picture.columns,
            "rows": picture.rows,
            "screen": blobs.pack(picture.escapes),
        },
    )


def drop_keyframes(connection: sqlite3.Connection, session_id: str, offsets: Iterable[int | None]) -> None:
    """Delete the screens at those of the offsets where no turn begins or ends any more."""
    connection.executemany(
        "DELETE FROM keyframes WHERE session_id = :session AND offset = :offset AND NOT EXISTS "
        "(SELECT 1 FROM turns WHERE session_id = :session AND :offset IN (terminal_from, terminal_to))",
        [{"session": session_id, "offset": offset} for offset in offsets],
    )


def add_terminal_text(connection: sqlite3.Connection, session_id: str, offset: int, text: str, mask: Mask) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO terminal_texts (session_id, offset, text) VALUES (?, ?, ?)", (session_id, offset, mask(text))
    )


def forget_derived(connection: sqlite3.Connection, session_id: str, sources: Sequence[str]) -> None:
    """Delete what ``procy rebuild`` makes again from these sources of turns; of the screen are more than turns."""
    for source in sources:
        connection.execute("DELETE FROM turns WHERE session_id = ? AND source = ?", (session_id, source))
    turn_sources.untell(connection, session_id, sources)
    if "screen" in sources:
        connection.execute("DELETE FROM keyframes WHERE session_id = ?", (session_id,))
        connection.execute("DELETE FROM terminal_texts WHERE session_id = ?", (session_id,))
