"""Transcripts in the database: their readers, and telling a reader again what it was told."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import NamedTuple, Protocol

from procy.capture.lines import ENDING
from procy.capture.transcript import end_of
from procy.plugins import profile_named
from procy.store.blobs import unpack
from procy.types import TranscriptFile, TranscriptReader

SEED_ENDING = ".seed"  # of the name that a session of the first procy has among transcripts
OTHERS = {ENDING: "stream", SEED_ENDING: "seed"}  # ending of the name: reader
TRANSCRIPT = (
    "transcripts.id, transcripts.agent, transcripts.agent_session_id, path, next_offset, session_id "
    "FROM transcripts JOIN transcript_sessions ON transcript_id = transcripts.id"
)


class Transcript(NamedTuple):
    """A transcript as one session wrote it; read up to ``next_offset``."""

    id: str
    agent: str
    agent_session_id: str
    path: str
    next_offset: int
    session_id: str


class Writers(NamedTuple):
    """The sessions in which one transcript was written, by the time each began."""

    began_ns: Sequence[int]
    sessions: Sequence[str]

    def at(self, time_ns: int) -> str:
        """Whose a turn is that started then; what is older than all is the first one's. "" when nobody wrote it yet."""
        return self.sessions[max(0, bisect_right(self.began_ns, time_ns) - 1)] if self.sessions else ""


def writers_of(connection: sqlite3.Connection, transcript_id: str) -> Writers:
    rows = connection.execute(
        "SELECT from_ns, session_id FROM transcript_sessions WHERE transcript_id = ? ORDER BY from_ns, session_id",
        (transcript_id,),
    ).fetchall()
    return Writers([row[0] for row in rows], [row[1] for row in rows])


def transcripts_of(connection: sqlite3.Connection, session_id: str) -> list[Transcript]:
    """The transcripts that were written in a session."""
    rows = connection.execute(f"SELECT DISTINCT {TRANSCRIPT} WHERE session_id = ? ORDER BY transcripts.id", (session_id,))
    return [Transcript(*row) for row in rows]


def unread_transcripts(connection: sqlite3.Connection, session_id: str) -> Iterator[Transcript]:
    """Files that have grown, of the session and of its sub-agents, where no other session wrote them later."""
    rows = connection.execute(
        f"SELECT {TRANSCRIPT} JOIN sessions ON sessions.id = session_id "
        "WHERE (session_id = :id OR (parent_id = :id AND pane_id IS NULL)) AND from_ns = "
        "(SELECT max(from_ns) FROM transcript_sessions AS other WHERE other.transcript_id = transcripts.id)",
        {"id": session_id},
    ).fetchall()
    yield from (one for one in (Transcript(*row) for row in rows) if has_grown(one))


def is_read_elsewhere(connection: sqlite3.Connection, agent: str, file: TranscriptFile, session_id: str) -> bool:
    """Whether another session has all of the file."""
    rows = connection.execute(
        f"SELECT {TRANSCRIPT} WHERE agent = ? AND agent_session_id = ? AND path = ? ORDER BY from_ns",
        (agent, file.agent_session_id, file.path),
    ).fetchall()
    last = Transcript(*rows[-1]) if rows else None
    return last is not None and last.session_id != session_id and not has_grown(last)


def has_grown(transcript: Transcript) -> bool:
    return end_of(transcript.path) > transcript.next_offset


def new_reader(name: str, agent_session_id: str) -> TranscriptReader:
    """The reader in the module of ``procy.parse.transcripts`` with that name; a name with a dot is that of a package's module."""
    module = name if "." in name else f"procy.parse.transcripts.{name}"
    reader: TranscriptReader = import_module(module).Reader(agent_session_id)
    return reader


class Stored(Protocol):
    """As much of a transcript as tells its reader."""

    @property
    def agent(self) -> str: ...

    @property
    def agent_session_id(self) -> str: ...

    @property
    def path(self) -> str: ...


def reader_for(transcript: Stored) -> TranscriptReader:
    """The reader of a stored transcript: of what an agent wrote itself, or of what procy wrote down."""
    other = next((name for ending, name in OTHERS.items() if transcript.path.endswith(ending)), "")
    name = other or profile_named(transcript.agent).transcript
    return new_reader(name, transcript.agent_session_id)


def replay_conversation(connection: sqlite3.Connection, transcript_id: str, reader: TranscriptReader) -> None:
    """Feed every stored line and give every stored file."""
    lines = connection.execute("SELECT line FROM transcript_lines WHERE transcript_id = ? ORDER BY offset", (transcript_id,))
    for (line,) in lines:
        reader.feed(line.encode() if isinstance(line, str) else line)
    for path in reader.wanted():
        row = connection.execute(
            "SELECT content FROM transcript_files WHERE transcript_id = ? AND path = ?", (transcript_id, path)
        ).fetchone()
        if row:
            reader.give(path, unpack(row[0]))
