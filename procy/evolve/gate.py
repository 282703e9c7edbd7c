"""Whether a candidate is better than its incumbent, by measuring both by turns. Pure; scores are larger when better.

Samples come in pairs, in the order in which they were measured. The first pair, the candidate's first score beside what was
known of the incumbent, selects: a candidate is looked at again because that score was high, so it counts for nothing that is
said afterwards. The pairs after it are differences of neighbours in time; what makes a host slow for a while is in both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist, fmean, variance
from typing import Literal

Kind = Literal["keep", "revert", "more"]
SAME = 1e-12  # relative: scores that differ by less are equal


@dataclass(frozen=True, slots=True)
class Verdict:
    """``gain`` of the candidate over its incumbent, in units of the score, between ``low`` and ``high``; both are infinite
    where nothing is known yet. ``better``: the probability that there is a gain at all. ``pairs``: how many of them count."""

    kind: Kind
    pairs: int
    gain: float
    low: float
    high: float
    better: float

    @property
    def interval(self) -> tuple[float, float, float] | None:
        """Gain, low, high; None where there are too few pairs for one."""
        return (self.gain, self.low, self.high) if math.isfinite(self.low) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """``z``: how many standard errors the gain must be above ``least`` at the last pair. Earlier ones must show more, by the
    fourth root of how many there may be for each there is, else looking often finds something by chance (Wang and Tsiatis).

    ``least``: the gain to ask for, as a share of the incumbent's score. ``exact``: whether the evaluator gives the same code
    the same score every time, so that once decides; None: so it is taken to be where the samples at hand are the same.
    ``max_pairs`` 0 keeps whatever looks better once, 1 what looks better twice; two show little, and rarely enough.
    """

    max_pairs: int = 8
    min_pairs: int = 3
    z: float = 1.8
    least: float = 0.0
    exact: bool | None = None

    def verdict(self, candidate: Sequence[float], incumbent: Sequence[float]) -> Verdict:
        """What to do next: keep, revert, or measure incumbent and candidate once more each.

        ``candidate[0]`` is its first score, ``incumbent[0]`` what the incumbent's was known to be; then the pairs. Where one
        list is longer, its last samples wait for their partners.
        """
        differences = [new - old for new, old in zip(candidate, incumbent, strict=False)]
        bar = self.least * abs(incumbent[0])
        first, *gains = differences
        if not gains:
            return self.select(first, first > bar and not is_same(candidate[0], incumbent[0]))
        if self.is_exact(candidate, incumbent):
            return exactly(gains[-1], gains[-1] > bar and not is_same(candidate[-1], incumbent[-1]), len(gains))
        return self.judge(gains, bar)

    def select(self, gain: float, is_worth_it: bool) -> Verdict:
        """Whether to look at it again at all."""
        if self.exact:
            return exactly(gain, is_worth_it, 0)
        kind: Kind = "revert" if not is_worth_it else "more" if self.max_pairs else "keep"
        return Verdict(kind, 0, gain, -math.inf, math.inf, 0.5)

    def judge(self, gains: Sequence[float], bar: float) -> Verdict:
        """By the gains of the pairs after the first."""
        count = len(gains)
        mean, low, high = interval(gains, self.z)
        found = Verdict("more", count, mean, low, high, probability_above(gains, 0.0))
        patience = (max(self.max_pairs, count) / count) ** 0.25
        if count >= min(self.min_pairs, self.max_pairs) and interval(gains, self.z * patience)[1] > bar:
            return replace(found, kind="keep")
        if self.max_pairs == 1 and mean > bar:  # no interval to be had
            return replace(found, kind="keep")
        if count >= self.max_pairs or (count >= 2 and (mean <= bar or high <= bar)):
            return replace(found, kind="revert")
        return found

    def is_exact(self, candidate: Sequence[float], incumbent: Sequence[float]) -> bool:
        if self.exact is not None:
            return self.exact
        return all(is_same(one, next_) for samples in (candidate, incumbent) for one, next_ in pairwise(samples))


ONE_SAMPLE = Gate(max_pairs=0)


@dataclass(frozen=True, slots=True)
class Claim:
    """What may be said: ``gain`` over the reference, between ``low`` and ``high``, in units of the score; ``better`` is the
    probability that there is one. ``relative`` gives the same as shares of the reference."""

    score: float
    reference: float
    gain: float
    low: float
    high: float
    better: float

    @property
    def relative(self) -> tuple[float, float, float] | None:
        """None where the reference is 0."""
        unit = abs(self.reference)
        return (self.gain / unit, self.low / unit, self.high / unit) if unit else None


def claim(best: Sequence[float], reference: Sequence[float], z: float = 1.96) -> Claim:
    """Of samples that were taken independently of each other and, of both, after they were selected (``after_selection``).

    Welch's interval: it is infinite where one of them was measured only once and the samples differ.
    """
    score, base = fmean(best), fmean(reference)
    spreads = [(variance(samples) / len(samples), len(samples) - 1) for samples in (best, reference) if len(samples) > 1]
    error = math.sqrt(sum(spread for spread, _ in spreads))
    if len(spreads) < 2 or error == 0.0:
        half = 0.0 if len(spreads) == 2 else math.inf
        return Claim(score, base, score - base, score - base - half, score - base + half, 0.5 + math.copysign(0.5, score - base))
    freedom = error**4 / sum(spread**2 / count for spread, count in spreads)
    half = quantile(NormalDist().cdf(z), max(1, int(freedom))) * error
    better = t_below((score - base) / error, max(1, int(freedom)))
    return Claim(score, base, score - base, score - base - half, score - base + half, better)


def after_selection(samples: Sequence[float]) -> Sequence[float]:
    """Those that may be claimed: without the first, by which it was selected, where there are others."""
    return samples[1:] if len(samples) > 1 else samples


def interval(values: Sequence[float], z: float) -> tuple[float, float, float]:
    """Mean, and the ends of Student's interval that a normal variable would leave with the probability of ``z`` a side."""
    mean = fmean(values)
    if len(values) < 2:
        return mean, -math.inf, math.inf
    half = quantile(round(NormalDist().cdf(z), 9), len(values) - 1) * math.sqrt(variance(values) / len(values))
    return mean, mean - half, mean + half


def probability_above(values: Sequence[float], bar: float) -> float:
    """That the mean of what the values were drawn from is above ``bar``."""
    mean = fmean(values)
    if len(values) < 2:
        return 0.5
    error = math.sqrt(variance(values) / len(values))
    if error == 0.0:
        return 0.5 + math.copysign(0.5, mean - bar) if mean != bar else 0.5
    return t_below((mean - bar) / error, len(values) - 1)


def t_below(value: float, freedom: int) -> float:
    """Student's distribution function for whole degrees of freedom: Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan2(value, math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for step in range(3 if odd else 2, freedom - 1, 2):
        term *= square * (step - 1) / step
        total += term
    if odd:
        return 0.5 + (angle + math.sin(angle) * total) / math.pi
    return 0.5 + math.sin(angle) * total / 2


@lru_cache(maxsize=4096)
def quantile(probability: float, freedom: int) -> float:
    """The value below which Student's variable is with that probability, of at least one half."""
    low, high = 0.0, 1.0
    while t_below(high, freedom) < probability and high < 1e9:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_below(middle, freedom) < probability else (low, middle)
    return high


def is_same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME)


def exactly(gain: float, is_enough: bool, pairs: int) -> Verdict:
    return Verdict("keep" if is_enough else "revert", pairs, gain, gain, gain, float(gain > 0))
