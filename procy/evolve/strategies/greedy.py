"""Always from the best there is; back to it when a try is no better."""

from __future__ import annotations

from collections.abc import Mapping

from procy.evolve.strategies.archive import Archive, Options
from procy.hookspecs import hookimpl
from procy.tries import Strategy, StrategyMaker


class Greedy(Archive):
    name = "greedy"
    summary = "always from the best; quick at first, and stuck on the first hill"


def make(options: Mapping[str, str]) -> Strategy:
    read = Options(Greedy.name, options)
    found = Greedy(confirms=read.flag("confirm", True))
    read.done()
    return found


@hookimpl
def procy_strategies() -> Mapping[str, StrategyMaker]:
    return {Greedy.name: make}
