"""Following what an agent appends to: whole lines of a file by byte offset, or the rows of a conversation in a database.

``DATABASE.db#CONVERSATION`` names such rows: those of its table ``event`` whose ``aggregate_id`` is the conversation. Row ``seq``
is the line at that offset (OpenCode 1.18.33). ``FILE.md#TIME`` names a chat of aider's, see ``procy.chats``.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from procy.chats import chat_end, chat_lines, split_chat
from procy.readonly import open_database

READ_BYTES = 4 << 20
ROWS = "SELECT seq, id, type, data FROM event WHERE aggregate_id = ? AND seq >= ? ORDER BY seq"


class Lines(NamedTuple):
    """Lines without their newline, each with the offset of its first byte, and the offset to read on from."""

    lines: list[tuple[int, bytes]]
    next_offset: int


def read_lines(path: str | Path, offset: int) -> Lines:
    """The whole lines after ``offset``; half a line waits for its end. Lines end at byte 0x0A and nowhere else.

    Reads about ``READ_BYTES`` at most, or one whole line if that is longer. A file that has become shorter than
    ``offset`` was rewritten and is read from its beginning. A missing file has no lines.
    """
    database, conversation = split_path(path)
    if conversation:
        return read_rows(database, conversation, offset)
    chats, started = split_chat(path)
    if started:
        return Lines(*chat_lines(chats, started, offset))
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


def end_of(path: str | Path) -> int:
    """The offset behind the last line that is there; 0 for a missing file."""
    database, conversation = split_path(path)
    file, started = split_chat(path)
    if started:
        return chat_end(file, started)
    try:
        return last_row(database, conversation) if conversation else os.path.getsize(path)
    except (OSError, sqlite3.Error):
        return 0


def file_of(path: str | Path) -> str:
    """The file in which the lines are, of which they may be a part."""
    database, conversation = split_path(path)
    return database if conversation else str(split_chat(path)[0])


def split_path(path: str | Path) -> tuple[str, str]:
    """Database and conversation; the conversation is "" where the path names a plain file."""
    database, mark, conversation = str(path).rpartition(".db#")
    return (f"{database}.db", conversation) if mark and "/" not in conversation else (str(path), "")


def read_rows(database: str, conversation: str, offset: int) -> Lines:
    """Rows as lines, each a JSON object with the row's ``id``, ``seq``, ``type`` and, as it stands there, its ``data``."""
    lines: list[tuple[int, bytes]] = []
    size = 0
    try:
        with closing(open_database(database)) as connection, closing(connection.execute(ROWS, (conversation, offset))) as rows:
            for seq, key, kind, data in rows:
                line = f'{{"id":"{key}","seq":{seq},"type":"{kind}","data":{data}}}'.replace("\n", " ")
                lines.append((seq, line.encode("utf-8", "surrogatepass")))
                size += len(line)
                if size > READ_BYTES:
                    break
    except (sqlite3.Error, OSError):  # locked for a moment, or another program's
        return Lines([], offset)
    return Lines(lines, lines[-1][0] + 1 if lines else offset)


def last_row(database: str, conversation: str) -> int:
    with closing(open_database(database)) as connection:
        row = connection.execute("SELECT max(seq) FROM event WHERE aggregate_id = ?", (conversation,)).fetchone()
    return 0 if row[0] is None else int(row[0]) + 1
