"""What an evaluator promises: how it is run, what it measures, and when a result counts. Values only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from procy.errors import EvaluatorError

Direction = Literal["maximize", "minimize"]
Kind = Literal["time", "count", "ratio", ""]
StageName = Literal["smoke", "full", "confirm"]

KINDS = ("time", "count", "ratio")
STAGES = ("smoke", "full", "confirm")
DEFAULT_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """``at_least``, ``at_most``: hard constraints. ``kind`` time: also what is derived from it, such as queries per second."""

    name: str
    direction: Direction = "maximize"
    unit: str = ""
    kind: Kind = ""
    at_least: float | None = None
    at_most: float | None = None

    def broken_by(self, value: float) -> str:
        """Which constraint a value breaks, in words; "" for none."""
        if self.at_least is not None and value < self.at_least:
            return f"{self.name} is {value:g}, and must be at least {self.at_least:g}"
        if self.at_most is not None and value > self.at_most:
            return f"{self.name} is {value:g}, and must be at most {self.at_most:g}"
        return ""

    def larger_is_better(self, value: float) -> float:
        return value if self.direction == "maximize" else -value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """``repeats``: how often at most a comparison may run it for each side."""

    name: str
    command: tuple[str, ...]
    timeout_s: float = DEFAULT_TIMEOUT_S
    repeats: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Limits; None is none. Of each process: memory, CPU time, size of a file. Of all together: how many, on how many cores."""

    memory_mb: int | None = None
    cpu_s: int | None = None
    files_mb: int | None = None
    processes: int | None = None
    cores: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """``score``: larger is better; None where the result does not count, with the reason."""

    score: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """``cwd``: the directory in the work tree in which it runs. ``protected``: what a candidate may not change, as globs.
    ``links``: paths that git does not have and that the checkout borrows from the work tree. ``env``: names or globs of
    variables that it gets, or NAME=value. ``legacy``: a script of the first procy, with that one's contract."""

    name: str
    stages: tuple[Stage, ...]
    metrics: tuple[Metric, ...] = ()
    objective: str = ""
    ties: tuple[str, ...] = ()
    guards: tuple[tuple[str, ...], ...] = ()
    protected: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    network: bool = False
    sandbox: bool = True
    resources: Resources = field(default_factory=Resources)
    seeds: tuple[int, ...] = ()
    cwd: str = ""
    legacy: bool = False

    def metric(self, name: str) -> Metric | None:
        return next((metric for metric in self.metrics if metric.name == name), None)

    def stage(self, name: str) -> Stage | None:
        """None for a smoke stage that is not there; what confirms is the full stage where nothing else is said."""
        found = {stage.name: stage for stage in self.stages}
        return found.get(name) or (found.get("full") if name == "confirm" else None)

    @property
    def is_timed(self) -> bool:
        """Whether the objective is time, which another evaluator on the same host would disturb."""
        metric = self.metric(self.objective)
        return metric is not None and metric.kind == "time"

    def judge(self, metrics: Mapping[str, float]) -> Judgement:
        objective = self.metric(self.objective)
        if objective is None:
            return Judgement(None, "no metric of it is known yet")
        if self.objective not in metrics:
            return Judgement(None, f"the result lacks {self.objective}, which is the objective")
        for metric in self.metrics:
            value = metrics.get(metric.name)
            constrained = metric.at_least is not None or metric.at_most is not None
            if value is None and constrained:
                return Judgement(None, f"the result lacks {metric.name}, which is constrained")
            if value is not None and not math.isfinite(value):
                return Judgement(None, f"{metric.name} is {value}")
            if value is not None and (reason := metric.broken_by(value)):
                return Judgement(None, reason)
        return Judgement(objective.larger_is_better(metrics[self.objective]))

    def tie_break(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """To be compared where scores are equal: larger is better, place by place."""
        found = [(self.metric(name), metrics.get(name)) for name in self.ties]
        return tuple(metric.larger_is_better(value) if metric and value is not None else -math.inf for metric, value in found)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def from_json(found: Mapping[str, Any]) -> Contract:
    """What ``as_json`` gave, also after a way through JSON. Raises EvaluatorError where something is missing or unknown."""
    try:
        values = {**found}
        values["stages"] = tuple(Stage(**{**stage, "command": tuple(stage["command"])}) for stage in found["stages"])
        values["metrics"] = tuple(Metric(**metric) for metric in found["metrics"])
        values["guards"] = tuple(tuple(guard) for guard in found["guards"])
        values["resources"] = Resources(**found["resources"])
        for name in ("ties", "protected", "links", "env", "seeds"):
            values[name] = tuple(found[name])
        return Contract(**values)
    except (KeyError, TypeError) as error:
        what = f"an evaluator in the database cannot be read ({type(error).__name__}: {error})"
        raise EvaluatorError(what, "Set it again: procy eval set") from error
