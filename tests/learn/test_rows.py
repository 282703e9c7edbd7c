"""What a proxy model could learn from: which rows are usable, and why the others are not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from procy.learn.rows import REASONS, look, rows_of
from procy.store import training, write
from procy.store.db import iso, open_writer
from procy.types import Turn

NOW = 1_795_000_000_000_000_000


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(str(tmp_path / "procy.db"))
    write.put_session(connection, "main", {"agent": "codex", "started_at": iso(NOW), "pane_id": "%1"})
    write.put_session(connection, "child", {"agent": "codex", "started_at": iso(NOW), "parent_id": "main"})
    yield connection
    connection.close()


def say(db: sqlite3.Connection, *prompts: str, session: str = "main", **more: Any) -> None:
    """Turns with these prompts, oldest first."""
    for prompt in prompts:
        (place,) = db.execute("SELECT count(*) FROM turns").fetchone()
        one = Turn(key=f"{place}", prompt=prompt, response="x", status="done", started_ns=NOW + place * 10**9, **more)
        write.put_turn(db, session, one, mask=str, cost=None)


def insert(db: sqlite3.Connection, table: str, **values: Any) -> None:
    db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))


def verdicts(db: sqlite3.Connection, category: str) -> list[tuple[str, str | None]]:
    """Oldest first."""
    assert {row.reason for row in rows_of(db, category)} <= {None, *REASONS}
    return [(row.text, row.reason) for row in rows_of(db, category)][::-1]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [("", "empty"), (" \n", "empty"), ("1", "answer"), ("y", "answer"), ("Yes.", "answer"), ("2)", "answer"), ("ok", "answer"),
     ("/compact", "command"), ("/mcp:tool now", "command"), ("/home/you/a.py is slow", None), ("no tests, please", None),
     ("continue", None), ("100 times faster", None)],
)  # fmt: skip
def test_prompts_of_a_human(db: sqlite3.Connection, prompt: str, reason: str | None) -> None:
    say(db, prompt)
    assert verdicts(db, "human") == [(prompt, reason)]


def test_only_what_a_human_typed_is_one_and_the_newest_of_a_text_counts(db: sqlite3.Connection) -> None:
    say(db, "Fix it", "fix it", "  Fix\n it ", "Explain")
    say(db, "look for it", session="child")
    say(db, "ls", kind="shell")
    say(db, "of procy")
    db.execute("UPDATE turns SET origin = 'procy' WHERE prompt = 'of procy'")
    assert verdicts(db, "human") == [
        ("Fix it", "duplicate"), ("fix it", None), ("  Fix\n it ", None), ("Explain", None), ("ls", "command"),
    ]  # fmt: skip
    assert training.human_prompts(db) == 5


def test_a_corrected_prompt_gives_way_to_its_correction(db: sqlite3.Connection) -> None:
    say(db, "do it", "do that", "again")
    turns = [row[0] for row in db.execute("SELECT id FROM turns ORDER BY seq")]
    pair = {"rejected": "do it", "author": "me"}
    insert(db, "corrections", id="B", turn_id=turns[0], chosen="Do it well", created_at="2", **pair)
    insert(db, "corrections", id="A", turn_id=turns[0], chosen="Do it", created_at="1", replaced_by="B", **pair)
    insert(db, "corrections", id="C", turn_id=turns[1], chosen="Do that", created_at="3", deleted_at="4", **pair)
    insert(db, "corrections", id="D", chosen=" ", created_at="4", **pair)
    insert(db, "corrections", id="E", chosen="do it ", created_at="5", **pair)
    insert(db, "corrections", id="F", chosen="Do  it well", created_at="6", **pair)
    assert [reason for _, reason in verdicts(db, "human")] == ["corrected", None, None]
    assert verdicts(db, "corrected") == [
        ("Do it", "replaced"), ("Do it well", "duplicate"), ("Do that", "deleted"), (" ", "empty"), ("do it ", "same"),
        ("Do  it well", None),
    ]  # fmt: skip
    assert {row.against for row in rows_of(db, "corrected")} == {"do it"}


def test_proposed_prompts_have_an_outcome_of_their_own(db: sqlite3.Connection) -> None:
    insert(db, "runs", id="R", strategy="s", proposer="model", goal="g", budget="{}", options="{}", root="/", base_sha="0",
           status="running", started_at="0")  # fmt: skip
    done = {"run_id": "R", "step": "done", "prompt_source": "model", "started_at": "1"}
    rows: list[tuple[str | None, dict[str, Any]]] = [
        ("kept", {"decision": "kept", "status": "ok", "score": 1.0}),
        ("crashed", {"decision": "failed", "status": "crash"}),
        ("vetoed", {"verdict": "vetoed", "status": "vetoed"}),
        ("machine", {"decision": "failed", "status": "infra"}),
        ("silent", {"decision": "failed", "status": "unanswered"}),
        ("under way", {"step": "evaluate"}),
        ("helped", {"status": "ok", "score": 2.0, "mixed": 1}),
        ("meant", {"prompt": "edited", "proposed": "meant", "verdict": "edited", "status": "ok", "score": 1.0}),
        ("theirs", {"prompt_source": "human", "status": "ok", "score": 1.0}),
        ("kept", {"decision": "kept", "status": "ok", "score": 1.5}),
        (None, {"step": "propose"}),
    ]
    for seq, (prompt, more) in enumerate(rows):
        insert(db, "tries", **{**done, "id": f"T{seq:02d}", "seq": seq, "prompt": prompt, **more})
    assert verdicts(db, "proxy") == [
        ("kept", "duplicate"), ("crashed", None), ("vetoed", None), ("machine", "unjudged"), ("silent", "unjudged"),
        ("under way", "open"), ("helped", "mixed"), ("meant", "edited"), ("kept", None),
    ]  # fmt: skip


def test_the_better_one_of_a_measured_pair_is_wanted(db: sqlite3.Connection) -> None:
    for number, preferred in enumerate(("chosen", "rejected", None)):
        outcome = json.dumps({"preferred": preferred, "gain": 1.0})
        insert(db, "corrections", id=f"C{number}", rejected="old", chosen="new", created_at=f"{number}", outcome=outcome)
    found = [(row.text, row.against, row.reason) for row in rows_of(db, "preferences")][::-1]
    assert found == [("new", "old", None), ("old", "new", None), ("new", "old", "undecided")]


def test_a_look_counts_every_row_and_shows_some(db: sqlite3.Connection) -> None:
    say(db, *(f"prompt {number}" for number in range(6)), "1", "2")
    whole = look(db, "human", None, "", 0, 3)
    assert (whole.total, whole.usable, whole.dropped, whole.cut) == (8, 6, {"answer": 2}, False)
    assert [row.text for row in whole.rows] == ["2", "1", "prompt 5"]
    assert [row.text for row in look(db, "human", None, "usable", 4, 3).rows] == ["prompt 1", "prompt 0"]
    assert [row.text for row in look(db, "human", None, "answer", 1, 3).rows] == ["1"]
    assert not look(db, "human", 8, "", 0, 3).cut
    short = look(db, "human", 7, "", 0, 3)
    assert (short.total, short.usable, short.cut) == (7, 5, True)
