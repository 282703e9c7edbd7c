"""The records of one segment of a spool, as far as they can be trusted. A disk may lose some of what a tap wrote."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, NamedTuple

from procy.capture import tap

DAMAGED = 4  # a kind that no tap writes: ``length`` bytes of the stream stood here and cannot be read


@dataclass(frozen=True, slots=True)
class Record:
    """One read of the tap: ``length`` bytes at stream ``offset``, seen at ``time_ns`` in a window of columns × rows."""

    time_ns: int
    offset: int
    length: int
    columns: int
    rows: int
    kind: int
    value: int

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader is: a segment, a position in its index, and the stream offset that comes next."""

    segment: int = 1
    index: int = 0
    offset: int = 0


class Promise(NamedTuple):
    """What a segment is to hold: so many bytes of index, and the stream up to ``end`` where that is known."""

    index_size: int
    end: int | None


def trusted(index: bytes, raw: IO[bytes], cursor: Cursor, promise: Promise) -> Iterator[tuple[Record, bytes, int]]:
    """Each record after the cursor, its bytes, and the place in the index behind it.

    Records follow each other without a hole, each with the sum of its bytes. What does not comes as ``DAMAGED`` records, up to
    the next one that can be trusted by its sum.
    """
    size, upto = tap.RECORD.size, promise.index_size
    if cursor.index >= upto:
        return
    index = index[: upto // size * size]
    base = base_of(index, cursor)
    before = record_at(index, cursor.index - size)
    at = before.end if before else base
    time_ns = before.time_ns if before else 0
    lost: Record | None = None
    raw.seek(max(at - base, 0))
    for place in range(cursor.index, len(index), size):
        record = Record(*tap.RECORD.unpack_from(index, place))
        if not follows(record, at):
            if not is_found_again(record, at, promise):
                lost = lost or Record(time_ns, at, 0, 0, 0, DAMAGED, 0)
                continue
            raw.seek(record.offset - base)
        data = raw.read(record.length)
        if not is_whole(record, data):
            lost = lost or Record(time_ns, at, 0, 0, 0, DAMAGED, 0)
            if follows(record, at):
                at, time_ns = record.end, record.time_ns
            continue
        if lost or record.offset > at:
            yield damaged(lost or Record(time_ns, at, 0, 0, 0, DAMAGED, 0), record.offset), b"", place
            lost = None
        at, time_ns = record.end, record.time_ns
        yield record, data, place + size
    if (lost or len(index) < upto) and promise.end is not None:
        lost = lost or Record(time_ns, at, 0, 0, 0, DAMAGED, 0)
        at = max(at, promise.end)
    if lost:
        yield damaged(lost, at), b"", upto


def base_of(index: bytes, cursor: Cursor) -> int:
    """The stream offset of the segment's first byte: that of its first record where the second agrees, else where one begins
    to read it."""
    first, second = record_at(index, 0), record_at(index, tap.RECORD.size)
    if first and follows(first, first.offset) and (not second or second.offset == first.end or cursor.index):
        return first.offset
    return cursor.offset


def is_found_again(record: Record, at: int, promise: Promise) -> bool:
    """Whether that may be a record behind some that were damaged: it needs a sum, which its bytes must have then."""
    inside = at <= record.offset and (promise.end is None or record.end <= promise.end)
    return inside and record.kind == tap.DATA and record.value != 0 and follows(record, record.offset)


def record_at(index: bytes, place: int) -> Record | None:
    if place < 0 or place + tap.RECORD.size > len(index):
        return None
    return Record(*tap.RECORD.unpack_from(index, place))


def follows(record: Record, at: int) -> bool:
    """Whether a tap could have written that after ``at`` bytes of the stream."""
    if record.kind == tap.DATA:
        return record.offset == at and 0 < record.length <= tap.READ_BYTES
    return record.offset == at and record.kind in (tap.START, tap.LOST, tap.END) and not record.length


def is_whole(record: Record, data: bytes) -> bool:
    checked = record.kind == tap.DATA and record.value
    return len(data) == record.length and (not checked or zlib.crc32(data) == record.value)


def damaged(lost: Record, end: int) -> Record:
    """The same loss, up to there."""
    length = end - lost.offset
    return replace(lost, kind=DAMAGED, length=length, value=length)
