"""Conversations that are a part of a file: OpenCode's in its database, aider's between others in one history."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.imports.conftest import RECORDINGS, Desk

TABLES = """
CREATE TABLE session (id, parent_id, title, directory, time_created, time_updated);
CREATE TABLE message (id, session_id, data);
CREATE TABLE part (message_id, session_id, data);
CREATE TABLE event (aggregate_id, seq, id, type, data);
"""


def opencode_database(path: Path) -> list[str]:
    """One as the agent keeps it, with the recorded conversations; their ids."""
    files = sorted((RECORDINGS / "opencode").rglob("*.jsonl"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(TABLES)
        for number, file in enumerate(files):
            connection.execute("INSERT INTO session VALUES (?, NULL, 'x', '/work', ?, ?)", (file.stem, number, number))
            for row in map(json.loads, file.read_text().splitlines()):
                values = (file.stem, row["seq"], row["id"], row["type"], json.dumps(row["data"]))
                connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", values)
    return [file.stem for file in files]


def test_opencodes_conversations_are_brought_in_once(desk: Desk) -> None:
    database = desk.kept / "opencode.db"
    names = opencode_database(database)
    assert f"imported {len(names)} conversations" in desk.told("opencode", database)
    first = desk.everything()
    assert {row[0] for row in desk.rows("SELECT agent_session_id FROM sessions")} == set(names)
    assert len(first["turns"]) > 5 and {row[0] for row in desk.rows("SELECT source FROM turns")} == {"transcript"}
    assert f"{len(names)} known already" in desk.told("opencode", database)
    desk.rebuild()
    assert desk.everything() == first


def test_a_row_that_came_later_is_brought_in(desk: Desk) -> None:
    database = desk.kept / "opencode.db"
    opencode_database(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        later = connection.execute("SELECT * FROM event WHERE seq > 60").fetchall()
        connection.execute("DELETE FROM event WHERE seq > 60")
    desk.told("opencode", database)
    before = len(desk.rows("SELECT 1 FROM turns"))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", later)
    told = desk.told("opencode", database)
    assert len(desk.rows("SELECT 1 FROM turns")) > before, told


def test_aiders_chats_are_brought_in_once(desk: Desk) -> None:
    source = next((RECORDINGS / "aider").rglob(".aider.chat.history.md"))
    for file in source.parent.iterdir():
        shutil.copy2(file, desk.kept / file.name)
    assert "imported 1 conversation" in desk.told("aider", desk.kept)
    first = desk.everything()
    assert len(first["turns"]) == 7
    assert "1 known already" in desk.told("aider", desk.kept)
    desk.rebuild()
    assert desk.everything() == first
