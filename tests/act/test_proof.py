"""What tells that a prompt arrived and was answered, without an agent."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from procy.act.proof import answered_turn, hook_tells
from procy.act.target import Look
from procy.store import injections, write
from procy.store.db import iso, open_writer
from procy.types import Turn

NOW = 1_790_000_000_000_000_000
SESSION = "S" * 26


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    connection = open_writer(str(tmp_path / "procy.db"))
    with write.transaction(connection):
        write.put_session(connection, SESSION, {"agent": "generic", "started_at": iso(NOW)})
    return connection


def test_a_hook_tells_of_its_own_prompt_only(db: sqlite3.Connection) -> None:
    for number, (prompt, event) in enumerate([("go on", "UserPromptSubmit"), ("stop", "UserPromptSubmit"), ("halt", "Stop")]):
        payload = json.dumps({"prompt": prompt})
        db.execute("INSERT INTO hook_events VALUES (?, ?, ?, ?, ?)", (str(number), SESSION, NOW + number, event, payload))
    asked = [(NOW, "go  on"), (NOW + 1, "go on"), (NOW, "go"), (NOW, "halt")]
    assert [hook_tells(db, SESSION, since, text) for since, text in asked] == [True, False, False, False]


class Pane:
    """Shows one state after another, then stays with the last; at ``answered_at`` the turn is done."""

    def __init__(self, path: str, db: sqlite3.Connection, looks: list[Look], answered_at: int) -> None:
        self.places = SimpleNamespace(db=path)
        self.db, self.looks, self.answered_at, self.count = db, looks, answered_at, 0

    def look(self) -> Look:
        self.count += 1
        if self.count == self.answered_at:
            turn = Turn(key="a", prompt="go on", response="Done.", status="done", started_ns=NOW)
            with write.transaction(self.db):
                write.put_turn(self.db, SESSION, turn, str, None)
        return self.looks[min(self.count, len(self.looks)) - 1]


def look(state: str, reason: str = "", dead: bool = False) -> Look:
    return Look(dead, False, False, (0, 0), state, reason, ())


def waited(db: sqlite3.Connection, tmp_path: Path, looks: list[Look], answered_at: int) -> tuple[str | None, list[str]]:
    injections.add(db, "one", SESSION, NOW, "go on", "go on")
    asked: list[str] = []
    pane = Pane(str(tmp_path / "procy.db"), db, looks, answered_at)
    turn = answered_turn(pane, "one", 5, asked.append)  # type: ignore[arg-type]
    return turn and turn["response"], asked


def test_each_question_is_told_once(db: sqlite3.Connection, tmp_path: Path) -> None:
    states = [("busy", ""), ("waiting", "make"), ("waiting", "make"), ("busy", ""), ("waiting", "rm"), ("idle", "")]
    assert waited(db, tmp_path, [look(*state) for state in states], answered_at=5) == ("Done.", ["make", "rm"])


def test_the_answer_is_not_there_before_the_agent_is_ready(db: sqlite3.Connection, tmp_path: Path) -> None:
    assert waited(db, tmp_path, [look("busy"), look("busy"), look("waiting", "make"), look("idle")], 1) == ("Done.", ["make"])


def test_an_agent_that_died_gives_no_answer(db: sqlite3.Connection, tmp_path: Path) -> None:
    assert waited(db, tmp_path, [look("busy"), look("busy", dead=True)], answered_at=9) == (None, [])
