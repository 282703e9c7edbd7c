"""Transcripts in the database: their readers, and telling a reader again what it was told."""

import sqlite3
from importlib import import_module

from procy.store.blobs import unpack
from procy.types import TranscriptReader


def new_reader(name: str, agent_session_id: str) -> TranscriptReader:
    """The reader in the module of ``procy.parse.transcripts`` with that name."""
    reader: TranscriptReader = import_module(f"procy.parse.transcripts.{name}").Reader(agent_session_id)
    return reader


def replay_conversation(connection: sqlite3.Connection, transcript_id: str, reader: TranscriptReader) -> None:
    """Feed every stored line and give every stored file."""
    lines = connection.execute("SELECT line FROM transcript_lines WHERE transcript_id = ? ORDER BY offset", (transcript_id,))
    for (line,) in lines:
        reader.feed(line.encode() if isinstance(line, str) else line)
    for path in reader.wanted():
        row = connection.execute(
            "SELECT content FROM transcript_files WHERE transcript_id = ? AND path = ?", (transcript_id, path)
        ).fetchone()
        if row:
            reader.give(path, unpack(row[0]))
