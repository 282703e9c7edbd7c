"""Streams of headless agents: their spools followed, their lines put into the outbox as raw rows, turns and states."""

from __future__ import annotations

import shlex
import sqlite3
import time
from functools import partial
from typing import Any

from procy.capture.lines import LineSpool, StreamMeta, line_spools
from procy.capture.place import repository
from procy.parse.redact import mask
from procy.parse.streams.odd import oddities
from procy.parse.streams.parts import Parts
from procy.parse.streams.stamp import Stamped, read_stamped
from procy.parse.transcripts.shapes import read_record
from procy.parse.transcripts.stream import Reader
from procy.places import Places
from procy.recording.timeline import Timeline
from procy.recording.transcripts import replay_conversation
from procy.recording.turnbook import TurnBook
from procy.settings import Settings
from procy.sidecar.changes import Changes
from procy.sidecar.log import log
from procy.sidecar.outbox import Outbox
from procy.sidecar.rows import Rows
from procy.sidecar.subagents import SubAgents
from procy.store import write
from procy.store.db import iso
from procy.types import PaneEvent

MOST_FLAGS = 100  # of one session; a stream that is odd throughout is told of once


class StreamWatch:
    """All streams of one data directory."""

    def __init__(
        self, places: Places, connection: sqlite3.Connection, outbox: Outbox, settings: Settings, changes: Changes
    ) -> None:
        self.places, self.connection, self.outbox, self.settings = places, connection, outbox, settings
        self.changes = changes
        self.followers: dict[str, StreamFollower] = {}

    def tick(self, now_ns: int) -> None:
        """Find new streams and read what there is; nothing while the outbox is full."""
        if self.outbox.is_full:
            return
        for spool in line_spools(self.places.spool):
            if spool.session_id not in self.followers:
                self.meet(spool)
        for follower in self.followers.values():
            if not follower.finished:
                try:
                    follower.tick(now_ns)
                except OSError as error:
                    log.error("%s: %s", follower.id, error)

    @property
    def are_followed(self) -> bool:
        return any(not follower.finished for follower in self.followers.values())

    def meet(self, spool: LineSpool) -> None:
        try:
            self.followers[spool.session_id] = StreamFollower(self.connection, self.outbox, spool, self.settings, self.changes)
            self.changes.begin(spool.session_id, spool.meta().cwd, time.time_ns())
            log.info("following the stream %s", spool.session_id)
        except (OSError, ValueError, TypeError) as error:
            log.error("%s cannot be followed: %s", spool.path, error)


class StreamFollower:
    """One stream, from where its reading was left to its end.

    The database has whole lines, at the offsets of their last parts. While one has not ended, the offset that is stored is
    that of its first part; what is read again from there is known by the last offset in the database.
    """

    def __init__(
        self, connection: sqlite3.Connection, outbox: Outbox, spool: LineSpool, settings: Settings, changes: Changes
    ) -> None:
        self.changes = changes
        self.outbox, self.spool, self.id = outbox, spool, spool.session_id
        self.meta = spool.meta()
        self.rows = Rows(outbox, self.id, settings)
        self.reader = Reader(self.id)
        self.book = TurnBook(Timeline())
        self.transcript = write.transcript_id(self.meta.agent, self.id, spool.transcript)
        row = connection.execute("SELECT next_offset FROM transcripts WHERE id = ?", (self.transcript,)).fetchone()
        self.offset = row[0] if row else 0
        self.known = last_line(connection, self.transcript)
        self.parts = Parts()
        self.agents = SubAgents(connection, self.rows, self.meta, spool.transcript)
        replay_conversation(connection, self.transcript, self.reader)
        self.last_ns = self.meta.started_ns
        self.told: dict[str, Any] = {}
        self.flags = 0
        self.finished = False
        self.rows.session(session_values(self.meta))
        values = (self.meta.agent, self.id, spool.transcript, self.meta.started_ns)
        outbox.put(lambda connection: write.put_transcript(connection, self.id, *values))
        self.book.put(self.reader.changed()[-2:])

    def tick(self, now_ns: int) -> None:
        lives = self.spool.is_written()  # asked before reading: then "nothing there" is the last word
        lines, following = self.spool.read(self.offset)
        is_last = not lines and not lives
        if is_last:
            lines, following = self.last_words()
        if lines or (is_last and self.parts.begun):
            self.take(lines, following, is_last)
        for entry in self.book.take(now_ns):
            self.rows.turn(entry.turn)
            self.changes.look(self.id, self.meta.cwd, entry.turn, now_ns)
        self.agents.tell(now_ns)
        self.tell()
        if not lines and not lives:
            self.finish()

    def last_words(self) -> tuple[list[tuple[int, bytes]], int]:
        """Half a line, of a writer that was killed."""
        rest = self.spool.rest(self.offset)
        return ([(self.offset, rest)] if rest else []), self.offset + len(rest)

    def take(self, read: list[tuple[int, bytes]], following: int, is_last: bool = False) -> None:
        whole = ((offset, self.parts.take(offset, line)) for offset, line in read)
        lines = [(offset, line) for offset, line in whole if line is not None and offset > self.known]
        if is_last:
            lines += enumerate(self.parts.left(), following)
        lines = self.agents.take(lines)
        safe = following if self.parts.first is None else self.parts.first
        self.rows.lines(self.transcript, lines, safe)
        self.offset = following
        self.outbox.when_durable(partial(self.spool.prune, safe))
        for offset, line in lines:
            self.reader.feed(line)
            if stamped := read_stamped(line):
                self.last_ns = max(self.last_ns, stamped.at_ns)
                self.note(stamped, offset)
        self.book.put(self.reader.changed())

    def note(self, stamped: Stamped, offset: int) -> None:
        """Notes of the program that writes the stream, and lines that are odd, as events of the session."""
        record = read_record(stamped.line) if stamped.side == "#" else None
        if record:
            self.rows.event(PaneEvent(stamped.at_ns, offset, f"stream {record.pop('note', '')}", record))
        elif (
            stamped.side in "<>"
            and self.flags < MOST_FLAGS
            and (found := oddities(stamped.line, stamped.whole, self.reader.record is not None))
        ):
            self.flags += 1
            detail = {"side": stamped.side, "flags": list(found), "bytes": len(stamped.line)}
            self.rows.event(PaneEvent(stamped.at_ns, offset, "stream odd line", detail))

    def tell(self) -> None:
        """The session's row where something about it is new."""
        state = self.reader.evidence()
        now: dict[str, Any] = {"agent_session_id": self.reader.conversation, "cost_usd": self.reader.cost_usd}
        if state:
            now |= {"state": state.state, "state_reason": mask(state.reason) or None, "state_at": iso(state.at_ns)}
        if changed := {name: value for name, value in now.items() if value is not None and self.told.get(name) != value}:
            self.told |= changed
            self.rows.change(**changed)

    def finish(self) -> None:
        for turn in self.book.close(self.last_ns):
            self.rows.turn(turn)
        status = "lost" if self.reader.ended is None else "ended"
        self.rows.change(status=status, ended_at=iso(self.last_ns), state=None)
        self.agents.finish(self.last_ns, status)
        self.outbox.when_durable(self.spool.remove)
        self.finished = True
        log.info("the stream %s is over", self.id)


def last_line(connection: sqlite3.Connection, transcript_id: str) -> int:
    """The offset of the last line that the database has; -1 for none."""
    row = connection.execute("SELECT max(offset) FROM transcript_lines WHERE transcript_id = ?", (transcript_id,)).fetchone()
    return -1 if row[0] is None else int(row[0])


def session_values(meta: StreamMeta) -> dict[str, Any]:
    values = {
        "agent": meta.agent,
        "command": mask(shlex.join(meta.command)) or None,
        "cwd": meta.cwd,
        "origin": "stream",
        "started_at": iso(meta.started_ns),
        "ended_at": None,
        "status": "recording",
        **{name: value for name, value in repository(meta.cwd) if value},
    }
    return values | ({"name": meta.name} if meta.name else {})
