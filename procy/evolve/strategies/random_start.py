"""Always from the start: what prompts are worth without a memory."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from procy.evolve.strategies.archive import Archive, Options
from procy.hookspecs import hookimpl
from procy.tries import Choice, Strategy, StrategyMaker


class RandomStart(Archive):
    name = "random"
    summary = "always from the start; to compare with"

    def pick_parent(self, rng: Random) -> Choice:
        return Choice(self.start)


def make(options: Mapping[str, str]) -> Strategy:
    read = Options(RandomStart.name, options)
    found = RandomStart(confirms=read.flag("confirm", True))
    read.done()
    return found


@hookimpl
def procy_strategies() -> Mapping[str, StrategyMaker]:
    return {RandomStart.name: make}
