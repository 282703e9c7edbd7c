"""What is concluded from the rows of runs, without any agent or evaluator."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from procy.evolve.lane import Lane, Ready
from procy.evolve.replay import as_measured, preferred
from procy.evolve.steps import checkout
from procy.evolve.workshop import Workshop
from procy.places import Places
from procy.store import corrections, runs
from procy.store.db import open_reader
from procy.store.write import put_session, written
from procy.tries import Outcome

RUN = {"mode": "lanes", "strategy": "greedy", "proposer": "template", "goal": "better", "budget": {}, "options": {},
       "root": "/w", "base_sha": "0", "status": "done"}  # fmt: skip


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """With a run R and its start S."""
    places = Places(str(tmp_path), str(tmp_path / "procy.db"), str(tmp_path / "spool"), str(tmp_path / "config.toml"))
    with written(places.db) as connection:
        runs.add_run(connection, "R", 1, RUN)
        add(connection, "S", 0, decision="kept", score=1.0)
    return places


def add(connection: Any, key: str, seq: int, **values: Any) -> None:
    runs.add_try(connection, key, seq + 1, {"run_id": "R", "seq": seq, "step": "done", "notes": {}, **values})


def test_a_sibling_that_scored_more_is_no_worse_prompt(places: Places) -> None:
    gain = {"with": "S", "gain": 1.0, "low": 0.5, "high": 1.5, "better": 0.99}
    with written(places.db) as connection:
        add(connection, "A", 1, parent_id="S", decision="kept", score=2.0, prompt="a", comparison=gain)
        add(connection, "B", 2, parent_id="S", decision="reverted", score=2.1, prompt="b")
        add(connection, "C", 3, parent_id="S", decision="reverted", score=1.5, prompt="c")
        add(connection, "D", 4, parent_id="S", decision="reverted", status="unchanged", prompt="d")
    with open_reader(places.db) as connection:
        pairs = connection.execute("SELECT chosen, rejected FROM preferences ORDER BY rejected").fetchall()
    assert [tuple(pair) for pair in pairs] == [("a", "c"), ("a", "d")]


def test_a_forgotten_prompt_leaves_the_replays_of_its_correction_too(places: Places) -> None:
    with written(places.db) as connection:
        connection.execute("PRAGMA defer_foreign_keys = on")
        put_session(connection, "Q", {"agent": "claude", "started_at": "2026"})
        turn = {"id": "T", "session_id": "Q", "seq": 1, "kind": "prompt", "prompt": "a secret", "started_at": "2026"}
        runs.insert(connection, "turns", {**turn, "origin": "human", "status": "done", "source": "transcript"})
        corrections.add(connection, "C", 1, corrections.Pair("T", None, "a secret", "a better secret", "", "me"))
        for seq, (key, prompt) in enumerate((("A", "a secret"), ("B", "a better secret")), 1):
            add(connection, key, seq, parent_id="S", prompt=prompt)
        corrections.link_replay(connection, "C", "R", "A", "B")
        refs = runs.forget(connection, "id = ?", "T", "(forgotten)")
    with open_reader(places.db) as connection:
        prompts = [row["prompt"] for row in runs.tries_of(connection, "R")]
    assert prompts == [None, "(forgotten)", "(forgotten)"]
    assert refs == ["/w: refs/procy/r/try/1", "/w: refs/procy/r/try/2"]


def outcome(status: str, score: float | None = None) -> Outcome:
    return Outcome(id="x", seq=1, parent_id="S", status=status, decision="reverted", score=score)


@pytest.mark.parametrize(
    ("rejected", "chosen", "wanted"),
    [
        ("ok", "crash", "rejected"),
        ("invalid", "ok", "chosen"),
        ("ok", "unanswered", None),
        ("interrupted", "ok", None),
        ("crash", "tampered", None),
    ],
)
def test_only_what_was_judged_can_be_preferred(rejected: str, chosen: str, wanted: str | None) -> None:
    pair = [outcome(status, 1.0 if status == "ok" else None) for status in (rejected, chosen)]
    assert preferred(None, *pair) == wanted


def test_a_prompt_that_changed_nothing_is_worth_what_the_start_is() -> None:
    shop = cast(Workshop, SimpleNamespace(start=outcome("ok", 3.0)))
    assert as_measured(shop, outcome("unchanged")).score == 3.0
    assert as_measured(shop, outcome("crash")).score is None


@pytest.mark.parametrize(
    ("verdict", "following"), [(None, "ask"), ("vetoed", "ask"), ("approved", "inject"), ("edited", "inject")]
)
def test_a_vetoed_prompt_is_not_sent_by_a_run_that_was_reset(places: Places, verdict: str | None, following: str) -> None:
    with written(places.db) as connection:
        add(connection, "A", 1, parent_id="S", step="checkout", prompt="a", verdict=verdict)
    start = Outcome(id="S", seq=0, parent_id=None, status="ok", decision="kept", score=1.0, commit="0")
    shop = SimpleNamespace(
        places=places, outcome=lambda _: start, plan=SimpleNamespace(ask=True, conversation=""), watch=None,
        tell=lambda _: None, change_try=lambda row, **values: {**row, **values},
    )  # fmt: skip
    lane = SimpleNamespace(number=1, host="", prepare=lambda *_: Ready("Q", True))
    with open_reader(places.db) as connection:
        row = runs.try_by_id(connection, "A")
    assert checkout(cast(Workshop, shop), cast(Lane, lane), row)["step"] == following
