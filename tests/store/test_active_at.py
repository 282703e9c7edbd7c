"""When something last happened in a session is known, whatever is done to its turns; and many sessions cost no more than few."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from procy.store.db import open_writer
from procy.store.session_pages import page_sessions

BY_HAND = """
SELECT count(*) FROM sessions WHERE active_at IS NOT coalesce(
    (SELECT coalesce(ended_at, started_at) FROM turns WHERE session_id = sessions.id ORDER BY seq DESC LIMIT 1), started_at)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_writer(str(tmp_path / "procy.db"))) as connection:
        yield connection


def time_of(number: int) -> str:
    return f"2026-11-{number % 28 + 1:02d}T00:00:{number % 60:02d}.000Z"


def add_session(connection: sqlite3.Connection, number: int) -> str:
    key = f"S{number:025d}"
    connection.execute("INSERT INTO sessions (id, agent, started_at) VALUES (?, 'codex', ?)", (key, time_of(number)))
    return key


def add_turn(connection: sqlite3.Connection, session: str, seq: int, at: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO turns (id, session_id, seq, kind, prompt, response, status, source, started_at, ended_at) "
        "VALUES (?, ?, ?, 'prompt', '', '', 'done', 'transcript', ?, ?)",
        (f"{session} {seq}", session, seq, time_of(at), time_of(at + 1) if at % 2 else None),
    )


def test_it_is_always_what_one_would_find_by_hand(writer: sqlite3.Connection) -> None:
    chance = random.Random(7)
    sessions = [add_session(writer, number) for number in range(5)]
    for at in range(300):
        one, other = chance.sample(sessions, 2)
        what = chance.randrange(6)
        if what < 3:
            add_turn(writer, one, chance.randrange(1, 20), at)
        elif what == 3:
            writer.execute("DELETE FROM turns WHERE session_id = ? AND seq > ?", (one, chance.randrange(20)))
        elif what == 4:
            writer.execute("UPDATE turns SET ended_at = ? WHERE session_id = ?", (time_of(at), one))
        else:
            writer.execute("UPDATE OR IGNORE turns SET session_id = ? WHERE session_id = ? AND seq = 3", (one, other))
            writer.execute("UPDATE sessions SET started_at = ? WHERE id = ?", (time_of(at), other))
        assert writer.execute(BY_HAND).fetchone()[0] == 0, (at, what)


def test_the_newest_of_many_are_found_without_looking_at_all(writer: sqlite3.Connection) -> None:
    """Counted in steps of SQLite's machine: the same work for fifty sessions and for fifty times as many."""
    steps: list[int] = []
    for first, count in ((0, 100), (100, 5000)):
        for number in range(first, count):
            add_turn(writer, add_session(writer, number), 1, number)
        done = [0]
        writer.set_progress_handler(lambda done=done: done.__setitem__(0, done[0] + 1), 100)
        assert len(page_sessions(writer, children=True)) == 50
        writer.set_progress_handler(None, 0)
        steps.append(done[0])
    assert steps[1] < 3 * steps[0]
