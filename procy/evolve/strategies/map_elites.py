"""MAP-Elites on islands (Mouret and Clune, 2015): the best of each kind stays, and kinds are told apart by features.

A cell of the map is a quantile of each feature, over all that was measured so far. A cell holds one elite, which only a better
one replaces. Each island has a map of its own; every few tries the best of each is copied to the next in the ring. Parents: 20 %
any elite of the island, 70 % one of its best three, 10 % by rank.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from random import Random

from procy.evolve.strategies.archive import Archive, Options, rank
from procy.hookspecs import hookimpl
from procy.tries import Choice, Outcome, Strategy, StrategyMaker

ANY, ELITE = 0.2, 0.7
TOP = 3
FILES = "files"

Cell = tuple[int, ...]


class MapElites(Archive):
    """``features``: names of metrics, or ``files``, how many files differ from the start; none: files and the first metric
    that is not the score itself."""

    name = "map-elites"
    summary = "the best of each kind, on islands; slow at first, for long runs"

    def __init__(
        self, islands: int = 2, bins: int = 3, migrate: int = 15, features: Sequence[str] = (), confirms: bool = True
    ) -> None:
        super().__init__(confirms)
        self.bins = bins
        self.migrate = migrate
        self.features = tuple(features)
        self.islands: list[list[Outcome]] = [[] for _ in range(islands)]
        self.touched: dict[str, frozenset[str]] = {}

    def observe(self, outcome: Outcome) -> None:
        is_start = not self.outcomes
        super().observe(outcome)
        self.touched[outcome.id] = self.touched.get(outcome.parent_id or "", frozenset()) | set(outcome.files)
        if outcome.is_measured:
            if is_start:
                self.islands = [[outcome] for _ in self.islands]
            else:
                self.settle(outcome, int(outcome.notes.get("island", 0)) % len(self.islands))
        if not is_start and (len(self.outcomes) - 1) % self.migrate == 0:
            self.send_round()

    def pick_parent(self, rng: Random) -> Choice:
        island = (len(self.outcomes) - 1) % len(self.islands)
        elites = sorted(self.islands[island], key=rank) or [self.best()]
        chance = rng.random()
        if chance < ANY:
            parent = rng.choice(elites)
        elif chance < ANY + ELITE:
            parent = rng.choice(elites[:TOP])
        else:
            parent = rng.choices(elites, [len(elites) - place for place in range(len(elites))])[0]
        others = tuple(min(group, key=rank) for group in self.islands if group)
        return Choice(parent, inspirations=tuple(found for found in others if found.id != parent.id), notes={"island": island})

    def incumbent(self, candidate: Choice) -> Outcome:
        return candidate.parent

    def best(self) -> Outcome:
        """The best of what was kept: an elite of its cell may be one that only looked better once."""
        kept = [outcome for outcome in self.outcomes[1:] if outcome.decision == "kept" and outcome.is_measured]
        return min([self.start, *kept], key=rank)

    def settle(self, newcomer: Outcome, island: int) -> None:
        """Quantiles move with every try, so that the elites are told apart anew; of two in a cell the better one stays."""
        edges = self.edges()
        cells: dict[Cell, Outcome] = {}
        for outcome in sorted([*self.islands[island], newcomer], key=rank):
            cells.setdefault(self.cell(outcome, edges), outcome)
        self.islands[island] = list(cells.values())

    def send_round(self) -> None:
        """A copy of each island's best to the next one."""
        travellers = [min(group, key=rank) if group else None for group in self.islands]
        for island, traveller in enumerate(travellers):
            target = (island + 1) % len(self.islands)
            if traveller is not None and traveller.id not in {outcome.id for outcome in self.islands[target]}:
                self.settle(traveller, target)

    def edges(self) -> dict[str, list[float]]:
        """Of each feature, the values between its quantiles."""
        found = {}
        for name in self.features or self.guessed():
            values = sorted({self.value(outcome, name) for outcome in self.outcomes if outcome.is_measured})
            found[name] = [values[len(values) * step // self.bins] for step in range(1, self.bins)]
        return found

    def cell(self, outcome: Outcome, edges: Mapping[str, Sequence[float]]) -> Cell:
        return tuple(bisect_right(between, self.value(outcome, name)) for name, between in edges.items())

    def value(self, outcome: Outcome, feature: str) -> float:
        return float(len(self.touched[outcome.id])) if feature == FILES else outcome.metrics.get(feature, 0.0)

    def guessed(self) -> tuple[str, ...]:
        measured = [outcome for outcome in self.outcomes if outcome.is_measured]
        for name in measured[0].metrics if measured else ():
            if any(abs(outcome.metrics.get(name, 0.0)) != abs(outcome.score or 0.0) for outcome in measured):
                return FILES, name
        return (FILES,)


def make(options: Mapping[str, str]) -> Strategy:
    read = Options(MapElites.name, options)
    found = MapElites(
        islands=read.number("islands", 2),
        bins=read.number("bins", 3),
        migrate=read.number("migrate", 15),
        features=read.names("features"),
        confirms=read.flag("confirm", True),
    )
    read.done()
    return found


@hookimpl
def procy_strategies() -> Mapping[str, StrategyMaker]:
    return {MapElites.name: make}
