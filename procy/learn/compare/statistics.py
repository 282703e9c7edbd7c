"""The statistics of a comparison. Pure; randomness is an argument. Intervals are of 95 %."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from statistics import NormalDist, fmean
from typing import NamedTuple

Z = NormalDist().inv_cdf(0.975)
ROUNDS = 2000  # of the bootstrap
EXACT = 14  # pairs, of which every flip is looked at
TOLERANCE = 1e-12


class Estimate(NamedTuple):
    """A value, and the ends of its interval."""

    value: float
    low: float
    high: float


def wilson(hits: int, count: int) -> Estimate:
    """A share, with the interval of Wilson (1927), which stays between 0 and 1 where hits are none or all."""
    if not count:
        return Estimate(math.nan, 0.0, 1.0)
    share, square = hits / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count)) / (1 + square / count)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def paired(differences: Sequence[float], groups: Sequence[str], chance: random.Random) -> Estimate:
    """The mean of paired differences; the bootstrap draws whole groups (sessions), for what is in one is not independent."""
    by_group: dict[str, list[float]] = defaultdict(list)
    for difference, group in zip(differences, groups, strict=True):
        by_group[group].append(difference)
    if not differences:
        return Estimate(math.nan, -math.inf, math.inf)
    parts = [(sum(some), len(some)) for some in by_group.values()]
    if len(parts) < 2:
        return Estimate(fmean(differences), -math.inf, math.inf)
    means = sorted(drawn(parts, chance) for _ in range(ROUNDS))
    return Estimate(fmean(differences), means[round(0.025 * ROUNDS)], means[round(0.975 * ROUNDS) - 1])


def drawn(parts: Sequence[tuple[float, int]], chance: random.Random) -> float:
    some = chance.choices(parts, k=len(parts))
    return sum(total for total, _ in some) / sum(count for _, count in some)


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact probability that pairs which changed sides did so by a fair coin (McNemar 1947)."""
    count = gained + lost
    tail: float = sum(math.comb(count, k) for k in range(min(gained, lost) + 1)) / 2**count
    return min(1.0, 2 * tail)


def flips(differences: Sequence[float], chance: random.Random) -> float:
    """Two-sided probability of a mean so far from 0 where the sign of each difference is chance: exact for few of them."""
    count = len(differences)
    bar = abs(sum(differences)) - TOLERANCE
    if count <= EXACT:
        signs = product((1, -1), repeat=count)
        found = [abs(sum(sign * value for sign, value in zip(row, differences, strict=True))) >= bar for row in signs]
        return sum(found) / len(found)
    hits = sum(abs(sum(chance.choice((1, -1)) * value for value in differences)) >= bar for _ in range(10 * ROUNDS))
    return (hits + 1) / (10 * ROUNDS + 1)


def pairs_needed(rate: float, power: float = 0.8) -> int | None:
    """How many pairs show with that power that a true win rate is not one half; None where it is.

    The normal approximation of the test of one share: .75 → 29, .70 → 47, .65 → 85, .60 → 194, .55 → 783.
    """
    if math.isclose(rate, 0.5) or math.isnan(rate):
        return None
    spread = Z * 0.5 + NormalDist().inv_cdf(power) * math.sqrt(rate * (1 - rate))
    return math.ceil(round((spread / (rate - 0.5)) ** 2, 6))
