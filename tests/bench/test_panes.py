"""The loop in real panes, as the bench drives it."""

from __future__ import annotations

import pytest

from bench.evolve.panes import Wish, main, run, score_after
from bench.evolve.tasks import known


def test_two_tries_at_once_in_real_panes() -> None:
    course = run(Wish("ann", 2, lanes=2, think_s=0.1, seed=3))
    assert course.tries[0]["seq"] == 0 and {row["lane"] for row in course.tries[1:]} == {1, 2}
    assert course.tries[0]["metrics"]["cost_per_query"] == known("ann").start
    assert all(row["decision"] for row in course.tries)
    assert 0 <= score_after("ann", course.tries, 2) <= 1


def test_the_bench_prints_scores(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("bench.evolve.panes.PROMPTS", (1,))
    main(["--tasks", "text_search", "--tries", "1", "--lane-tries", "0", "--seed", "2"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1].startswith("RESULT task=text_search panes=1 prompts=1 score=0.")
