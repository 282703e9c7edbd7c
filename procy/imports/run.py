"""A whole import: every conversation that an agent has kept, each known, new or grown, and what could not be read."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from procy.capture.transcript import end_of, file_of
from procy.imports.conversation import Conversation, TakenOver
from procy.imports.known import Known, find_known, is_copy, streamed, where_to_go_on
from procy.settings import Settings
from procy.types import Profile, TranscriptFile


@dataclass
class Report:
    """How many conversations were ``new``, ``grown``, ``known`` or left alone, and why; ``failed``: (path, why) of files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    subagents: int = 0  # of the new ones
    turns: int = 0
    bytes: int = 0
    broken: int = 0  # lines
    torn: int = 0  # files that end within a line
    missing: int = 0  # files that lines refer to
    failed: list[tuple[str, str]] = field(default_factory=list)


class Import:
    """Brings conversations of one agent in, one after the other."""

    def __init__(self, connection: sqlite3.Connection, settings: Settings, profile: Profile) -> None:
        self.connection, self.settings, self.profile = connection, settings, profile
        self.report = Report()
        self.streams = streamed(connection)

    def bring(self, file: TranscriptFile, done: Callable[[float], None]) -> None:
        """One conversation, whole; ``done`` is told of bytes."""
        try:
            conversation = self.opened(file)
            if conversation:
                self.read(conversation, done)
                if conversation.offset > conversation.first or self.is_open(conversation.session_id):
                    conversation.close()
                self.count(conversation)
        except TakenOver:
            self.report.outcomes["recording"] += 1
        except OSError as error:
            self.report.failed.append((file.path, error.strerror or str(error)))

    def opened(self, file: TranscriptFile) -> Conversation | None:
        """The conversation, to be read from where that was left; None, with the reason counted, when there is nothing to do.

        Raises OSError for a file that cannot be read.
        """
        with open(file_of(file.path), "rb"):
            known = find_known(self.connection, self.profile.name, file)
        if reason := self.why_left(known, file, end_of(file.path)):
            self.report.outcomes[reason] += 1
            return None
        begin = where_to_go_on(self.connection, self.profile.name, file, known)
        return Conversation(self.connection, self.settings, self.profile, file, begin)

    def why_left(self, known: Known | None, file: TranscriptFile, size: int) -> str:
        """Why there is nothing to be done about a conversation; "" where there is."""
        if file.agent_session_id in self.streams:
            return "stream"
        if known is None:
            return self.why_parent_decides(file)
        reason = why_known_is_left(known, file, size)
        if reason == "rewritten" and is_copy(self.connection, file.path, known):
            reason = "known"  # an older copy
        return "" if reason == "known" and known.origin == "import" and self.is_open(known.session_id) else reason

    def why_parent_decides(self, file: TranscriptFile) -> str:
        """Why a sub-agent's conversation is not to be brought in, since that which spawned it is not; "" where it is."""
        parent = find_known(self.connection, self.profile.name, TranscriptFile("", file.parent)) if file.parent else None
        if parent is None:
            return ""
        return "recording" if parent.is_live else "" if parent.session_id else "forgotten"

    def is_open(self, session_id: str) -> bool:
        """Whether an import was killed before it could close the session's last turn."""
        query = "SELECT 1 FROM turns WHERE session_id = ? AND status = 'open'"
        return self.connection.execute(query, (session_id,)).fetchone() is not None

    def read(self, conversation: Conversation, done: Callable[[float], None]) -> None:
        for size in conversation.advance():
            self.report.bytes += size
            done(size)

    def count(self, conversation: Conversation) -> None:
        """After it was read: what it was, and what was odd about it."""
        report = self.report
        if not conversation.session_id:
            report.outcomes["empty"] += 1
        elif conversation.is_new:
            report.outcomes["new"] += 1
            report.subagents += bool(conversation.file.parent)
        else:
            report.outcomes["grown" if conversation.offset > conversation.first else "known"] += 1
        report.turns += conversation.turns() - conversation.turns_before
        report.broken += conversation.broken
        report.missing += conversation.missing
        report.torn += ends_within_line(conversation.file.path)


def why_known_is_left(known: Known, file: TranscriptFile, size: int) -> str:
    """The same of one that is known."""
    if not known.session_id:
        return "forgotten"
    if known.is_live:
        return "recording"
    if size == known.next_offset:
        return "known"
    if size < known.next_offset:
        return "rewritten"
    return "pruned" if known.pruned_at else ""


def ends_within_line(path: str) -> bool:
    if not path.endswith(".jsonl"):
        return False
    try:
        with open(path, "rb") as file:
            file.seek(max(file.seek(0, 2) - 1, 0))
            return file.read(1) not in (b"\n", b"")
    except OSError:
        return False


def in_order(files: Iterable[TranscriptFile]) -> list[TranscriptFile]:
    """The same files, each behind the ones that it began as a copy of or was spawned by, else as they come."""
    waiting = list(files)
    by_name = {file.agent_session_id: file for file in waiting}
    ordered: dict[str, TranscriptFile] = {}

    def before(file: TranscriptFile) -> Iterator[TranscriptFile]:
        chain = [file]
        while (above := by_name.get(chain[-1].parent or chain[-1].forked_from)) and above not in chain:
            chain.append(above)
        yield from reversed(chain)

    for file in waiting:
        for one in before(file):
            ordered.setdefault(one.path + "\0" + one.agent_session_id, one)
    return list(ordered.values())


def written_since(file: TranscriptFile, since_ns: int | None) -> bool:
    """Whether the file was written since then; one that is gone counts as well, so that it is told of."""
    try:
        return since_ns is None or os.stat(file_of(file.path)).st_mtime_ns >= since_ns
    except OSError:
        return True


def size_of(file: TranscriptFile) -> int:
    return end_of(file.path)
