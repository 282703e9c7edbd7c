"""The spool: what taps write and the sidecar reads. One folder a session under ``Places.spool``.

Beside the tap's own files (see ``tap.py``) a folder holds ``meta.json`` (what is recorded, written by ``procy record``),
``seeds/`` (the screen at each moment a pipe was attached), ``fallback.raw`` (bytes that came without a tap) and
``hooks/`` (one file per hook event of the agent, and ``status``, the newest that it told its status line). Everything here is
safe to read while it is being written.
"""

import json
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from procy.capture import tap
from procy.capture.locks import is_locked
from procy.capture.records import Cursor as Cursor
from procy.capture.records import Promise, Record, trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What ``procy record`` asked for. Times are ns since 1970.

    ``wanted`` is ``recording``, ``paused`` or ``off``; ``attached_ns`` changes with every new pipe, so the sidecar sees
    that a session goes on in another pane. ``agent_pid`` is 0 unless the recording is of one agent, not of its pane.
    """

    session_id: str
    tmux_socket: str
    pane_id: str
    pane_pid: int
    server_pid: int
    agent: str
    command: tuple[str, ...]
    cwd: str
    started_ns: int
    attached_ns: int
    wanted: str = "recording"
    name: str = ""
    agent_pid: int = 0
    agent_session_id: str = ""
    parent_id: str = ""
    ends_with_agent: bool = False
    repository: tuple[tuple[str, str], ...] = ()  # repo, branch, git_head


@dataclass(frozen=True, slots=True)
class TapState:
    """What the tap has safely written; see ``tap.STATE``."""

    pid: int
    segment: int
    end: int
    raw_size: int
    index_size: int
    lost: int


class Spool:
    """One session's folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def session_id(self) -> str:
        return self.path.name

    @property
    def hooks(self) -> Path:
        return self.path / "hooks"

    @property
    def seeds(self) -> Path:
        return self.path / "seeds"

    @property
    def seed_announced(self) -> Path:
        """There while a tap is put on the pane and the picture of that moment is not written yet."""
        return self.seeds / "announced"

    # -- what is recorded -------------------------------------------------------------------------------------------

    def create(self, meta: Meta, tty: str, start: int = 0) -> None:
        """Make or renew the folder, before the pipe is attached and its picture written.

        ``start``: bytes that the session has already.
        """
        for folder in (self.path, self.hooks, self.seeds):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if start:
            self.begin_at(start)
        self.announce_seed()
        self.point_at(tty, meta)
        self.write_meta(meta)

    def announce_seed(self) -> None:
        """Say that a tap is about to be put on the pane."""
        self.seed_announced.touch(mode=0o600)

    def begin_at(self, offset: int) -> None:
        """Let the tap count on from an earlier recording of the session."""
        if not (self.path / "tap.state").exists():
            write_whole(self.path / "tap.state", tap.STATE.pack(tap.MAGIC, 0, 1, offset, 0, 0, 0, 0, 0))

    def point_at(self, tty: str, meta: Meta) -> None:
        """Tell the tap where the pane's terminal is."""
        write_whole(self.path / "pane", f"{tty}\n{meta.tmux_socket}\n{meta.pane_id}\n".encode("utf-8", "surrogateescape"))

    def write_meta(self, meta: Meta) -> None:
        write_whole(self.path / "meta.json", json.dumps(asdict(meta), indent=1).encode())

    def change_meta(self, **changes: Any) -> Meta:
        meta = replace(self.meta(), **changes)
        self.write_meta(meta)
        return meta

    def meta(self) -> Meta:
        """Raises OSError or ValueError when the folder holds no readable ``meta.json``."""
        fields = json.loads((self.path / "meta.json").read_bytes())
        fields["command"] = tuple(fields["command"])
        fields["repository"] = tuple((name, value) for name, value in fields["repository"])
        return Meta(**fields)

    def wanted(self) -> str:
        """What is wanted of the session; "" where the folder is gone."""
        try:
            return self.meta().wanted
        except (OSError, ValueError, TypeError):
            return ""

    def write_private(self, content: str) -> Path:
        """A file for the agent that outlives this folder: it may be read again for as long as the agent runs."""
        folder = self.path.parent / "private"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(folder / f"{self.session_id}.json", content.encode("utf-8", "surrogateescape"))
        return folder / f"{self.session_id}.json"

    # -- the tap's bytes --------------------------------------------------------------------------------------------

    def state(self) -> TapState | None:
        """The tap's state, or None before the first tap."""
        try:
            packed = (self.path / "tap.state").read_bytes()
            magic, pid, segment, end, raw_size, index_size, _, _, lost = tap.STATE.unpack(packed)
        except (OSError, struct.error):
            return None
        return TapState(pid, segment, end, raw_size, index_size, lost) if magic == tap.MAGIC else None

    def steady_state(self) -> TapState | None:
        """The same, never read in the middle of a change."""
        state = self.state()
        while state != (again := self.state()):
            state = again
        return state

    def records(self, cursor: Cursor, limit_bytes: int = 8 << 20) -> Iterator[tuple[Record, bytes, Cursor]]:
        """Each record after ``cursor``, its bytes, and the cursor behind it; stops after about ``limit_bytes``.

        Only what the tap's state vouches for is read; what of that is damaged comes as records of kind ``DAMAGED``, without
        bytes. Bytes before ``cursor.offset`` (read once already, from a record
        that a killed tap had begun) are cut off.
        """
        state = self.steady_state()
        seen = 0
        while state and seen < limit_bytes:
            is_last = cursor.segment >= state.segment
            promise = Promise(state.index_size, state.end) if is_last else self.promise(cursor.segment)
            for record, data, index in self._segment_records(cursor, promise):
                cut = min(max(cursor.offset - record.offset, 0), record.length)
                record = replace(record, offset=record.offset + cut, length=record.length - cut)
                cursor = Cursor(cursor.segment, index, max(cursor.offset, record.end))
                seen += record.length
                yield record, data[cut:], cursor
                if seen >= limit_bytes:
                    return
            if is_last:
                return
            cursor = Cursor(cursor.segment + 1, 0, cursor.offset)

    def promise(self, number: int) -> Promise:
        """What a segment must hold that is written no more: up to where the next one begins, if that can be read."""
        path = self.segment(number, "idx")
        size = path.stat().st_size if path.exists() else 0
        try:
            with self.segment(number + 1, "idx").open("rb") as file:
                return Promise(size, Record(*tap.RECORD.unpack(file.read(tap.RECORD.size))).offset)
        except (OSError, struct.error):
            return Promise(size, None)

    def _segment_records(self, cursor: Cursor, promise: Promise) -> Iterator[tuple[Record, bytes, int]]:
        try:
            index = self.segment(cursor.segment, "idx").read_bytes()
            raw = self.segment(cursor.segment, "raw").open("rb")
        except OSError:
            return
        with raw:
            yield from trusted(index, raw, cursor, promise)

    def unclaimed(self, cursor: Cursor) -> bytes:
        """Bytes without a record: the beginning of a write that was cut off, and what came while no tap could start."""
        state = self.state()
        data = b""
        if state and state.segment == cursor.segment:
            try:
                with self.segment(cursor.segment, "raw").open("rb") as raw:
                    raw.seek(state.raw_size)
                    data = raw.read()
            except OSError:
                pass
        fallback = self.path / "fallback.raw"
        return data + (fallback.read_bytes() if fallback.exists() else b"")

    def remove(self) -> None:
        """Delete the folder: everything in it is in the database."""
        shutil.rmtree(self.path, ignore_errors=True)

    def prune(self, before_segment: int) -> None:
        """Delete the files of all segments before the given one."""
        for path in self.path.glob("[0-9]*.???"):
            if path.stem.isdigit() and int(path.stem) < before_segment:
                path.unlink(missing_ok=True)

    def segment(self, number: int, suffix: str) -> Path:
        return self.path / f"{number:04d}.{suffix}"

    def tap_is_running(self) -> bool:
        """Whether a tap holds its lock on this folder."""
        return is_locked(str(self.path / "tap.lock"))


def spools(root: str | Path) -> list[Spool]:
    """All sessions' folders, oldest first."""
    return [Spool(path.parent) for path in sorted(Path(root).glob("*/meta.json"))]


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that a reader sees the old content or the new, never half."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.chmod(0o600)
    beside.replace(path)
