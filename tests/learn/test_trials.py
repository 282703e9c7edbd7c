"""Runs that a comparison begins itself: both models with every seed, from one start, each answered by its own model."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from procy.errors import HandleError, ServeError
from procy.evolve.plan import Budget, Plan
from procy.evolve.start import Order
from procy.learn.compare import trials
from procy.learn.compare.runs import compare_runs
from procy.learn.compare.trials import Side
from procy.learn.serve import stop
from procy.learn.serve.client import Client
from procy.learn.serve.start import serve
from procy.learn.serve.wish import Wish, draft
from procy.places import Places
from procy.settings import Settings
from procy.settings.evolve import ProxyModelSettings
from procy.store import runs, servings
from procy.store.db import open_reader
from procy.store.write import written
from tests.evaluate.bench import Bench
from tests.learn.models import make_adapter, make_base, make_engine, settings_with

AGENT = (sys.executable, "-m", "procy.demo.agent", "--task", "wordcount")


class Desk:
    """A work tree with an evaluator, an adapter and another one of the same base, and an engine for them."""

    def __init__(self, root: Path) -> None:
        self.bench = Bench(root)
        self.bench.registered()
        base = make_base(root / "models")
        self.adapter, self.other = make_adapter(base, "taught"), make_adapter(base, "another")
        self.settings = settings_with(make_engine(root))
        self.asked: list[tuple[str, int]] = []

    @property
    def places(self) -> Places:
        return self.bench.places

    @property
    def sides(self) -> tuple[Side, Side]:
        return trials.sides_of(self.places, str(self.adapter), "base")

    def begun(self, seeds: int) -> list[str]:
        order = Order(places=self.places, cwd=str(self.bench.work), strategy="greedy", proposer="model", mode="headless",
                      budget=Budget(tries=2), plan=Plan(), agent=AGENT)  # fmt: skip
        return trials.begun(trials.drafts(self.places, self.settings, order, self.sides, range(seeds)))

    def carry_out(self, run_ids: list[str]) -> None:
        waiting = trials.not_over(self.places, run_ids, self.sides)
        trials.carry_out(self.places, self.settings, waiting, self.sides, lambda text: None)

    def one_run(self, places: Places, row: dict[str, Any]) -> None:
        """In the place of a run: its model is asked, and what it answers decides the score."""
        with open_reader(places.db) as connection:
            served = servings.current(connection)
        assert served is not None
        name = row["options"]["proxy_model"]
        answer = Client(served["url"]).answer(name, [{"role": "user", "content": "two"}], 1).text
        self.asked.append((name, row["options"]["seed"]))
        with written(places.db) as connection:
            for seq in (1, 2):
                score = (seq if answer == "taught two" else 0.2) + row["options"]["seed"] / 50
                values = {"run_id": row["id"], "seq": seq, "step": "done", "score": score, "decision": "kept",
                          "notes": {"proposal": {"model": name}}}  # fmt: skip
                runs.add_try(connection, f"{row['id']}-{seq}", seq, values)
            runs.change_run(connection, row["id"], {"status": "done"})

    def served(self) -> str:
        with open_reader(self.places.db) as connection:
            row = servings.current(connection)
        return row["name"] if row else ""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    found = Desk(tmp_path)
    monkeypatch.setattr(trials, "one_run", found.one_run)
    yield found
    stop.stop(found.places, found.settings)


def test_both_models_have_each_seed_from_one_start_and_are_asked_by_their_names(desk: Desk) -> None:
    run_ids = desk.begun(3)
    desk.bench.write("solution.py", "SPEED = 4\n")  # as somebody may who goes on working
    desk.carry_out(run_ids)
    assert desk.asked == [("tiny", 0), ("taught", 0), ("taught", 1), ("tiny", 1), ("tiny", 2), ("taught", 2)]
    assert desk.served() == "", "nothing was served before"
    row = compare_runs(desk.places, str(desk.adapter), "base", run_ids, 0)
    assert (row["verdict"], row["result"]["basis"]) == ("better", "3 pairs of runs of 2 tries")


def test_what_was_served_before_is_served_again_also_when_a_run_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(desk.places, desk.settings, draft(desk.places, desk.settings, Wish(adapter=str(desk.other))), lambda text: None)
    run_ids = desk.begun(2)

    def breaks(places: Places, row: dict[str, Any]) -> None:
        if len(desk.asked) == 2:
            raise ServeError("it is paused")
        desk.one_run(places, row)

    monkeypatch.setattr(trials, "one_run", breaks)
    with pytest.raises(ServeError, match="it is paused"):
        desk.carry_out(run_ids)
    assert desk.served() == "another"
    monkeypatch.setattr(trials, "one_run", desk.one_run)
    desk.carry_out(run_ids)
    assert desk.asked == [("tiny", 0), ("taught", 0), ("taught", 1), ("tiny", 1)], "what was done is not done again"
    assert desk.served() == "another"


def test_an_endpoint_of_the_users_must_have_both(desk: Desk) -> None:
    row = serve(desk.places, desk.settings, draft(desk.places, desk.settings, Wish(adapter=str(desk.other))), lambda text: None)
    own = Settings(proxy_model=ProxyModelSettings(url=str(row["url"])))
    server = trials.Server(desk.places, own, lambda text: None)
    server.answer_for(desk.sides[1])
    with pytest.raises(ServeError, match="has no taught, only tiny, another"):
        server.answer_for(desk.sides[0])


def test_runs_of_another_kind_are_not_gone_on_with(desk: Desk) -> None:
    [first, *_] = desk.begun(1)
    with written(desk.places.db) as connection:
        runs.change_run(connection, first, {"mode": "lanes"})
    with pytest.raises(HandleError, match=r"is stopped, not done.*procy evolve resume"):
        desk.carry_out([first])


def test_a_budget_is_shared_out() -> None:
    assert trials.shared_out(Budget(tries=4, seconds=600, usd=3, tokens=1001, stall=3), 4) == Budget(
        tries=4, seconds=150, usd=0.75, tokens=250, stall=3
    )


def test_nothing_begins_unasked(desk: Desk) -> None:
    words = ("compare", str(desk.adapter), "--begin", "2", "--agent", shlex.join(AGENT))
    done = subprocess.run(
        [sys.executable, "-m", "procy", *words], cwd=desk.bench.work, env={**os.environ, **desk.places.environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and "nobody can be asked here; begin with --yes" in done.stderr
    assert "16 in all" in done.stderr and "2 seeds, each with taught and tiny" in done.stderr
    with open_reader(desk.places.db) as connection:
        assert not runs.list_runs(connection, 10)
