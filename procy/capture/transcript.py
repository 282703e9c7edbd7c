"""Following a file that an agent appends to: whole lines, by byte offset, whatever is in them."""

import os
from pathlib import Path
from typing import NamedTuple

READ_BYTES = 4 << 20


class Lines(NamedTuple):
    """Lines without their newline, each with the offset of its first byte, and the offset to read on from."""

    lines: list[tuple[int, bytes]]
    next_offset: int


def read_lines(path: str | Path, offset: int) -> Lines:
    """The whole lines after ``offset``; half a line waits for its end. Lines end at byte 0x0A and nowhere else.

    Reads about ``READ_BYTES`` at most, or one whole line if that is longer. A file that has become shorter than
    ``offset`` was rewritten and is read from its beginning. A missing file has no lines.
    """
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                offset = 0
            file.seek(offset)
            data = file.read(READ_BYTES)
            while data and b"\n" not in data and (more := file.read(READ_BYTES)):
                data += more
    except OSError:
        return Lines([], offset)
    lines = []
    for line in data.split(b"\n")[:-1]:
        lines.append((offset, line))
        offset += len(line) + 1
    return Lines(lines, offset)


def read_file(path: str) -> bytes:
    """A file that a transcript refers to; a note in its place when it is gone."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        return f"[{path}: {error}]".encode("utf-8", "replace")
