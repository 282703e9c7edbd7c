"""The conversations of one session: the transcripts that its agents write, and the turns in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from procy import ids
from procy.capture.spool import Meta
from procy.capture.transcript import read_file, read_lines
from procy.parse.redact import mask
from procy.parse.status import Status
from procy.plugins import profile_named
from procy.recording.timeline import Timeline
from procy.recording.transcripts import (
    is_read_elsewhere,
    new_reader,
    replay_conversation,
    unread_transcripts,
    writers_of,
)
from procy.recording.turnbook import TurnBook
from procy.sidecar.border import Border
from procy.sidecar.rows import Rows
from procy.store import write
from procy.store.db import iso
from procy.types import Evidence, Process, Profile, ToolCall, TranscriptFile, Turn

LAST_WORDS_NS = 1_500_000_000  # an agent may write its last lines after its last output


class Conversations:
    """Those of the session itself, whose turns go to ``book``, and those of its sub-agents, which are sessions below it."""

    def __init__(self, connection: sqlite3.Connection, border: Border, rows: Rows, book: TurnBook, meta: Meta) -> None:
        self.connection, self.border, self.rows, self.book, self.meta = connection, border, rows, book, meta
        self.followed: dict[str, Conversation] = {}  # by path
        self.children: dict[str, tuple[Rows, TurnBook]] = {}  # sub-agents' sessions by id

    def catch_up(self) -> None:
        """Begin with what agents wrote while no sidecar ran; they may be gone by now."""
        for one in unread_transcripts(self.connection, self.rows.session_id):
            parent = "" if one.session_id == self.rows.session_id else self.rows.session_id
            self.begin(profile_named(one.agent), TranscriptFile(one.path, one.agent_session_id, parent))

    def find(self, profile: Profile, process: Process, shows: Callable[[tuple[str, ...]], bool], now_ns: int) -> None:
        """Ask the agent what it writes. ``shows``: whether the pane's screen has one of these openings of a row."""
        began_ns = max(process.started_ns, self.meta.attached_ns)
        files: list[TranscriptFile] = []
        for file in self.border.call("finding transcripts", files, lambda: list(profile.transcripts(process))):
            if file.path not in self.followed and self.concerns_us(profile, file, shows):
                self.begin(profile, file)
            if file.path in self.followed:
                self.followed[file.path].hear(began_ns, now_ns)

    def remember(self, profile: Profile, files: Iterable[TranscriptFile], now_ns: int) -> bool:
        """Begin with those of an agent that is not there to be asked; True when one was new."""
        known = {conversation.file.agent_session_id for conversation in self.followed.values()}
        new = [file for file in files if file.agent_session_id not in known]
        for file in new:
            self.begin(profile, file)
            self.followed[file.path].hear(self.meta.attached_ns, now_ns)
        return bool(new)

    def concerns_us(self, profile: Profile, file: TranscriptFile, shows: Callable[[tuple[str, ...]], bool]) -> bool:
        """Not when it may be another pane's, nor when it is of a sub-agent that ended in an earlier session."""
        if file.parent and is_read_elsewhere(self.connection, profile.name, file, self.child_id(file)):
            return False
        return not file.proof or shows(file.proof)

    def begin(self, profile: Profile, file: TranscriptFile) -> None:
        rows, book = self.child(profile, file) if file.parent else (self.rows, self.book)
        conversation = Conversation(self.connection, rows, profile, file)
        self.followed[file.path] = conversation
        book.put(conversation.unsettled())
        if not file.parent:
            self.rows.change(agent_session_id=file.agent_session_id, agent=profile.name)

    def child(self, profile: Profile, file: TranscriptFile) -> tuple[Rows, TurnBook]:
        """The session of a sub-agent. Its turns lie nowhere in the terminal's bytes."""
        session_id = self.child_id(file)
        rows = Rows(self.rows.outbox, session_id, self.rows.settings)
        rows.session(
            {
                "agent": profile.name,
                "agent_session_id": file.agent_session_id,
                "parent_id": self.rows.session_id,
                "cwd": self.meta.cwd,
                "started_at": iso(self.book.timeline.last_ns or self.meta.started_ns),
                "status": "recording",
            }
        )
        return self.children.setdefault(session_id, (rows, TurnBook(Timeline())))

    def child_id(self, file: TranscriptFile) -> str:
        return ids.derived_id(self.meta.started_ns, self.rows.session_id, file.agent_session_id)

    def read(self, now_ns: int, ending: bool) -> bool:
        """Read what is new; True when there was something. An ending session reads on, whether its agent speaks or not."""
        something = False
        for conversation in self.followed.values():
            if conversation.left:
                continue
            conversation.left = not ending and now_ns - conversation.heard_ns > LAST_WORDS_NS  # and read for the last time
            if self.border.call(f"reading {conversation.file.path}", False, conversation.advance):
                something = True
                child = self.children.get(conversation.rows.session_id)
                (child[1] if child else self.book).put(conversation.changed())
                self.write_title(conversation)
        return something

    def skip(self) -> None:
        """Leave out what is new."""
        for conversation in self.followed.values():
            self.border.call(f"skipping {conversation.file.path}", None, conversation.skip)

    def write_title(self, conversation: Conversation) -> None:
        reader = conversation.reader
        if reader.cost_usd is not None:
            conversation.rows.change(cost_usd=reader.cost_usd)
        if reader.title and not self.meta.name:
            conversation.rows.change(name=mask(reader.title))

    def evidence(self) -> Evidence | None:
        """What the session's newest transcript says about the agent's state."""
        newest = self.newest()
        return newest.reader.evidence() if newest else None

    def told(self, status: Status | None) -> dict[str, Any]:
        """What the session's newest conversation tells besides its turns, as columns of the session's row.

        By its status feed where that speaks of it, else by its transcript.
        """
        newest = self.newest()
        if newest is None:
            return {"context_left": None}
        if status is None or status.agent_session_id != newest.file.agent_session_id:
            return {"context_left": newest.reader.context_left}
        cost = {} if status.cost_usd is None else {"cost_usd": status.cost_usd}
        return {"context_left": status.context_left, **cost}

    def pending(self) -> ToolCall | None:
        """The tool call that the session's agent is at."""
        newest = self.newest()
        return newest.reader.pending if newest else None

    def newest(self) -> Conversation | None:
        """The session's own conversation that its agent is in."""
        return next((one for one in reversed(self.followed.values()) if one.rows is self.rows and not one.left), None)

    def books(self) -> Iterator[tuple[Rows, TurnBook]]:
        """The session's own, and its sub-agents'."""
        yield self.rows, self.book
        yield from self.children.values()


class Conversation:
    """One transcript file, followed from where it was left: its lines become raw rows and turns.

    It is followed as long as an agent in the pane says that it writes it, and a moment longer; then another pane may go on
    with it. One that no agent speaks of any more is read once.
    """

    def __init__(self, connection: sqlite3.Connection, rows: Rows, profile: Profile, file: TranscriptFile) -> None:
        self.connection, self.file, self.rows, self.agent = connection, file, rows, profile.name
        self.heard_ns = 0
        self.left = False
        self.writers: set[int] = set()
        self.reader = new_reader(profile.transcript, file.agent_session_id)
        self.id = write.transcript_id(profile.name, file.agent_session_id, file.path)
        row = connection.execute("SELECT next_offset FROM transcripts WHERE id = ?", (self.id,)).fetchone()
        self.offset = row[0] if row else 0
        replay_conversation(connection, self.id, self.reader)

    def changed(self) -> list[Turn]:
        """The turns that changed, without those that are known to be another session's."""
        writers = writers_of(self.connection, self.id)
        return [turn for turn in self.reader.changed() if writers.at(turn.started_ns) in ("", self.rows.session_id)]

    def unsettled(self) -> list[Turn]:
        """Of the turns that the database has already: those about which something may still change."""
        return self.changed()[-2:]

    def hear(self, began_ns: int, now_ns: int) -> None:
        """The agent, which is recorded in this pane since ``began_ns``, says that it writes this file."""
        self.heard_ns, self.left = now_ns, False
        if began_ns not in self.writers:
            self.writers.add(began_ns)
            self.rows.transcript(self.agent, self.file, began_ns)

    def skip(self) -> None:
        """Leave out what is there to read."""
        _, self.offset = read_lines(self.file.path, self.offset)
        self.rows.lines(self.id, [], self.offset)

    def advance(self) -> bool:
        """Read what the agent wrote since; True when there was something."""
        lines, next_offset = read_lines(self.file.path, self.offset)
        if not lines:
            return False
        self.offset = next_offset
        self.rows.lines(self.id, lines, next_offset)
        for _, line in lines:
            self.reader.feed(line)
        for path in self.reader.wanted():
            content = read_file(path)
            self.reader.give(path, content)
            self.rows.file(self.id, path, content)
        return True
