"""The loop without an agent: the strategies and the gate as they are, on a landscape."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from bench.evolve.agent import ProxyModel, Work, work
from bench.evolve.landscape import RECALL, Landscape
from procy.evolve.gate import ONE_SAMPLE, Gate, Verdict, after_selection
from procy.tries import Choice, Decision, Outcome, Strategy

BASELINE = 5  # measurements of the start


@dataclass(frozen=True, slots=True)
class Candidate:
    """A try's code, and what its queries a second were measured to be; None where it broke the constraint or does not build."""

    work: Work
    score: float | None


@dataclass(frozen=True, slots=True)
class Course:
    """Of one run, after each number of prompts that was asked for: what it would be worth to be handed the best there is, and by
    how much its score is overstated. ``runs`` of the evaluator for each prompt, and how many tries were kept, at the end."""

    utility: tuple[float, ...]
    overclaim: tuple[float, ...]
    runs: float
    kept: int


class Simulation:
    """``noise``: standard deviation of the error of one measurement, in log queries a second. ``is_idle``: an agent that changes
    nothing, so that whatever is kept is kept wrongly."""

    def __init__(
        self, land: Landscape, strategy: Strategy, gate: Gate, noise: float, seed: int, skill: float = 0.3, is_idle: bool = False
    ) -> None:
        self.land = land
        self.strategy = strategy
        self.gate = gate if strategy.confirms else ONE_SAMPLE
        self.noise = noise
        self.is_idle = is_idle
        self.errors, self.agent, self.picks, chance = (
            random.Random(f"{whose} {seed}") for whose in ("errors", "agent", "picks", "model")
        )
        self.model = ProxyModel(land, skill, chance)
        self.tries: dict[str, Candidate] = {}
        self.runs = 0
        self.kept = 0
        start = Work(land.start, True, ())
        self.tries["0"] = Candidate(start, fmean(self.measure(start) for _ in range(BASELINE)))
        strategy.observe(Outcome(id="0", seq=0, parent_id=None, decision="kept", **self.told("0")))

    def step(self, seq: int) -> None:
        """One prompt."""
        choice = self.strategy.pick_parent(self.picks)
        incumbent = self.strategy.incumbent(choice)
        found = self.work(choice)
        decision, verdict, score = self.judge(found, self.tries[incumbent.id])
        self.tries[str(seq)] = Candidate(found, score)
        self.kept += decision == "kept"
        self.strategy.observe(
            Outcome(
                id=str(seq),
                seq=seq,
                parent_id=choice.parent.id,
                decision=decision,
                gain=verdict.interval if verdict else None,
                incumbent_id=incumbent.id,
                files=found.files,
                notes=choice.notes,
                **self.told(str(seq)),
            )
        )

    def work(self, choice: Choice) -> Work:
        before = self.tries[choice.parent.id].work.state
        return Work(before, True, ()) if self.is_idle else work(before, self.model.prompt(choice, before), self.agent)

    def judge(self, found: Work, incumbent: Candidate) -> tuple[Decision, Verdict | None, float | None]:
        """As the loop does it: once, and then by turns until the gate has seen enough."""
        if not found.builds or self.land.recall_of(found.state) < RECALL:
            return "failed", None, None
        candidate, reference = [self.measure(found)], [incumbent.score or 0.0]
        while (verdict := self.gate.verdict(candidate, reference)).kind == "more":
            reference.append(self.measure(incumbent.work))
            candidate.append(self.measure(found))
        return "kept" if verdict.kind == "keep" else "reverted", verdict, fmean(after_selection(candidate))

    def measure(self, found: Work) -> float:
        """Queries a second, this time."""
        self.runs += 1
        return math.exp(self.land.speed_of(found.state) + self.errors.gauss(0, self.noise))

    def told(self, name: str) -> dict[str, Any]:
        """What the evaluator tells the loop, recall first as in the first procy's tutorial."""
        found = self.tries[name]
        if not found.work.builds:
            return {"status": "crash", "score": None}
        speed = found.score if found.score is not None else self.measure(found.work)
        instances = {
            f"queries-{place}": {"qps": speed * math.exp(offset)}
            for place, offset in enumerate(self.land.offsets(found.work.state))
        }
        metrics = {"recall": self.land.recall_of(found.work.state), "qps": speed}
        return {"status": "ok", "score": found.score, "metrics": metrics, "instances": instances}

    def utility(self) -> float:
        best = self.tries[self.strategy.best().id]
        return max(0.0, self.land.utility(best.work.state)) if best.work.builds else 0.0

    def overclaim(self) -> float:
        """As a share of what it truly is; 0 where there is no score to claim."""
        best = self.tries[self.strategy.best().id]
        return best.score / math.exp(self.land.speed_of(best.work.state)) - 1 if best.score is not None else 0.0


def run(simulation: Simulation, prompts: Sequence[int]) -> Course:
    """``prompts``: after how many to look, in ascending order."""
    utility, overclaim = [], []
    for seq in range(1, prompts[-1] + 1):
        simulation.step(seq)
        if seq in prompts:
            utility.append(simulation.utility())
            overclaim.append(simulation.overclaim())
    return Course(tuple(utility), tuple(overclaim), simulation.runs / prompts[-1], simulation.kept)
