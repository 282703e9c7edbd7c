"""One session's terminal bytes as a whole: blocks of the database and, behind them, what waits in the spool."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from procy.capture import tap
from procy.capture.spool import Cursor, Spool
from procy.recording.replay import stored_events, stored_reads
from procy.recording.timeline import Timeline, load_timeline
from procy.store.blobs import unpack
from procy.types import PaneEvent, Picture, Read

EMPTY = Picture(80, 24, b"")


class TerminalLog:
    """Reads a recording while it grows. ``spool_root`` is ``Places.spool``."""

    def __init__(self, connection: sqlite3.Connection, spool_root: str, session_id: str) -> None:
        self.connection = connection
        self.session_id = session_id
        self.spool = Spool(Path(spool_root) / session_id)

    def durable_end(self) -> int:
        """Bytes that are in blocks."""
        row = self.connection.execute(
            "SELECT coalesce(max(end), 0) FROM terminal_blocks WHERE session_id = ?", (self.session_id,)
        ).fetchone()
        return int(row[0])

    def end(self) -> int:
        """Bytes recorded so far."""
        state = self.spool.state()
        return max(self.durable_end(), state.end if state else 0)

    def reads(self, start: int = 0, end: int | None = None) -> Iterator[Read]:
        """The reads that cover the stream from ``start`` to ``end``, cut to it."""
        position = start
        for read in stored_reads(self.connection, self.session_id, start, end):
            if part := cut(read, position, end):
                position = part.end
                yield part
        if end is not None and position >= end:
            return
        for read in self.spooled(position):
            if part := cut(read, position, end):
                position = part.end
                yield part

    def spooled(self, offset: int) -> Iterator[Read]:
        """The reads that no block has yet, from a stream offset on. The spool is pruned behind blocks only."""
        size = (EMPTY.columns, EMPTY.rows)
        segments = sorted(int(path.stem) for path in self.spool.path.glob("[0-9]*.idx"))
        cursor = Cursor(segments[0] if segments else 1, 0, offset)
        for record, data, _ in self.spool.records(cursor, limit_bytes=1 << 62):
            if record.columns and record.rows:
                size = (record.columns, record.rows)
            if record.kind == tap.DATA and data:
                yield Read(record.time_ns, record.offset, *size, data)

    def events(self) -> list[PaneEvent]:
        """What happened to the pane: attached, gaps, respawned, another program in front, the end."""
        return stored_events(self.connection, self.session_id)

    def timeline(self) -> Timeline:
        timeline = load_timeline(self.connection, self.session_id)
        for read in self.spooled(self.durable_end()):
            timeline.add(read)
        return timeline

    def picture_at(self, offset: int) -> Picture:
        """The screen after that many bytes."""
        start, picture = self.nearest(offset)
        return picture_after(picture, self.reads(start, offset))

    def nearest(self, offset: int) -> tuple[int, Picture]:
        """The last stored screen at or before an offset, and its own offset."""
        row = self.connection.execute(
            "SELECT offset, columns, rows, screen FROM ("
            "SELECT offset, columns, rows, screen, 1 AS rank FROM keyframes WHERE session_id = :id AND offset <= :offset "
            "UNION ALL SELECT start, columns, rows, screen, 1 FROM terminal_blocks WHERE session_id = :id AND start <= :offset "
            "UNION ALL SELECT offset, detail ->> 'columns', detail ->> 'rows', screen, 2 FROM pane_events "
            "WHERE session_id = :id AND offset <= :offset AND screen IS NOT NULL) ORDER BY offset DESC, rank DESC LIMIT 1",
            {"id": self.session_id, "offset": offset},
        ).fetchone()
        return (row[0], Picture(int(row[1]), int(row[2]), unpack(row[3]))) if row else (0, EMPTY)


def picture_after(before: Picture, reads: Iterable[Read], end: int | None = None) -> Picture:
    """The screen that the reads, up to stream offset ``end``, make of the one before."""
    from procy.parse.screen import Screen  # late: the emulator takes a sixth of a second to import

    screen = Screen(before.columns, before.rows)
    screen.feed(before.escapes)
    for read in reads:
        screen.resize(read.columns, read.rows)
        screen.feed(read.data if end is None else read.data[: end - read.offset])
    return Picture(*screen.size, screen.escapes())


def cut(read: Read, start: int, end: int | None) -> Read | None:
    """The part of a read between two stream offsets."""
    first = max(start - read.offset, 0)
    last = len(read.data) if end is None else min(end - read.offset, len(read.data))
    return read._replace(offset=read.offset + first, data=read.data[first:last]) if last > first else None
