"""Which turn a typed prompt belongs to, without an agent."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from procy.store import injections, write
from procy.store.corrections import Pair, add, standing, wanting
from procy.store.db import iso, open_writer
from procy.types import Turn

NOW = 1_790_000_000_000_000_000
SECOND = 1_000_000_000
SESSION = "S" * 26


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    connection = open_writer(str(tmp_path / "procy.db"))
    connection.row_factory = sqlite3.Row
    with write.transaction(connection):
        write.put_session(connection, SESSION, {"agent": "generic", "started_at": iso(NOW)})
    return connection


def put(db: sqlite3.Connection, key: str, prompt: str, after_s: int, status: str = "done") -> sqlite3.Row:
    turn = Turn(key=key, prompt=prompt, status=status, started_ns=NOW + after_s * SECOND)  # type: ignore[arg-type]
    with write.transaction(db):
        write.put_turn(db, SESSION, turn, str, None)
    return db.execute("SELECT * FROM turns ORDER BY n DESC").fetchone()


def typed(db: sqlite3.Connection, name: str, text: str, after_s: int, status: str = "delivered") -> None:
    injections.add(db, name, SESSION, NOW + after_s * SECOND, text, text)
    injections.settle(db, name, status, None)


def test_an_equal_prompt_of_before_is_the_humans(db: sqlite3.Connection) -> None:
    typed(db, "one", "go on", after_s=60)
    assert put(db, "a", "go on", after_s=50)["origin"] == "human"
    assert put(db, "b", "go on", after_s=59)["origin"] == "procy", "agents round their clock"
    assert put(db, "c", "go on", after_s=70)["origin"] == "human", "it was typed once"


def test_what_surely_arrived_comes_before_what_may_have(db: sqlite3.Connection) -> None:
    typed(db, "lost", "go on", after_s=10, status="unconfirmed")
    typed(db, "first", "go on", after_s=20)
    typed(db, "second", "go on", after_s=30)
    put(db, "a", "go on", after_s=40)
    put(db, "b", "go on", after_s=50)
    order = [row[0] for row in db.execute("SELECT injections.id FROM injections JOIN turns ON turn_id = turns.id ORDER BY seq")]
    assert order == ["first", "second"]


def test_the_last_prompt_that_procy_typed_is_the_one_to_correct(db: sqlite3.Connection) -> None:
    typed(db, "one", "typed", after_s=10)
    injected, human = put(db, "a", "typed", after_s=10), put(db, "b", "mine", after_s=20, status="open")
    assert wanting(db, SESSION)["id"] == injected["id"]
    assert wanting(db, SESSION, running=True)["id"] == human["id"]


def test_a_later_correction_replaces_the_earlier_and_both_stay(db: sqlite3.Connection) -> None:
    one, other = put(db, "a", "one", after_s=10), put(db, "b", "other", after_s=20)
    for number, (turn, chosen) in enumerate([(one, "first"), (other, "aside"), (one, "second")]):
        add(db, str(number), NOW, Pair(turn["id"], None, turn["prompt"], chosen, "", "me"))
    assert [standing(db, turn["id"], None)["chosen"] for turn in (one, other)] == ["second", "aside"]
    rows = db.execute("SELECT chosen, rejected, replaced_by, note FROM corrections ORDER BY id").fetchall()
    assert [tuple(row) for row in rows] == [
        ("first", "one", "2", None), ("aside", "other", None, None), ("second", "one", None, None),
    ]  # fmt: skip
