"""Terminal bytes at rest: zstd frames with the times of their reads. Pure packing; the rows are made elsewhere."""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import zstandard

from procy.types import Picture, Read

BLOCK_BYTES = 256 << 10
READ = struct.Struct("<qIII")  # ns since the block's first read, length, columns, rows
LEVEL = 9  # 51 to 147 MB/s here; level 3 takes 6 to 19 % more room


class Block(NamedTuple):
    """One row of ``terminal_blocks``."""

    start: int
    end: int
    started_ns: int
    ended_ns: int
    data: bytes  # zstd, as is ``reads``
    reads: bytes
    columns: int
    rows: int
    screen: bytes


def pack_block(reads: Sequence[Read], before: Picture) -> Block:
    """A block of one read or more, which follow each other without a hole; ``before`` is the screen they change."""
    first, last = reads[0], reads[-1]
    index = b"".join(READ.pack(read.time_ns - first.time_ns, len(read.data), read.columns, read.rows) for read in reads)
    data = b"".join(read.data for read in reads)
    return Block(
        first.offset, last.end, first.time_ns, last.time_ns, pack(data), pack(index),
        before.columns, before.rows, pack(before.escapes),
    )  # fmt: skip


def unpack_block(start: int, started_ns: int, data: bytes, index: bytes) -> Iterator[Read]:
    """The reads of a block from its columns ``start``, ``started_ns``, ``bytes`` and ``reads``."""
    plain = unpack(data)
    position = 0
    for after_ns, length, columns, rows in READ.iter_unpack(unpack(index)):
        yield Read(started_ns + after_ns, start + position, columns, rows, plain[position : position + length])
        position += length


def pack(data: bytes) -> bytes:
    """With a checksum: what a disk has changed since is not taken for what was shown."""
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(data)


def unpack(frame: bytes) -> bytes:
    """Raises ValueError for bytes that are damaged."""
    try:
        return zstandard.ZstdDecompressor().decompress(frame)
    except zstandard.ZstdError as error:
        raise ValueError(f"recorded bytes in the database are damaged ({error})") from error
