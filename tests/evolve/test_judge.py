"""What a try's samples amount to."""

from __future__ import annotations

from typing import Any

from procy.evolve.judge import measured


def sample(score: float, status: str = "ok") -> dict[str, Any]:
    return {"status": status, "score": score, "metrics": {"speed": score}, "reason": None if status == "ok" else "why"}


def test_the_sample_by_which_a_try_was_chosen_counts_only_where_it_is_the_only_one() -> None:
    assert measured([sample(9.0), sample(1.0), sample(2.0)])["score"] == 1.5
    assert measured([sample(9.0)])["metrics"] == {"speed": 9.0}


def test_the_start_was_not_chosen_by_any() -> None:
    assert measured([sample(1.0), sample(2.0)], chosen_by=0)["score"] == 1.5


def test_one_failure_is_the_status_of_the_try() -> None:
    found = measured([sample(9.0), sample(1.0, "timeout"), sample(2.0)])
    assert (found["status"], found["score"], found["reason"]) == ("timeout", None, "why")
