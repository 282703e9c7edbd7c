"""From the best, until that comes to nothing for a while; then from whatever is most promising, by score and by how often it
was tried.

Each try that starts from a parent takes a toll off its score: a share of the way from the middling try to the best. So the best
is left for the second best after a few tries in vain, both for the third, and so on, and what is better than all of them is gone
on with at once. Now and then in a long stall the agent is told to go another way altogether (``explore``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random
from statistics import median

from procy.evolve.strategies.archive import Archive, Options
from procy.hookspecs import hookimpl
from procy.tries import Choice, Outcome, Strategy, StrategyMaker


class StallSwitch(Archive):
    """``stall``: after so many tries without a gain others than the best get their turn; after twice as many, and each time as
    many again, one explores. ``toll``: in per cent, for each try."""

    name = "stall-switch"
    summary = "from the best; from others by turns while nothing beats it"

    def __init__(self, stall: int = 6, toll: int = 6, confirms: bool = True) -> None:
        super().__init__(confirms)
        self.stall = stall
        self.toll = toll / 100
        self.idle = 0
        self.tried: Counter[str] = Counter()

    def observe(self, outcome: Outcome) -> None:
        before = self.head
        super().observe(outcome)
        self.idle = self.idle + 1 if self.head is before else 0
        if outcome.parent_id is not None:
            self.tried[outcome.parent_id] += 1

    def pick_parent(self, rng: Random) -> Choice:
        best = self.best()
        if self.idle < self.stall:
            return Choice(best)
        parent = self.most_promising()
        return Choice(
            parent,
            mode="explore" if self.idle % (2 * self.stall) == 0 else "improve",
            inspirations=() if parent is best else (best,),
        )

    def most_promising(self) -> Outcome:
        """The best score after its toll, the earliest of equals."""
        scores = {outcome.id: outcome.score for outcome in self.outcomes if outcome.score is not None}
        if not scores:
            return self.start
        toll = self.toll * (max(scores.values()) - median(scores.values()))
        return min(self.measured(), key=lambda found: (toll * self.tried[found.id] - scores[found.id], found.seq))


def make(options: Mapping[str, str]) -> Strategy:
    read = Options(StallSwitch.name, options)
    found = StallSwitch(read.number("stall", 6), read.number("toll", 6, least=0), read.flag("confirm", True))
    read.done()
    return found


@hookimpl
def procy_strategies() -> Mapping[str, StrategyMaker]:
    return {StallSwitch.name: make}
