"""What was measured, in its own values: what changed, whether that is good, and definitions of any kind."""

from __future__ import annotations

import json

import pytest

from procy.ui.measures import figures_of, gain_of, judge_of, numbers
from procy.ui.words import figure, signed

from .sample_runs import DEFINITION

JUDGE = judge_of(json.dumps(DEFINITION))


def test_the_objective_comes_first() -> None:
    assert [metric.name for metric in JUDGE.metrics] == ["p95", "recall", "memory"]
    assert JUDGE.objective.is_maximized is False and JUDGE.objective.unit == "ms" and JUDGE.objective.aim == "lower is better"
    assert JUDGE.metrics[1].breaks(0.9) and not JUDGE.metrics[1].breaks(0.95) and JUDGE.metrics[2].breaks(513)


def test_changes_against_parent_and_best_say_which_way_is_good() -> None:
    parent, best = (1, {"p95": 50.0, "recall": 0.96}), (3, {"p95": 40.0, "recall": 0.98})
    p95, recall, memory = figures_of(JUDGE, {"p95": 45.0, "recall": 0.97, "memory": 600.0}, parent, best)
    assert [(one.against, one.seq, one.change, one.good) for one in p95.deltas] == [
        ("parent", 1, -5.0, True),
        ("best", 3, 5.0, False),
    ]
    assert [one.share for one in p95.deltas] == [-0.1, 0.125]
    assert [one.good for one in recall.deltas] == [True, False]
    assert memory.broken and not memory.deltas  # the others lack it


def test_one_that_is_both_is_said_once_and_no_change_is_neither_good_nor_bad() -> None:
    [p95, recall, _] = figures_of(
        JUDGE, {"p95": 50.0, "recall": 0.1 + 0.2}, (1, {"p95": 50.0, "recall": 0.3}), (1, {"p95": 50.0})
    )
    assert [(one.against, one.change, one.good) for one in p95.deltas] == [("parent, best", 0.0, None)]
    assert recall.deltas[0].change == 0.0
    assert figures_of(JUDGE, {"p95": 1.0}, None, None)[0].deltas == ()


def test_a_gain_of_scores_is_told_in_the_objectives_own_value() -> None:
    gain = gain_of(JUDGE, {"gain": 7.2, "low": 4.9, "high": 9.5, "better": 0.98, "pairs": 3}, 1, 66.0)
    assert gain and (gain.change, gain.low, gain.high, gain.good, gain.better, gain.pairs) == (-7.2, -9.5, -4.9, True, 0.98, 3)
    assert gain.share == pytest.approx(-7.2 / 66)
    unsure = gain_of(JUDGE, {"gain": 1.0, "low": -1.0, "high": 3.0}, None, None)
    assert unsure and unsure.good is None and unsure.share is None
    once = gain_of(JUDGE, {"gain": -1.0, "low": None, "high": None}, 1, 1.0)
    assert once and once.good is False and once.low is None
    assert gain_of(JUDGE, {}, None, None) is None and gain_of(JUDGE, {"gain": "much"}, None, None) is None


@pytest.mark.parametrize(
    "definition", [None, "", "nonsense", "[]", "{}", '{"metrics": 5}', '{"metrics": [5, {"direction": "x"}, null]}']
)
def test_a_definition_that_says_little_is_no_error(definition: str | None) -> None:
    judge = judge_of(definition, ["qps", "recall"])
    assert judge.objective.name == "score" and [metric.name for metric in judge.metrics[1:]] == ["qps", "recall"]
    assert judge.value_of(3.0, {}) == 3.0 and judge.value_of(None, {"qps": 1.0}) is None
    [_, qps, _] = figures_of(judge, {"qps": 2.0}, (0, {"qps": 1.0}), None)
    assert qps.deltas[0].good is None  # nobody said which way is better


def test_only_numbers_are_metrics() -> None:
    text = '{"a": 1, "b": true, "c": "2", "d": null, "e": NaN, "f": Infinity, "g": 0.5}'
    assert numbers(text) == {"a": 1.0, "g": 0.5} and numbers(None) == {} and numbers("[1]") == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [(41.25, "41.25"), (66.3, "66.3"), (0, "0"), (-0.0031, "−0.0031"), (12_400, "12,400"), (1_234_567.8, "1,234,568"),
     (0.97123, "0.9712"), (1e15, "1.000e15"), (2e-9, "2.000e−9"), (None, "–"), (float("nan"), "–"), (99.999, "100")],
)  # fmt: skip
def test_figures(value: float | None, text: str) -> None:
    assert figure(value).replace("e+", "e").replace("e−0", "e−") == text


def test_signed() -> None:
    assert [signed(one, 3) for one in (5.5, -5.5, 0, None)] == ["+5.5", "−5.5", "0", "–"]
