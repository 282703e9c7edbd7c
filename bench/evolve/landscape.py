"""A program that could be faster: four ways to write it, six knobs of six levels each, and an optimum that is known.

Speed (log queries a second) and quality (recall) are sums of what each knob does, what each pair of knobs does together, and
where the family starts. All of it is drawn at random, so that hills are rugged and differ from family to family; what makes
it fast costs recall. What is asked for is the fastest one with a recall of at least 0.95.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

FAMILIES, KNOBS, LEVELS, INSTANCES = 4, 6, 6, 6
RECALL = 0.95
PAIRS = tuple(combinations(range(KNOBS), 2))
HALF = KNOBS // 2

Levels = tuple[int, ...]
Table = tuple[tuple[float, ...], ...]  # of a knob and its level


@dataclass(frozen=True, slots=True)
class State:
    family: int
    levels: Levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """Standard deviations of what is drawn. Fitted once, on landscapes from 20000, so that the first procy's rule, random and
    greedy come out as they were measured before; never touched for a strategy's sake."""

    family: float = 0.26
    knob: float = 0.08
    pair: float = 0.145
    common: float = 0.08  # share of the knobs' effects that is the same in every family
    price: float = 0.47  # of speed in recall
    quality: float = 0.63
    slack: float = 0.37  # of the constraint, in the same units
    start: float = 0.55  # quantile of speed among random feasible programs
    instance: float = 0.1


@dataclass(frozen=True, slots=True)
class Surface:
    """A sum over knobs and pairs of knobs, for each family."""

    base: tuple[float, ...]
    knobs: tuple[Table, ...]
    pairs: tuple[dict[tuple[int, int], Table], ...]

    def at(self, state: State) -> float:
        knobs, pairs, levels = self.knobs[state.family], self.pairs[state.family], state.levels
        total = self.base[state.family]
        for knob, level in enumerate(levels):
            total += knobs[knob][level]
        for (one, other), table in pairs.items():
            total += table[levels[one]][levels[other]]
        return total


@dataclass(frozen=True, slots=True)
class Landscape:
    speed: Surface
    quality: Surface
    instances: tuple[Table, ...]
    start: State
    floor: float  # log queries a second of the start
    top: float  # and of the fastest one that is good enough

    def speed_of(self, state: State) -> float:
        """Log queries a second, the mean over the instances."""
        return self.speed.at(state)

    def recall_of(self, state: State) -> float:
        return max(0.0, 1.0 - (1.0 - RECALL) * math.exp(-self.quality.at(state)))

    def offsets(self, state: State) -> list[float]:
        """By how much each instance differs from the mean, in log queries a second."""
        drawn = [sum(table[knob][level] for knob, level in enumerate(state.levels)) for table in self.instances]
        mean = sum(drawn) / INSTANCES
        return [value - mean for value in drawn]

    def utility(self, state: State) -> float:
        """What it is worth to the user: 0 what there was, 1 the best there is, 0 where the constraint is broken."""
        if self.recall_of(state) < RECALL:
            return 0.0
        return (self.speed_of(state) - self.floor) / (self.top - self.floor)


def landscape(seed: int, difficulty: Difficulty | None = None) -> Landscape:
    """The same for the same seed."""
    hard = difficulty or Difficulty()
    rng = random.Random(f"landscape {seed}")
    speed = surface(rng, hard.family, hard.knob, hard.pair, hard.common)
    own = surface(rng, 0.0, hard.quality, hard.quality, hard.common)
    quality = mixed(own, speed, -hard.price, hard.slack)
    instances = tuple(table(rng, hard.instance, KNOBS) for _ in range(INSTANCES))
    start = starting_point(rng, speed, quality, hard.start)
    return Landscape(speed, quality, instances, start, speed.at(start), fastest(speed, quality))


def surface(rng: random.Random, family: float, knob: float, pair: float, common: float) -> Surface:
    shared = table(rng, knob, KNOBS)
    shared_pairs = {names: table(rng, pair, LEVELS) for names in PAIRS}
    return Surface(
        tuple(rng.gauss(0, family) for _ in range(FAMILIES)),
        tuple(blend(shared, table(rng, knob, KNOBS), common) for _ in range(FAMILIES)),
        tuple({names: blend(shared_pairs[names], table(rng, pair, LEVELS), common) for names in PAIRS} for _ in range(FAMILIES)),
    )


def table(rng: random.Random, deviation: float, rows: int) -> Table:
    return tuple(tuple(rng.gauss(0, deviation) for _ in range(LEVELS)) for _ in range(rows))


def blend(one: Table, other: Table, share: float) -> Table:
    """Of the same spread as both."""
    left, right = math.sqrt(share), math.sqrt(1 - share)
    return tuple(tuple(left * a + right * b for a, b in zip(x, y, strict=True)) for x, y in zip(one, other, strict=True))


def mixed(own: Surface, other: Surface, weight: float, shift: float) -> Surface:
    """``own`` plus a part of the other, without its families, moved up."""

    def add(mine: Table, theirs: Table) -> Table:
        return tuple(tuple(a + weight * b for a, b in zip(x, y, strict=True)) for x, y in zip(mine, theirs, strict=True))

    return Surface(
        tuple(base + shift for base in own.base),
        tuple(add(mine, theirs) for mine, theirs in zip(own.knobs, other.knobs, strict=True)),
        tuple(
            {names: add(mine[names], theirs[names]) for names in PAIRS}
            for mine, theirs in zip(own.pairs, other.pairs, strict=True)
        ),
    )


def starting_point(rng: random.Random, speed: Surface, quality: Surface, quantile: float) -> State:
    """A program as one finds it: good enough, and slower than most that are."""
    found: list[State] = []
    while len(found) < 40:
        state = State(rng.randrange(FAMILIES), tuple(rng.randrange(LEVELS) for _ in range(KNOBS)))
        if quality.at(state) >= 0:
            found.append(state)
    return sorted(found, key=speed.at)[int(quantile * len(found))]


def fastest(speed: Surface, quality: Surface) -> float:
    """Over all 186,624 states, exactly: given the first half of the knobs, what they do to each of the others is one number a
    level, so that whole halves are passed over that cannot come near."""
    best = -math.inf
    for family in range(FAMILIES):
        rest = [(half, inner(speed, family, half, HALF), inner(quality, family, half, HALF)) for half in halves()]
        ceiling = max(value for _, value, _ in rest)
        heads = [(inner(speed, family, half, 0) + speed.base[family], half) for half in halves()]
        bounded = sorted(((value + reach(speed, family, half) + ceiling, value, half) for value, half in heads), reverse=True)
        for bound, value, half in bounded:
            if bound <= best:
                break
            pull, push = crossing(speed, family, half), crossing(quality, family, half)
            enough = -(inner(quality, family, half, 0) + quality.base[family])
            for (a, b, c), fast, good in rest:
                total = value + fast + pull[0][a] + pull[1][b] + pull[2][c]
                if total > best and good + push[0][a] + push[1][b] + push[2][c] >= enough:
                    best = total
    return best


def halves() -> Iterator[Levels]:
    return product(range(LEVELS), repeat=HALF)


def inner(of: Surface, family: int, half: Levels, first: int) -> float:
    """What the knobs from ``first`` on, as many as a half has, do by themselves and among each other."""
    knobs, pairs = of.knobs[family], of.pairs[family]
    total = sum(knobs[first + place][level] for place, level in enumerate(half))
    return total + sum(pairs[first + a, first + b][half[a]][half[b]] for a, b in combinations(range(HALF), 2))


def crossing(of: Surface, family: int, half: Levels) -> list[list[float]]:
    """What the first half does to each level of each knob of the other."""
    pairs = of.pairs[family]
    return [
        [sum(pairs[one, other][half[one]][level] for one in range(HALF)) for level in range(LEVELS)]
        for other in range(HALF, KNOBS)
    ]


def reach(of: Surface, family: int, half: Levels) -> float:
    return sum(max(row) for row in crossing(of, family, half))
