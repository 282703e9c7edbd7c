"""What an evaluator measured, as people read it: in the metrics' own values, with how they changed and whether that is good.

A *score* is larger when better, whatever is measured; what is shown is the objective itself. Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SAME = 1e-12  # relative: values that differ by less are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """``is_maximized``: None where nothing says which way is better. ``at_least``, ``at_most``: what must hold."""

    name: str
    is_maximized: bool | None = None
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def breaks(self, value: float) -> bool:
        return (self.at_least is not None and value < self.at_least) or (self.at_most is not None and value > self.at_most)

    @property
    def aim(self) -> str:
        """``higher is better``; "" where that is not known."""
        return {True: "higher is better", False: "lower is better", None: ""}[self.is_maximized]


@dataclass(frozen=True, slots=True)
class Judge:
    """``metrics``: the objective first."""

    metrics: tuple[Metric, ...]

    @property
    def objective(self) -> Metric:
        return self.metrics[0]

    def value_of(self, score: float | None, metrics: Mapping[str, float]) -> float | None:
        """The objective's own value: what was measured, else what the score says."""
        if self.objective.name in metrics:
            return metrics[self.objective.name]
        return None if score is None else self.own(score)

    def own(self, amount: float) -> float:
        """A score, or a difference of scores, in the objective's own direction."""
        return -amount if self.objective.is_maximized is False else amount


@dataclass(frozen=True, slots=True)
class Delta:
    """``change`` of a value since another one; ``good`` is None for none and where nothing says what is good."""

    against: str
    seq: int | None
    change: float
    share: float | None
    good: bool | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric of one try. ``broken``: its hard constraint does not hold."""

    metric: Metric
    value: float | None
    broken: bool
    deltas: tuple[Delta, ...]

    def delta(self, against: str) -> Delta | None:
        return next((one for one in self.deltas if one.against == against), None)


@dataclass(frozen=True, slots=True)
class Gain:
    """Of one try over another, in the objective's own value; ``low`` and ``high`` are None where it was measured once.

    ``good`` is None where the interval holds both signs. ``better``: the probability of a gain.
    """

    seq: int | None
    change: float
    share: float | None
    low: float | None
    high: float | None
    good: bool | None
    better: float | None
    pairs: int


# -- from rows ----------------------------------------------------------------------------------------------------------


def json_object(text: str | None) -> dict[str, Any]:
    """What a JSON column holds; empty for nothing and for what is no object."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def numbers(text: str | None) -> dict[str, float]:
    """The metrics of a row that are numbers."""
    return {name: float(value) for name, value in json_object(text).items() if is_number(value)}


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def judge_of(definition: str | None, seen: Iterable[str] = ()) -> Judge:
    """From an evaluator's definition; ``seen`` are names of what was measured, which it may not know."""
    found = json_object(definition)
    listed = found["metrics"] if isinstance(found.get("metrics"), list) else []
    metrics = [metric_of(one) for one in listed if isinstance(one, dict) and one.get("name")]
    known = {metric.name for metric in metrics}
    metrics += [Metric(name=name) for name in dict.fromkeys(seen) if name not in known]
    objective = found.get("objective")
    if not any(metric.name == objective for metric in metrics):
        metrics.insert(0, Metric(name=str(objective or "score"), is_maximized=True))
    return Judge(tuple(sorted(metrics, key=lambda metric: metric.name != (objective or "score"))))


def metric_of(found: Mapping[str, Any]) -> Metric:
    limits = {name: float(found[name]) for name in ("at_least", "at_most") if is_number(found.get(name))}
    return Metric(
        name=str(found["name"]), is_maximized=found.get("direction") != "minimize", unit=str(found.get("unit") or ""), **limits
    )


# -- compared -----------------------------------------------------------------------------------------------------------

Known = tuple[int, Mapping[str, float]]  # a try's number and its metrics


def figures_of(judge: Judge, metrics: Mapping[str, float], parent: Known | None, best: Known | None) -> tuple[Figure, ...]:
    """Every metric of the judge, with what changed since its parent and since the best before it; once where that is one."""
    if parent and best and parent[0] == best[0]:
        against = [("parent, best", parent)]
    else:
        against = [(name, other) for name, other in (("parent", parent), ("best", best)) if other]
    return tuple(figure_of(metric, metrics.get(metric.name), against) for metric in judge.metrics)


def figure_of(metric: Metric, value: float | None, against: Sequence[tuple[str, Known]]) -> Figure:
    if value is None:
        return Figure(metric, None, False, ())
    deltas = [delta_of(metric, name, seq, value, others[metric.name]) for name, (seq, others) in against if metric.name in others]
    return Figure(metric, value, metric.breaks(value), tuple(deltas))


def delta_of(metric: Metric, against: str, seq: int | None, value: float, other: float) -> Delta:
    same = math.isclose(value, other, rel_tol=SAME)
    change = 0.0 if same else value - other
    good = None if same or metric.is_maximized is None else (change > 0) == metric.is_maximized
    return Delta(against, seq, change, share_of(change, other), good)


def share_of(change: float, base: float | None) -> float | None:
    return change / abs(base) if base else None


def gain_of(judge: Judge, found: Mapping[str, Any], seq: int | None, base: float | None) -> Gain | None:
    """From a comparison's JSON, whose gain is one of scores; ``base`` is the other's own value."""
    gain, low, high = (found.get(name) for name in ("gain", "low", "high"))
    if not is_number(gain) or gain is None:
        return None
    ends = None if low is None or high is None or not (is_number(low) and is_number(high)) else (low, high)
    good = gain > 0 if ends is None else True if ends[0] > 0 else False if ends[1] < 0 else None
    own = sorted(judge.own(end) for end in ends) if ends else [None, None]
    change, better, pairs = judge.own(gain), found.get("better"), found.get("pairs")
    return Gain(
        seq, change, share_of(change, base), own[0], own[1], None if gain == 0 else good,
        float(better) if better is not None and is_number(better) else None, int(pairs) if is_number(pairs) and pairs else 0,
    )  # fmt: skip
