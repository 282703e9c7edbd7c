"""A terminal stream that was kept as a file: a session whose turns are read from the screen."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from procy import ids
from procy.capture.spool import Cursor, Spool
from procy.errors import ProcyError
from procy.imports.batch import Batch
from procy.parse.casts import Change, Header, read_events, read_header
from procy.parse.redact import mask
from procy.parse.timing import Timing, read_timing, timed_reads
from procy.plugins import profile_named
from procy.recording.rebuild import derive_again
from procy.settings import Settings
from procy.sidecar.rows import Rows
from procy.sidecar.terminal import Durable, Terminal
from procy.store import write
from procy.store.blobs import BLOCK_BYTES
from procy.store.db import iso
from procy.store.forgotten import is_forgotten
from procy.types import PaneEvent, Picture, Read

GENERIC = "generic"
PIECE = 1 << 16
NOTHING = Spool(Path())  # these bytes do not come from one


class Stream(NamedTuple):
    """A stream and what is known about it. ``key`` is a hash of what it was made from; ``screen`` paints what stood there
    before."""

    key: str
    reads: Iterable[Read | int]
    columns: int
    rows: int
    started_ns: int
    agent: str
    name: str
    command: str = ""
    screen: bytes = b""
    changes: tuple[Change, ...] = ()


class Brought(NamedTuple):
    """The session; ``is_new`` False: it was there already. ``broken``: lines that could not be read."""

    session_id: str
    is_new: bool
    turns: int
    bytes: int
    broken: int


def bring_stream(connection: sqlite3.Connection, settings: Settings, stream: Stream, done: Callable[[float], None]) -> Brought:
    """Its bytes as blocks, a piece at a time, then what they tell. One that was killed in the middle begins again."""
    session_id = ids.derived_id(0, "import", stream.key)
    if is_forgotten(connection, session_id):
        raise ProcyError("this was imported, and forgotten", "What is forgotten stays so")
    row = connection.execute("SELECT status FROM sessions WHERE id = ?", (session_id,)).fetchone()
    if row and row[0] == "ended":
        return Brought(session_id, False, turns_of(connection, session_id), 0, 0)
    with write.transaction(connection):
        connection.execute("DELETE FROM sessions WHERE id = ?", (session_id,))
    batch = Batch()
    rows = Rows(batch, session_id, settings)
    begin(rows, stream)
    batch.send(connection)
    screen = Picture(stream.columns, stream.rows, stream.screen)
    terminal = Terminal(NOTHING, Durable(Cursor(), screen), settings.raw == "redact")
    broken, last_ns = 0, stream.started_ns
    changes = list(stream.changes)
    for read in stream.reads:
        if isinstance(read, int):
            broken += 1
            continue
        while changes and changes[0].offset <= read.offset:
            rows.event(foreground(changes.pop(0), stream.started_ns, read))
        last_ns = max(last_ns, read.time_ns)
        terminal.add(read)
        done(len(read.data))
        if terminal.reads_bytes >= BLOCK_BYTES:
            put_blocks(rows, terminal, everything=False)
            batch.send(connection)
    put_blocks(rows, terminal, everything=True)
    rows.event(PaneEvent(last_ns, terminal.offset, "end", {"cause": "the end of the file"}))
    rows.change(ended_at=iso(last_ns), status="ended", terminal_bytes=terminal.offset)
    batch.put(lambda connection: derive_again(connection, session_id, settings))
    if settings.raw == "drop":
        batch.put(lambda connection: drop_blocks(connection, session_id))
    batch.send(connection)
    return Brought(session_id, True, turns_of(connection, session_id), terminal.offset, broken)


def foreground(change: Change, started_ns: int, read: Read) -> PaneEvent:
    """Nobody but the screen tells turns here, whatever told them when it was recorded."""
    at_ns = min(started_ns + round(change.seconds * 1e9), read.time_ns)
    is_told_elsewhere = bool(profile_named(str(change.detail.get("agent") or "")).transcript)
    reads_turns = bool(change.detail.get("reads_turns", True)) or is_told_elsewhere
    return PaneEvent(at_ns, read.offset, "foreground", {**change.detail, "reads_turns": reads_turns, "since_ns": at_ns})


def drop_blocks(connection: sqlite3.Connection, session_id: str) -> None:
    connection.execute("DELETE FROM terminal_blocks WHERE session_id = ?", (session_id,))


def begin(rows: Rows, stream: Stream) -> None:
    """The session's row, which is not an ended one before all is in, and the size at the beginning."""
    size = {"columns": stream.columns, "rows": stream.rows}
    values = {
        "agent": stream.agent, "origin": "import", "name": mask(stream.name) or None, "command": mask(stream.command) or None,
        "started_at": iso(stream.started_ns), "ended_at": iso(stream.started_ns), "status": "lost", **size,
    }  # fmt: skip
    rows.session(values)
    rows.event(PaneEvent(stream.started_ns, 0, "attach", size, Picture(stream.columns, stream.rows, stream.screen)))


def put_blocks(rows: Rows, terminal: Terminal, everything: bool) -> None:
    """Whatever the settings say of raw bytes: the turns are read from them."""
    for block, _ in terminal.cut(everything):
        rows.outbox.put(partial(write.add_block, session_id=rows.session_id, block=block))


def turns_of(connection: sqlite3.Connection, session_id: str) -> int:
    return int(connection.execute("SELECT count(*) FROM turns WHERE session_id = ?", (session_id,)).fetchone()[0])


# -- what there is to bring ---------------------------------------------------------------------------------------------


def raw_stream(path: Path, timing_path: Path | None, size: tuple[int, int] | None, agent: str) -> Stream:
    """A bare stream. Without times all of it came when the file was written last."""
    timing = Timing([])
    if timing_path:
        try:
            timing = read_timing(timing_path.read_text(encoding="utf-8", errors="replace").splitlines())
        except ValueError as error:
            raise ProcyError(
                f"{timing_path} is no timing file of script: {error}", "Give the one that was made with it"
            ) from error
    columns, rows = size or timing.size or (80, 24)
    key = digest(path, *([timing_path] if timing_path else []), words=("raw", f"{columns}x{rows}", agent))
    lasted_ns = round(sum(step[0] for step in timing.steps) * 1e9)
    started_ns = timing.started_ns or path.stat().st_mtime_ns // 1_000_000 * 1_000_000 - lasted_ns
    pieces = without_script_lines(pieces_of(path), bool(timing_path))
    reads = timed_reads(pieces, timing, started_ns, (columns, rows))
    return Stream(key, reads, columns, rows, started_ns, agent, path.name, changes=program_of(agent))


def cast_stream(path: Path, agent: str) -> Stream:
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        try:
            header: Header = read_header(file.readline())
        except ValueError as error:
            raise ProcyError(f"{path} cannot be read: {error}", "Give a file of asciinema, or of procy export cast") from error
    started_ns = header.started_ns or path.stat().st_mtime_ns // 1_000_000 * 1_000_000
    reads = read_events(lines_of(path), header, started_ns)
    screen = first_of(reads) if header.has_picture else b""
    key = digest(path, words=("cast", agent))
    had_terminal = agent_in(header.changes) if agent == GENERIC else agent
    return Stream(
        key, (one if isinstance(one, int) else one._replace(offset=one.offset - len(screen)) for one in reads),
        header.columns, header.rows, started_ns, had_terminal, header.title or path.name, header.command, screen,
        header.changes or program_of(agent),
    )  # fmt: skip


def agent_in(changes: Iterable[Change]) -> str:
    """The first agent that the cast says had the terminal."""
    named = (str(change.detail.get("agent") or GENERIC) for change in changes)
    return next((name for name in named if name != GENERIC and profile_named(name).name == name), GENERIC)


def first_of(reads: Iterator[Read | int]) -> bytes:
    first = next(reads, 0)
    return first.data if isinstance(first, Read) else b""


def program_of(agent: str) -> tuple[Change, ...]:
    """A named agent has the terminal from the beginning."""
    profile = profile_named(agent)
    detail = {"agent": agent, "program": profile.program, "shell_waits": False, "reads_turns": True}
    return () if agent == GENERIC else (Change(0, 0.0, detail),)


def lines_of(path: Path) -> Iterator[str]:
    """All but the first."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        next(file, "")
        yield from file


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def without_script_lines(pieces: Iterator[bytes], is_timed: bool) -> Iterator[bytes]:
    """Without the line that ``script`` itself writes first, which its timing does not count."""
    first = next(pieces, b"")
    if is_timed and first.startswith(b"Script started on "):
        first = first.partition(b"\n")[2]
    yield first
    yield from pieces


def digest(*paths: Path, words: tuple[Any, ...]) -> str:
    """Of the files' content and of how they are to be read."""
    found = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        for piece in pieces_of(path):
            found.update(piece)
        found.update(b"\0")
    return found.hexdigest()
