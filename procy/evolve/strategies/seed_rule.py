"""The rule of the first procy, mistakes included, to compare with.

Its population is one island: the start, five times and never measured, then every try. The fitness is one metric, the first,
always maximised; what failed has 0, and so has the start. 20 % of the parents are any of the population, 70 % any of the five
fittest, 10 % one of the fifty fittest by its weight. Nothing is ever replaced, and what looks fittest once is handed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from procy.evolve.strategies.archive import Archive, Options
from procy.hookspecs import hookimpl
from procy.tries import Choice, Outcome, Strategy, StrategyMaker

COPIES = 5
TOP, ARCHIVE = 5, 50
ANY, ELITE = 0.2, 0.7


class SeedRule(Archive):
    """``metric``: "" is the first one; ``score`` is what the first procy did not have, one number that is right."""

    name = "seed"
    summary = "the first procy's rule, with its mistakes; to compare with"

    def __init__(self, metric: str = "") -> None:
        super().__init__(confirms=False)
        self.metric = metric

    def pick_parent(self, rng: Random) -> Choice:
        copies = [self.start] * COPIES
        everyone = sorted([*copies, *self.outcomes[1:]], key=lambda outcome: (-self.fitness(outcome), outcome.seq))
        chance = rng.random()
        if chance < ANY:
            return Choice(rng.choice([self.start, *self.outcomes[1:]]))  # of its copies, one is in the island in use
        if chance < ANY + ELITE:
            return Choice(rng.choice(everyone[:TOP]))
        fittest = everyone[:ARCHIVE]
        weights = [max(self.fitness(outcome), 0.0) + 1e-9 for outcome in fittest]
        return Choice(rng.choices(fittest, weights)[0])

    def incumbent(self, candidate: Choice) -> Outcome:
        return super().best()  # it compared with nothing; what beats all before it may be called kept

    def best(self) -> Outcome:
        return max(self.outcomes, key=lambda outcome: (self.fitness(outcome), -outcome.seq))

    def fitness(self, outcome: Outcome) -> float:
        if outcome.seq == 0:
            return 0.0
        if self.metric == "score":
            return outcome.score if outcome.score is not None else 0.0
        name = self.metric or next(iter(outcome.metrics), "")
        return outcome.metrics.get(name, 0.0)


def make(options: Mapping[str, str]) -> Strategy:
    read = Options(SeedRule.name, options)
    found = SeedRule(metric=read.text("metric", ""))
    read.done()
    return found


@hookimpl
def procy_strategies() -> Mapping[str, StrategyMaker]:
    return {SeedRule.name: make}
