"""Sub-agents of a headless agent: the lines of its stream that are theirs go into sessions of their own, below the stream's.

Such a session has a transcript of its own, whose offsets begin with its first line. What tells of its beginning and its end are
the stream's own lines, and stand in both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from procy import ids
from procy.capture.lines import ENDING, StreamMeta
from procy.parse.streams.claude import is_start
from procy.parse.streams.odd import LONGEST
from procy.parse.streams.stamp import Stamped, read_stamped
from procy.parse.transcripts.shapes import as_blocks, as_dict, as_text, read_record
from procy.parse.transcripts.stream import Reader
from procy.recording.timeline import Timeline
from procy.recording.transcripts import replay_conversation
from procy.recording.turnbook import TurnBook
from procy.sidecar.rows import Rows
from procy.store import write
from procy.store.db import iso

Lines = list[tuple[int, bytes]]
WORDS = (b'"parent_tool_use_id":"', b'"parent_tool_use_id": "', b'"task_started"', b'"task_notification"', b'"tool_result"')


class SubAgent:
    """One of them, named by the call that started it. ``path`` tells where in the stream it began."""

    def __init__(self, connection: sqlite3.Connection, rows: Rows, agent: str, key: str, path: str) -> None:
        self.rows, self.path = rows, path
        self.base = int(path.removesuffix(ENDING).rpartition(".")[2])
        self.transcript = write.transcript_id(agent, key, path)
        self.reader, self.book = Reader(key), TurnBook(Timeline())
        replay_conversation(connection, self.transcript, self.reader)
        self.book.put(self.reader.changed()[-1:])
        row = connection.execute(
            "SELECT max(offset) FROM transcript_lines WHERE transcript_id = ?", (self.transcript,)
        ).fetchone()
        self.known = -1 if row[0] is None else int(row[0])
        self.lines: Lines = []
        self.last_ns = 0

    def take(self, offset: int, line: bytes, stamped: Stamped) -> None:
        place = offset - self.base
        if place > self.known:
            self.lines.append((place, line))
            self.known, self.last_ns = place, stamped.at_ns
            self.reader.feed(line)

    def tell(self, now_ns: int) -> None:
        if self.lines:
            self.rows.lines(self.transcript, self.lines, self.known)
            self.lines = []
        self.book.put(self.reader.changed())
        for entry in self.book.take(now_ns):
            self.rows.turn(entry.turn)

    def finish(self, at_ns: int, status: str) -> None:
        for turn in self.book.close(self.last_ns or at_ns):
            self.rows.turn(turn)
        self.rows.change(status=status, ended_at=iso(self.last_ns or at_ns))


class SubAgents:
    """Those of one stream; those that an earlier sidecar met are known."""

    def __init__(self, connection: sqlite3.Connection, rows: Rows, meta: StreamMeta, name: str) -> None:
        self.connection, self.rows, self.meta, self.name = connection, rows, meta, name
        found = connection.execute(
            "SELECT agent_session_id, path FROM transcripts WHERE agent = ? AND agent_session_id LIKE ?",
            (meta.agent, f"{meta.session_id}/%"),
        ).fetchall()
        self.agents = {key.partition("/")[2]: self.meet(key, path) for key, path in found}

    def take(self, lines: Lines) -> Lines:
        """Give each its lines. Returns those that are the stream's own."""
        own: Lines = []
        for offset, line in lines:
            stamped = read_stamped(line)
            call, is_shared = called(line, self.agents) if stamped and stamped.side == "<" else ("", True)
            if is_shared:
                own.append((offset, line))
            if call and stamped:
                agent = self.agents.get(call) or self.begin(call, offset, stamped)
                agent.take(offset, line, stamped)
        return own

    def begin(self, call: str, offset: int, stamped: Stamped) -> SubAgent:
        key, path = f"{self.meta.session_id}/{call}", f"{self.name.removesuffix(ENDING)}.{offset}{ENDING}"
        agent = self.agents[call] = self.meet(key, path)
        values = (self.meta.agent, key, path, stamped.at_ns)
        agent.rows.session(
            {
                "agent": self.meta.agent, "agent_session_id": call, "parent_id": self.meta.session_id, "origin": "stream",
                "cwd": self.meta.cwd, "started_at": iso(stamped.at_ns), "status": "recording",
            }
        )  # fmt: skip
        session_id = agent.rows.session_id
        agent.rows.outbox.put(lambda connection: write.put_transcript(connection, session_id, *values))
        return agent

    def meet(self, key: str, path: str) -> SubAgent:
        rows = Rows(self.rows.outbox, ids.derived_id(self.meta.started_ns, *key.split("/")), self.rows.settings)
        return SubAgent(self.connection, rows, self.meta.agent, key, path)

    def tell(self, now_ns: int) -> None:
        for agent in self.agents.values():
            agent.tell(now_ns)

    def finish(self, at_ns: int, status: str) -> None:
        for agent in self.agents.values():
            agent.finish(at_ns, status)


def called(line: bytes, known: Iterable[str]) -> tuple[str, bool]:
    """The call that started the sub-agent whose line it is or of whom it tells, or ""; and whether it is the stream's own."""
    if not any(word in line for word in (WORDS if known else WORDS[:3])) or len(line) > LONGEST:
        return "", True
    record: dict[str, Any] = read_record(line[line.index(b"\t") + 1 :]) or {}
    if call := as_text(record.get("parent_tool_use_id")):
        return call, False
    if is_start(record):
        return as_text(record.get("tool_use_id")), True
    blocks = as_blocks(as_dict(record.get("message")).get("content"))
    told = (as_text(one.get("tool_use_id")) for one in (record, *blocks))
    return next((call for call in told if call in known), ""), True
