"""The vocabulary of the loop: what strategies and proposers are given, and what they give back. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, Protocol

PromptSource = Literal["model", "template", "human", "agent"]
Decision = Literal["kept", "reverted", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A try that is over. ``seq`` 0 is the start.

    ``score``: the mean of its samples, without the one that selected it where there are others; larger is better. None where
    it could not be measured or broke a constraint.
    ``gain``: of its score over that of ``incumbent_id``, with the ends of its interval, where the gate compared them.
    """

    id: str
    seq: int
    parent_id: str | None
    status: str
    decision: Decision
    score: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    instances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gain: tuple[float, float, float] | None = None
    incumbent_id: str | None = None
    prompt: str = ""
    reason: str = ""
    commit: str = ""
    files: tuple[str, ...] = ()
    feedback: tuple[Any, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_measured(self) -> bool:
        return self.score is not None


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the next try starts. ``notes`` come back in its Outcome."""

    parent: Outcome
    mode: Literal["improve", "explore"] = "improve"
    inspirations: tuple[Outcome, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


class Strategy(Protocol):
    """Which try the next one starts from. Its memory is what it observed: a resumed run shows it every outcome again, in the
    order in which the tries ended."""

    name: str
    summary: str  # one line, for people who choose
    confirms: bool  # whether a candidate is measured again, beside its incumbent, before it is kept

    def observe(self, outcome: Outcome) -> None:
        """Take note of a try that is over. The first is the start."""

    def pick_parent(self, rng: Random) -> Choice:
        """Only after ``observe`` was called with the start."""

    def incumbent(self, candidate: Choice) -> Outcome:
        """What a try made by that choice is compared with, and replaces where it is kept."""

    def best(self) -> Outcome:
        """What the user is handed when it ends now; the start where nothing was kept."""


# Options are text, as they were typed; ConfigError where one is unknown or wrong.
StrategyMaker = Callable[[Mapping[str, str]], Strategy]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricView:
    """A metric as a proposer is told of it."""

    name: str
    direction: Literal["maximize", "minimize"]
    unit: str = ""
    is_objective: bool = False
    at_least: float | None = None  # hard constraints
    at_most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionView:
    """What a human made of an earlier prompt."""

    rejected: str
    chosen: str
    note: str = ""
    gain: float | None = None  # measured, of chosen over rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """All that a proposer may know when it writes the prompt of try ``seq`` of ``total``."""

    goal: str
    seq: int
    total: int
    metrics: tuple[MetricView, ...]
    evaluator: str  # its name, and how it is called
    start: Outcome
    parent: Outcome
    best: Outcome
    outcomes: tuple[Outcome, ...] = ()  # every try that is over, in order, without the start
    mode: Literal["improve", "explore"] = "improve"
    inspirations: tuple[Outcome, ...] = ()
    corrections: tuple[CorrectionView, ...] = ()
    knows_parent: bool = True  # whether the agent's conversation is the parent's; else it knows nothing and needs an account
    cwd: str = ""  # the lane's work tree


@dataclass(frozen=True, slots=True)
class Proposal:
    """A prompt, and what it cost to write."""

    prompt: str
    source: PromptSource
    details: Mapping[str, Any] = field(default_factory=dict)  # model, tokens, seconds


class Proposer(Protocol):
    """Writes the next prompt."""

    name: PromptSource

    def propose(self, brief: Brief) -> Proposal:
        """Raises ProposerError where it cannot: the run is paused with that reason."""


def best_of(outcomes: Sequence[Outcome]) -> Outcome:
    """The kept one with the highest score, the earliest of equals; the first where none is measured."""
    kept = [outcome for outcome in outcomes if outcome.decision == "kept" and outcome.score is not None]
    return max(kept, key=lambda outcome: (outcome.score or 0.0, -outcome.seq)) if kept else outcomes[0]
