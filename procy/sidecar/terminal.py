"""One pane's bytes on their way from the spool to blocks."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from procy.capture import tap
from procy.capture.spool import Cursor, Spool
from procy.parse.pem import open_key
from procy.parse.redact import star_reads, starred_picture
from procy.recording.terminal import EMPTY, picture_after
from procy.store.blobs import BLOCK_BYTES, Block, pack_block, unpack, unpack_block
from procy.types import Picture, Read


class Notice(NamedTuple):
    """A record that is no data. ``kind`` is one of ``tap.START`` (``value``: pid), ``LOST`` (bytes), ``END``,
    or ``DAMAGED`` (bytes)."""

    kind: int
    time_ns: int
    value: int


class Durable(NamedTuple):
    """What the database has: the cursor behind the last block, and the screen there."""

    cursor: Cursor
    picture: Picture


class Terminal:
    """Reads one spool and cuts blocks. Keeps in memory only the bytes that no block has yet."""

    def __init__(self, spool: Spool, durable: Durable, redact: bool = False) -> None:
        self.spool = spool
        self.redact = redact
        self.cursor = durable.cursor
        self.reads: list[Read] = []
        self.cursors: list[Cursor] = []  # behind each of them
        self.reads_bytes = 0
        self.size = (durable.picture.columns, durable.picture.rows)
        self.before = durable.picture  # the screen that the first of them changes

    @property
    def offset(self) -> int:
        """Bytes read since the session began."""
        return self.cursor.offset

    def advance(self, limit_bytes: int) -> Iterator[Read | Notice]:
        """What the spool has after the cursor, in order."""
        for record, data, cursor in self.spool.records(self.cursor, limit_bytes):
            self.cursor = cursor
            if record.kind != tap.DATA:
                yield Notice(record.kind, record.time_ns, record.value)
            elif data:
                if record.columns and record.rows:
                    self.size = (record.columns, record.rows)
                read = Read(record.time_ns, record.offset, *self.size, data)
                self.add(read)
                yield read

    def add(self, read: Read) -> None:
        self.cursor = Cursor(self.cursor.segment, self.cursor.index, read.end)
        self.reads.append(read)
        self.cursors.append(self.cursor)
        self.reads_bytes += len(read.data)

    def reset(self, picture: Picture) -> None:
        """Start over from a whole screen: at the beginning, and after a gap. Cut the last block before."""
        self.before = starred_picture(picture) if self.redact else picture

    def cut(self, everything: bool) -> Iterator[tuple[Block, Cursor]]:
        """Blocks of what was read, full ones or all of it, each with the cursor behind it."""
        while self.reads and (everything or self.reads_bytes >= BLOCK_BYTES):
            count = self.block_length(everything)
            size = sum(len(read.data) for read in self.reads[:count])
            part = star_reads(self.reads[:count]) if self.redact else self.reads[:count]
            self.reads = self.reads[count:]
            cursor, self.cursors = self.cursors[count - 1], self.cursors[count:]
            self.reads_bytes -= size
            yield pack_block(part, self.before), cursor
            self.before = picture_after(self.before, part)

    def block_length(self, everything: bool) -> int:
        """How many reads make the next block; where secrets are starred, it ends with a line so that it parts none."""
        count = size = 0
        while count < len(self.reads) and size < BLOCK_BYTES:
            size += len(self.reads[count].data)
            count += 1
        whole = count
        while self.redact and whole and not parts_no_secret(self.reads[:whole]):
            whole -= 1
        return count if everything and count == len(self.reads) else whole or count

    def picture_at(self, offset: int) -> Picture | None:
        """The screen after that many bytes; None when those bytes have left memory."""
        if offset < (self.reads[0].offset if self.reads else self.offset):
            return None
        return picture_after(self.before, [read for read in self.reads if read.offset < offset], offset)


def parts_no_secret(reads: list[Read]) -> bool:
    """Whether the reads end with a line, and not within a private key."""
    if not reads[-1].data.endswith(b"\n"):
        return False
    text = b"".join(read.data for read in reads).decode("utf-8", "replace")
    return open_key(text) == len(text)


def load_durable(connection: sqlite3.Connection, session_id: str) -> Durable:
    """Where an earlier sidecar stopped; the beginning when there was none."""
    block = connection.execute(
        "SELECT end, columns, rows, screen, start, started_ns, bytes, reads FROM terminal_blocks WHERE session_id = ? "
        "ORDER BY start DESC LIMIT 1",
        (session_id,),
    ).fetchone()
    row = connection.execute(
        "SELECT segment, index_offset, stream_offset FROM spool_cursors WHERE session_id = ?", (session_id,)
    ).fetchone()
    cursor = Cursor(*row) if row else Cursor(offset=block[0] if block else 0)
    attached = connection.execute(
        "SELECT offset, detail ->> 'columns', detail ->> 'rows', screen FROM pane_events "
        "WHERE session_id = ? AND offset <= ? AND screen IS NOT NULL ORDER BY offset DESC, at_ns DESC LIMIT 1",
        (session_id, cursor.offset),
    ).fetchone()
    if attached and (not block or attached[0] >= block[0]):
        return Durable(cursor, Picture(int(attached[1]), int(attached[2]), unpack(attached[3])))
    if not block:
        return Durable(cursor, EMPTY)
    before = Picture(block[1], block[2], unpack(block[3]))
    return Durable(cursor, picture_after(before, list(unpack_block(*block[4:]))))
