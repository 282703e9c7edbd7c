"""How far the numbers of an evaluator can be trusted. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True, slots=True)
class Noise:
    """Of one metric on unchanged code. ``sd`` is the standard deviation of one run."""

    mean: float
    sd: float

    @property
    def cv(self) -> float:
        """Relative to the mean; absolute where that is 0."""
        return self.sd / abs(self.mean) if self.mean else self.sd

    def smallest_gain(self, pairs: int, z: float) -> float:
        """Relative; what a comparison of so many pairs of runs can tell from noise, at ``z`` standard errors."""
        return z * self.cv * math.sqrt(2 / pairs)

    def pairs_for(self, gain: float, z: float) -> int:
        """How many pairs of runs it takes to see so small a gain."""
        return max(1, math.ceil(2 * (z * self.cv / gain) ** 2))


def noise_of(values: Sequence[float]) -> Noise:
    """Of at least one value."""
    return Noise(fmean(values), stdev(values) if len(values) > 1 else 0.0)


def noises(results: Sequence[Mapping[str, float]]) -> dict[str, Noise]:
    """Of each metric that every result has."""
    names = [name for name in (results[0] if results else ()) if all(name in one for one in results)]
    return {name: noise_of([one[name] for one in results]) for name in names}


def apart(left: Sequence[float], right: Sequence[float]) -> float:
    """How far two groups of runs of the same code are from each other, in standard errors; 0 where nothing varies."""
    if len(left) < 2 or len(right) < 2:
        return 0.0
    error = math.sqrt(stdev(left) ** 2 / len(left) + stdev(right) ** 2 / len(right))
    difference = abs(fmean(left) - fmean(right))
    return difference / error if error else (math.inf if difference else 0.0)
