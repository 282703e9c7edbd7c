"""What the database has of a conversation already: the same conversation of an agent is one session, whoever told of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from procy.capture.transcript import end_of, read_lines
from procy.recording.transcripts import writers_of
from procy.store.db import from_iso, iso
from procy.store.turn_sources import EARLY_NS
from procy.store.write import transcript_id
from procy.types import TranscriptFile, Turn

LIVE = ("recording", "paused")


class Known(NamedTuple):
    """A transcript of the conversation, and the session that wrote it last; "" when that was forgotten."""

    transcript_id: str
    path: str
    next_offset: int
    session_id: str
    status: str
    origin: str
    pruned_at: str | None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE


class Begin(NamedTuple):
    """Where to go on with a transcript: its id in the database, how far it was read, and its session, "" where it has none.

    ``is_recorded``: procy recorded the session itself.
    """

    transcript_id: str
    offset: int = 0
    session_id: str = ""
    is_recorded: bool = False


def find_known(connection: sqlite3.Connection, agent: str, file: TranscriptFile) -> Known | None:
    """By the conversation's own name; the file itself comes before copies of it."""
    row = connection.execute(
        "SELECT transcripts.id, path, next_offset, coalesce(session_id, ''), coalesce(status, ''), coalesce(origin, ''), "
        "pruned_at FROM transcripts LEFT JOIN transcript_sessions ON transcript_id = transcripts.id "
        "LEFT JOIN sessions ON sessions.id = session_id WHERE transcripts.agent_session_id = ? AND transcripts.agent = ? "
        "ORDER BY path = ? DESC, from_ns DESC LIMIT 1",
        (file.agent_session_id, agent, file.path),
    ).fetchone()
    return Known(*row) if row else None


def find_session(connection: sqlite3.Connection, agent: str, agent_session_id: str, at_ns: int) -> str:
    """The session in which a conversation was at a time; "" for none."""
    row = connection.execute(
        "SELECT id FROM transcripts WHERE agent_session_id = ? AND agent = ?", (agent_session_id, agent)
    ).fetchone()
    if row:
        return writers_of(connection, row[0]).at(at_ns)
    row = connection.execute(
        "SELECT id FROM sessions WHERE agent_session_id = ? AND agent = ? ORDER BY started_at DESC", (agent_session_id, agent)
    ).fetchone()
    return str(row[0]) if row else ""


class Recorded(NamedTuple):
    """A session that is of a conversation of which no transcript was known."""

    session_id: str
    is_live: bool
    is_recorded: bool


def find_recorded(
    connection: sqlite3.Connection, agent: str, agent_session_id: str, cwd: str, turns: Sequence[Turn]
) -> Recorded | None:
    """By the conversation's name; else by place and time: in a pane of that directory, without a transcript, where prompts were
    seen at the times at which its prompts began, or where the agent is at work now. Only where there is no second one."""
    named = connection.execute(f"{CANDIDATES} AND agent_session_id = ?", (agent, agent_session_id)).fetchall()
    untold = connection.execute(f"{CANDIDATES} {UNTOLD} AND cwd = ?", (agent, cwd)).fetchall() if cwd and not named else []
    fitting = named or [row for row in untold if fits(connection, row, turns)]
    if len(fitting) != 1:
        return None
    key, status, origin, _ = fitting[0]
    return Recorded(key, status in LIVE, origin != "import")


CANDIDATES = "SELECT id, status, origin, started_at FROM sessions WHERE agent = ? AND origin IN ('tmux', 'import')"
UNTOLD = """AND origin = 'tmux' AND pane_id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM transcript_sessions WHERE session_id = sessions.id)"""


def fits(connection: sqlite3.Connection, session: sqlite3.Row, turns: Sequence[Turn]) -> bool:
    """Whether most prompts that the session's screen or calls showed meanwhile began when those of the conversation did."""
    began = [turn.started_ns for turn in turns if turn.kind == "prompt"]
    if not began:
        return False
    if session[1] in LIVE:
        return min(began) > from_iso(session[3]) - EARLY_NS
    rows = connection.execute(
        "SELECT started_at FROM turns WHERE session_id = ? AND kind = 'prompt' AND started_at BETWEEN ? AND ?",
        (session[0], iso(min(began) - EARLY_NS), iso(max(began) + EARLY_NS)),
    ).fetchall()
    seen = [from_iso(row[0]) for row in rows]
    together = sum(any(abs(one - other) <= EARLY_NS for other in began) for one in seen)
    return 2 * together > len(seen)


def streamed(connection: sqlite3.Connection) -> set[str]:
    """Conversations that were recorded as headless streams, and are whole there."""
    rows = connection.execute("SELECT DISTINCT agent_session_id FROM turns WHERE source = 'stream'")
    return {row[0] for row in rows if row[0]}


def where_to_go_on(connection: sqlite3.Connection, agent: str, file: TranscriptFile, known: Known | None) -> Begin:
    """Behind what is known, or at the file's beginning where it is another text than the one that is known."""
    own = transcript_id(agent, file.agent_session_id, file.path)
    if known is None:
        return Begin(own)
    session = (known.session_id, known.origin != "import")
    if known.path == file.path or is_copy(connection, file.path, known):
        return Begin(known.transcript_id, known.next_offset, *session)
    return Begin(own, 0, *session)


def is_copy(connection: sqlite3.Connection, path: str, known: Known) -> bool:
    """Whether the file has, as far as it goes, the lines that are known: the last of those that fit into it stands where it
    stood. Where no line is kept, there is nothing that says otherwise."""
    row = connection.execute(
        "SELECT offset, line FROM transcript_lines WHERE transcript_id = ? AND offset + length(CAST(line AS BLOB)) < ? "
        "ORDER BY offset DESC LIMIT 1",
        (known.transcript_id, end_of(path)),
    ).fetchone()
    if row is None:
        return True
    kept = row[1] if isinstance(row[1], bytes) else row[1].encode()
    lines = read_lines(path, row[0]).lines
    return lines[:1] == [(row[0], kept)] or b"[redacted:" in kept
