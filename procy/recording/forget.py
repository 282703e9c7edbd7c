"""Taking a session or a turn out for good: its rows, what they were made from, and what would make them again."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from procy.capture.spool import Spool
from procy.errors import StoreError
from procy.places import Places
from procy.recording.changes.refs import drop
from procy.recording.rebuild import derive_again, derive_turns, has_terminal, read_terminal, sources_of
from procy.recording.traces import REPLACED, Traces, traces_of
from procy.recording.transcripts import transcripts_of
from procy.recording.turn_lines import take_lines, transcripts_with
from procy.recording.turn_terminal import (
    clean_derived,
    clean_events,
    clean_hooks,
    mark,
    span_of,
    still_shown,
    take_bytes,
)
from procy.settings import Settings
from procy.store import changes, compact, exchanges, forgotten, injections, marks, runs, tags, turn_sources, write
from procy.store.datasets import with_sessions
from procy.store.db import from_iso
from procy.types import Turn

LATE_NS = 2_000_000_000  # a hook may tell the end of a turn so much later
PATIENCE_S = 15.0


class Left(NamedTuple):
    """Where something of it may still be, outside what procy could take out.

    ``exports``: (kind, path or None for standard output, when). ``files``: the agent's own. ``sessions``: ids of sessions that
    go on from the forgotten one and hold what they share with it. ``offsets``: where the terminal shows it at another time.
    ``refs``: of tries, whose commits name their prompts, and of snapshots that cannot be reached now: repository and ref.
    """

    exports: list[tuple[str, str | None, str]]
    files: list[str]
    sessions: list[str]
    offsets: list[int]
    refs: list[str]


def below(connection: sqlite3.Connection, session_id: str) -> list[str]:
    """The session and those of its sub-agents, however deep."""
    found = [session_id]
    for one in found:  # and of those that are found meanwhile; for one recursive query SQLite looks at every session there is
        rows = connection.execute("SELECT id FROM sessions WHERE parent_id = ? AND pane_id IS NULL", (one,))
        found += [row[0] for row in rows if row[0] not in found]
    return found


def await_end(places: Places, session_id: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for the last bytes of a session that was stopped a moment ago to be in the database."""
    spool = Spool(Path(places.spool) / session_id)
    end = time.monotonic() + patience_s
    while spool.wanted() == "off" and time.monotonic() < end:
        time.sleep(0.05)


def check_ended(connection: sqlite3.Connection, places: Places, session_id: str) -> None:
    """Raises StoreError while the session is being recorded, or its spool is not all in the database."""
    status, pane, parent = connection.execute(
        "SELECT status, pane_id, parent_id FROM sessions WHERE id = ?", (session_id,)
    ).fetchone()
    if status in ("recording", "paused"):
        raise StoreError("the session is being recorded", f"Stop it first: procy stop {pane or parent or session_id}")
    if Spool(Path(places.spool) / session_id).wanted() not in ("", "done"):
        raise StoreError("the session's last bytes are on their way into the database", "Try again in a moment")


# -- sessions -----------------------------------------------------------------------------------------------------------


def forget_session(connection: sqlite3.Connection, places: Places, session_id: str, now_ns: int) -> Left:
    """Delete everything of a session and of its sub-agents; what it shares with another session stays there."""
    check_ended(connection, places, session_id)
    tree = below(connection, session_id)
    left = Left(
        [*((kind, path, at) for kind, path, at, _ in forgotten.exports_of(connection, tree)), *with_sessions(connection, tree)],
        [one.path for key in tree for one in transcripts_of(connection, key)],
        sharing(connection, tree),
        [],
        [],
    )
    snapshots = changes.kept(connection, session_ids=tree)
    with write.transaction(connection):
        for key in tree:
            left.refs.extend(delete_session(connection, key, now_ns))
        compact.merge_indexes(connection)
        exchanges.drop_loose_parts(connection)
    for key in tree:
        remove_spool(places, key)
    left.refs.extend(f"{one.git_dir}: {one.ref}" for one in drop(snapshots))
    return left


def delete_session(connection: sqlite3.Connection, session_id: str, now_ns: int) -> list[str]:
    """Its row and all that hangs on it, and what is kept about its turns without a reference to them. Returns refs of tries."""
    refs = runs.forget(connection, "session_id = ?", session_id, REPLACED)
    forgotten.note_session(connection, session_id, now_ns)
    forgotten.note_turns(connection, "session_id = ?", session_id, now_ns)
    connection.execute("DELETE FROM corrections WHERE turn_id IN (SELECT id FROM turns WHERE session_id = ?)", (session_id,))
    tags.forget_session(connection, session_id)
    marks.forget_session(connection, session_id)
    read_no_more(connection, session_id)
    connection.execute("DELETE FROM sessions WHERE id = ?", (session_id,))
    return refs


def sharing(connection: sqlite3.Connection, tree: list[str]) -> list[str]:
    """Other sessions that go on with a conversation of these, or with a copy of it."""
    places = ",".join("?" * len(tree))
    rows = connection.execute(
        f"SELECT id FROM sessions WHERE parent_id IN ({places}) AND id NOT IN ({places}) UNION "
        "SELECT other.session_id FROM transcript_sessions AS own JOIN transcript_sessions AS other "
        f"ON other.transcript_id = own.transcript_id WHERE own.session_id IN ({places}) AND other.session_id NOT IN ({places})",
        tree * 4,
    )
    return [row[0] for row in rows]


def read_no_more(connection: sqlite3.Connection, session_id: str) -> None:
    """Keep of each of the session's transcripts how far it was read: a session that resumes it begins there."""
    rows = connection.execute(
        "SELECT DISTINCT id, agent, agent_session_id, path, next_offset FROM transcripts "
        "JOIN transcript_sessions ON transcript_id = id WHERE session_id = ?",
        (session_id,),
    ).fetchall()
    connection.execute("DELETE FROM transcript_sessions WHERE session_id = ?", (session_id,))
    connection.executemany("INSERT OR IGNORE INTO transcripts VALUES (?, ?, ?, ?, ?)", rows)


def remove_spool(places: Places, session_id: str) -> None:
    shutil.rmtree(Path(places.spool) / session_id, ignore_errors=True)
    (Path(places.spool) / "private" / f"{session_id}.json").unlink(missing_ok=True)


# -- turns --------------------------------------------------------------------------------------------------------------


def forget_turn(connection: sqlite3.Connection, places: Places, turn_id: str, settings: Settings, now_ns: int) -> Left:
    """Delete a turn, its sub-agents' sessions, and of the raw what it was made from.

    Every other turn of the session stays as it is; where that cannot be, nothing is done and StoreError says so.
    """
    (session_id,) = connection.execute("SELECT session_id FROM turns WHERE id = ?", (turn_id,)).fetchone()
    check_ended(connection, places, session_id)
    traces = traces_of(connection, turn_id)
    children = children_of_turn(connection, turn_id)
    left = Left(
        [
            *((kind, path, at) for kind, path, at, _ in forgotten.exports_of(connection, [session_id], turn_id)),
            *with_sessions(connection, [session_id]),
        ],
        [one.path for key in (session_id, *children) for one in transcripts_of(connection, key)],
        [],
        [],
        [],
    )
    snapshots = changes.kept(connection, [turn_id], children)
    with write.transaction(connection):
        left.refs.extend(runs.forget(connection, "id = ?", turn_id, REPLACED))
        before = other_turns(connection, session_id, turn_id)
        take_out(connection, session_id, turn_id, traces, now_ns)
        if other_turns(connection, session_id, turn_id) != before:
            what = "the turn cannot be taken out of the terminal's bytes without changing the turns around it"
            raise StoreError(what, "Forget the whole session")
        derive_again(connection, session_id, settings)
        for child in children:
            delete_session(connection, child, now_ns)
        if not has_terminal(connection, session_id):
            clean_derived(connection, session_id, traces)
        compact.merge_indexes(connection)
        exchanges.drop_loose_parts(connection)
    remove_spool(places, session_id)
    left.refs.extend(f"{one.git_dir}: {one.ref}" for one in drop(snapshots))
    return left._replace(offsets=still_shown(connection, session_id, traces))


def take_out(connection: sqlite3.Connection, session_id: str, turn_id: str, traces: Traces, now_ns: int) -> None:
    """Everything of the turn but what ``derive_again`` makes anew."""
    began, ended, agent = connection.execute(
        "SELECT turns.started_at, coalesce(turns.ended_at, turns.started_at), agent FROM turns "
        "JOIN sessions ON sessions.id = session_id WHERE turns.id = ?",
        (turn_id,),
    ).fetchone()
    key = key_of(connection, session_id, turn_id)
    for transcript in list(transcripts_with(connection, agent, key)) if key else ():
        take_lines(connection, transcript, key, traces)
    span = span_of(connection, turn_id)
    clean_events(connection, session_id, traces, span[0] if span else 1 << 62)
    if span:
        take_bytes(connection, session_id, span)
        mark(connection, session_id, span, now_ns)
    clean_hooks(connection, session_id, traces, from_iso(began), from_iso(ended) + LATE_NS)
    clean_session(connection, session_id, traces)
    forgotten.note_turns(connection, "id = ?", turn_id, now_ns)
    connection.execute("DELETE FROM corrections WHERE turn_id = ?", (turn_id,))
    tags.forget_turn(connection, turn_id)
    marks.forget_turn(connection, turn_id)
    forget_injections(connection, session_id, turn_id)
    connection.execute("DELETE FROM turns WHERE id = ?", (turn_id,))


def forget_injections(connection: sqlite3.Connection, session_id: str, turn_id: str) -> None:
    """Those that became the turn, and those with its prompt that became none: refused, and then sent again."""
    (prompt,) = connection.execute("SELECT prompt FROM turns WHERE id = ?", (turn_id,)).fetchone()
    connection.execute(
        "DELETE FROM injections WHERE turn_id = :turn OR (session_id = :session AND turn_id IS NULL "
        "AND (key = :key OR key IN (SELECT key FROM injections WHERE turn_id = :turn)))",
        {"turn": turn_id, "session": session_id, "key": injections.key_of(prompt)},
    )


def key_of(connection: sqlite3.Connection, session_id: str, turn_id: str) -> str:
    """The name of a turn in its transcripts or its stream; "" where it came from the screen or its lines are gone."""
    for turn in derived(connection, session_id):
        if turn.source in ("transcript", "stream") and turn_sources.known_id(connection, session_id, turn) == turn_id:
            return turn.key
    return ""


def derived(connection: sqlite3.Connection, session_id: str) -> list[Turn]:
    """The turns that the raw rows tell of, as ``procy rebuild`` would make them."""
    sources = sources_of(connection, session_id)
    turns = derive_turns(connection, session_id, read_terminal(connection, session_id)) if sources else []
    return [turn for turn in turns if turn.source in sources]


def other_turns(connection: sqlite3.Connection, session_id: str, turn_id: str) -> list[Turn]:
    return [turn for turn in derived(connection, session_id) if turn_sources.known_id(connection, session_id, turn) != turn_id]


def children_of_turn(connection: sqlite3.Connection, turn_id: str) -> list[str]:
    """The sessions of sub-agents that began in the turn's time, and those below them."""
    rows = connection.execute(
        "SELECT sessions.id FROM sessions JOIN turns ON turns.session_id = sessions.parent_id "
        "WHERE turns.id = ? AND sessions.pane_id IS NULL AND coalesce("
        "(SELECT min(started_at) FROM turns AS own WHERE own.session_id = sessions.id), sessions.started_at) "
        "BETWEEN turns.started_at AND coalesce(turns.ended_at, '9')",
        (turn_id,),
    ).fetchall()
    return [key for row in rows for key in below(connection, row[0])]


def clean_session(connection: sqlite3.Connection, session_id: str, traces: Traces) -> None:
    """Its name, command and last reason may quote the prompt."""
    for column in ("name", "command", "state_reason"):
        (text,) = connection.execute(f"SELECT {column} FROM sessions WHERE id = ?", (session_id,)).fetchone()
        if text and traces.in_text(text):
            write.change_session(connection, session_id, {column: REPLACED})
