"""Which agent runs in a pane, and the conversations it keeps."""

import sqlite3
from pathlib import Path

from procy.capture import process as processes
from procy.capture.transcript import read_lines
from procy.plugins import profile_of
from procy.recording.conversations import new_reader, replay_conversation, writers_of
from procy.sidecar.rows import Rows
from procy.store import write
from procy.types import Process, Profile, TranscriptFile, Turn

LOOK_NS = 300_000_000
LAST_WORDS_NS = 1_500_000_000  # an agent may write its last lines after its last output


class AgentWatch:
    """Follows the program that has the pane's terminal. Values of one moment; asked again on every tick."""

    def __init__(self) -> None:
        self.group: int | None = None
        self.process: Process | None = None
        self.profile: Profile | None = None
        self.looked_ns = 0

    def look(self, pane_pid: int, now_ns: int) -> bool:
        """Look again; True when another program has the terminal since the last look."""
        group = processes.foreground_group(pane_pid)
        same = group == self.group and self.profile is not None
        recently = now_ns - self.looked_ns < LOOK_NS
        if group is None or (same and (recently or self.profile_is_sure())):
            return False
        self.looked_ns = now_ns
        process, profile = find_agent(group)
        changed = (process and process.pid) != (self.process and self.process.pid) or profile is not self.profile
        self.group, self.process, self.profile = group, process, profile
        return changed

    def profile_is_sure(self) -> bool:
        """A named agent stays what it is; a program that only started may still exec one."""
        return bool(self.profile and self.profile.transcript and self.process and processes.is_same(self.process))


def find_agent(group: int) -> tuple[Process | None, Profile | None]:
    """The agent among a foreground process and its children (wrappers start agents), else that process itself."""
    first = None
    for process in processes.foreground(group):
        first = first or process
        profile = profile_of(process.argv)
        if profile.transcript:
            return process, profile
    return first, profile_of(first.argv) if first else None


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


def read_file(path: str) -> bytes:
    """A file that a transcript refers to; a note in its place when it is gone."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        return f"[{path}: {error.strerror}]".encode()
