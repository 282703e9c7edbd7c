"""One transcript on its way into the database: the same raw rows, readers and turns as when it is recorded live."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from procy import ids
from procy.capture.place import repository
from procy.capture.transcript import read_file, read_lines
from procy.imports.batch import Batch
from procy.imports.known import LIVE, Begin, find_recorded, find_session
from procy.parse.redact import mask
from procy.recording.rebuild import derive_again
from procy.recording.timeline import Timeline
from procy.recording.transcripts import new_reader, replay_conversation, writers_of
from procy.recording.turnbook import TurnBook
from procy.settings import Settings
from procy.sidecar.rows import Rows
from procy.store import turn_sources
from procy.store.db import from_iso, iso
from procy.types import Profile, TranscriptFile, Turn, Whereabouts

NO_PANE = ""  # of a session of its own that was in no pane; NULL would make a fork look like a sub-agent's
LATER_NS = 1 << 62  # every turn that has an end has settled by then


class TakenOver(Exception):
    """A recording goes on with the conversation: it is the sidecar's now."""


class Conversation:
    """A transcript that is read on from where it was left.

    A session that procy recorded itself is derived again from its raw rows when it has grown; one that was imported grows turn
    by turn.
    """

    def __init__(
        self, connection: sqlite3.Connection, settings: Settings, profile: Profile, file: TranscriptFile, begin: Begin
    ) -> None:
        self.connection, self.settings, self.profile, self.file = connection, settings, profile, file
        self.id, self.first, self.session_id, self.is_recorded = (
            begin.transcript_id,
            begin.offset,
            begin.session_id,
            begin.is_recorded,
        )
        self.offset = self.first
        self.is_new = not self.session_id
        self.is_recalled = not self.offset
        self.batch = Batch()
        self.book = TurnBook(Timeline())
        self.reader = new_reader(profile.transcript, file.agent_session_id)
        self.turns_before = self.turns()
        self.missing = 0  # files that lines refer to, and that are gone
        self.known_broken = 0

    def turns(self) -> int:
        """How many the session has."""
        return int(self.connection.execute("SELECT count(*) FROM turns WHERE session_id = ?", (self.session_id,)).fetchone()[0])

    def recall(self) -> None:
        """Tell the reader what was read before; from the file itself where no lines are kept."""
        if self.is_recalled:
            return
        self.is_recalled = True
        if self.connection.execute("SELECT 1 FROM transcript_lines WHERE transcript_id = ?", (self.id,)).fetchone():
            replay_conversation(self.connection, self.id, self.reader)
        else:
            for lines, _ in self.chunks(0, self.offset):
                for _, line in lines:
                    self.reader.feed(line)
        self.known_broken = self.broken
        for turn in self.reader.changed():
            if turn.ended_ns is None:
                self.book.put([turn])

    @property
    def broken(self) -> int:
        return int(getattr(self.reader, "broken", 0)) - self.known_broken

    @property
    def whereabouts(self) -> Whereabouts:
        told: Whereabouts = getattr(self.reader, "whereabouts", Whereabouts())
        return told

    def chunks(self, start: int, end: int = 1 << 62) -> Iterator[tuple[list[tuple[int, bytes]], int]]:
        """Lines, some megabytes at a time, each with the offset behind them."""
        while start < end:
            lines, following = read_lines(self.file.path, start)
            if not lines or following <= start:
                return
            yield [(place, line) for place, line in lines if place < end], following
            start = following

    def advance(self) -> Iterator[int]:
        """Bring in what is there to read; gives the bytes that were, each time they are safe.

        Raises TakenOver, sqlite3.OperationalError and OSError.
        """
        for lines, following in self.chunks(self.offset):
            self.recall()
            for _, line in lines:
                self.reader.feed(line)
            given = [(path, self.content_of(path)) for path in self.reader.wanted()]
            for path, content in given:
                self.reader.give(path, content)
            turns = list(self.reader.changed())
            if not self.session_id and not turns and not read_lines(self.file.path, following).lines:
                return  # nobody said anything
            rows = self.begun(turns)
            self.batch.put(self.check)
            rows.lines(self.id, lines, following)
            for path, content in given:
                rows.file(self.id, path, content)
            self.put(rows, turns)
            self.batch.send(self.connection)
            done, self.offset = following - self.offset, following
            yield done

    def content_of(self, path: str) -> bytes:
        """A file that a line refers to: where the line says, or where it lies beside a transcript that was copied."""
        beside = Path(self.file.path).with_suffix("") / Path(path).parent.name / Path(path).name
        found = next((one for one in (Path(path), beside) if one.is_file()), None)
        self.missing += found is None
        return read_file(str(found or path))

    # -- rows ---------------------------------------------------------------------------------------------------------

    def check(self, connection: sqlite3.Connection) -> None:
        """In the transaction: nobody else has read on meanwhile."""
        row = connection.execute("SELECT next_offset FROM transcripts WHERE id = ?", (self.id,)).fetchone()
        status = connection.execute(
            "SELECT status FROM sessions JOIN transcript_sessions ON session_id = sessions.id WHERE transcript_id = ? "
            "ORDER BY from_ns DESC LIMIT 1",
            (self.id,),
        ).fetchone()
        if (row and row[0] != self.offset) or (status and status[0] in LIVE):
            raise TakenOver

    def begun(self, turns: list[Turn]) -> Rows:
        """Where the rows go; the session and its transcript are made with the first of them."""
        if self.session_id:
            if not self.connection.execute("SELECT 1 FROM transcripts WHERE id = ?", (self.id,)).fetchone():
                rows = Rows(self.batch, self.session_id, self.settings)
                rows.transcript(self.profile.name, self.file, self.first_ns(turns))
            return Rows(self.batch, self.session_id, self.settings)
        began_ns = self.whereabouts.began_ns or self.first_ns(turns)
        if not self.file.parent and self.joins(turns):
            rows = Rows(self.batch, self.session_id, self.settings)
            rows.transcript(self.profile.name, self.file, began_ns)
            return rows
        self.session_id = ids.derived_id(began_ns, "import", self.profile.name, self.file.agent_session_id)
        rows = Rows(self.batch, self.session_id, self.settings)
        started_ns = self.own_start(turns) or began_ns
        parent = find_session(self.connection, self.profile.name, self.file.parent, began_ns) if self.file.parent else ""
        rows.session(
            {
                "agent": self.profile.name,
                "agent_session_id": self.file.agent_session_id,
                "origin": "import",
                "started_at": iso(started_ns),
                "ended_at": iso(max(self.last_ns(turns), started_ns)),
                "status": "ended",
                **({"parent_id": parent or None} if self.file.parent else {"pane_id": NO_PANE}),
                **place_of(self.whereabouts),
            }
        )
        rows.transcript(self.profile.name, self.file, began_ns)
        return rows

    def joins(self, turns: list[Turn]) -> bool:
        """Whether a session is of this conversation that knew no transcript of it. Raises TakenOver while that is recorded."""
        name, key = self.profile.name, self.file.agent_session_id
        found = find_recorded(self.connection, name, key, self.whereabouts.cwd, turns)
        if found is None:
            return False
        if found.is_live:
            raise TakenOver
        self.session_id, self.is_recorded, self.is_new = found.session_id, found.is_recorded, False
        self.turns_before = self.turns()
        return True

    def own_start(self, turns: list[Turn]) -> int:
        """When the first turn began that no other session has: a fork begins with copies of what it goes on from."""
        known = "SELECT 1 FROM turns WHERE id = ?"
        own = (
            turn.started_ns
            for turn in sorted(turns, key=lambda turn: turn.started_ns)
            if not self.connection.execute(known, (turn_sources.known_id(self.connection, self.session_id, turn),)).fetchone()
        )
        return next(own, self.last_ns(turns))

    def first_ns(self, turns: list[Turn]) -> int:
        return min((turn.started_ns for turn in turns), default=0)

    def last_ns(self, turns: list[Turn]) -> int:
        told = max((turn.ended_ns or turn.started_ns for turn in turns), default=0)
        return self.whereabouts.last_ns or told

    def put(self, rows: Rows, turns: list[Turn]) -> None:
        if self.is_recorded:
            return  # all of it is derived at the end
        writers = writers_of(self.connection, self.id)
        self.book.put(turn for turn in turns if writers.at(turn.started_ns) in ("", self.session_id))
        for entry in self.book.take(LATER_NS):
            rows.turn(entry.turn)
        rows.change(**self.told(turns))

    def told(self, turns: list[Turn]) -> dict[str, Any]:
        """What changes in the session's row as the conversation goes on."""
        values: dict[str, Any] = {"ended_at": iso(last_ns)} if (last_ns := self.last_ns(turns)) else {}
        if self.reader.title:
            values["name"] = mask(self.reader.title)
        if self.reader.cost_usd is not None:
            values["cost_usd"] = self.reader.cost_usd
        return values

    def close(self) -> None:
        """Nothing more will come for now: a turn without an end was cut short."""
        if not self.session_id:
            return
        self.recall()
        if self.is_recorded:
            self.batch.put(lambda connection: derive_again(connection, self.session_id, self.settings))
        else:
            rows = Rows(self.batch, self.session_id, self.settings)
            for turn in self.book.close(from_iso(self.ended_at())):
                rows.turn(turn)
        self.batch.send(self.connection)

    def ended_at(self) -> str:
        (ended_at,) = self.connection.execute("SELECT ended_at FROM sessions WHERE id = ?", (self.session_id,)).fetchone()
        return str(ended_at)


def place_of(whereabouts: Whereabouts) -> dict[str, str]:
    """The columns that say where a conversation took place; the repository only where it is still there."""
    told = {"cwd": whereabouts.cwd, "branch": whereabouts.branch, "git_head": whereabouts.git_head}
    repo = repository_of(whereabouts.cwd) if whereabouts.cwd else ""
    return {name: value for name, value in {**told, "repo": repo}.items() if value}


@lru_cache(maxsize=4096)
def repository_of(cwd: str) -> str:
    return dict(repository(cwd)).get("repo", "") if Path(cwd).is_dir() else ""
