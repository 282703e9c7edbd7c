"""Runs with an adapter and without, from the same start: the score after each try, and a paired test over seeds. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from procy.evolve.gate import interval
from procy.learn.compare.pairs import Verdict, span
from procy.learn.compare.statistics import Z, flips

Row = Mapping[str, Any]


def curve(tries: Sequence[Row], length: int) -> list[float]:
    """The score of the best kept try after 0, 1, … prompts; after its last one a run stays where it is. ``tries``: in order, the
    start first."""
    found: list[float] = []
    for row in tries[: length + 1]:
        kept = row["decision"] == "kept" or not row["seq"]
        scores = [*found[-1:], *([row["score"]] if kept and row["score"] is not None else [])]
        found.append(max(scores) if scores else 0.0)
    return found + found[-1:] * (length + 1 - len(found))


def result_of(pairs: Mapping[int, tuple[Sequence[float], Sequence[float]]], chance: random.Random) -> dict[str, Any]:
    """``pairs``: by seed, the curves with the adapter and without. What is compared is the mean over a curve: how good what there
    was on the way was, and not its end alone."""
    seeds = sorted(pairs)
    gains = [fmean(one[1:]) - fmean(other[1:]) for one, other in (pairs[seed] for seed in seeds)]
    mean, low, high = interval(gains, Z)
    length = len(pairs[seeds[0]][0])
    return {
        "basis": f"{len(seeds)} pairs of runs of {length - 1} tries", "seeds": seeds, "gains": gains,
        "gain": [mean, *(None if abs(end) == float("inf") else end for end in (low, high))], "p": flips(gains, chance),
        "curves": {
            name: [fmean(pairs[seed][side][place] for seed in seeds) for place in range(length)]
            for side, name in enumerate(("adapter", "against"))
        },
    }  # fmt: skip


def verdict_of(result: Mapping[str, Any]) -> tuple[Verdict, list[str]]:
    """Better or worse where the interval of the paired gain says so."""
    _, low, high = result["gain"]
    ends = [result["curves"][name][-1] for name in ("against", "adapter")]
    won = sum(gain > 0 for gain in result["gains"])
    reasons = [
        f"score on the way: gain {span(result['gain'], 3)}, {won} of {len(result['gains'])} seeds won, p {result['p']:.3f}",
        f"score in the end: {ends[0]:.3f} → {ends[1]:.3f}",
    ]
    if low is not None and low > 0:
        return "better", reasons
    if high is not None and high < 0:
        return "worse", reasons
    return "open", [*reasons, "more seeds would tell" if len(result["gains"]) < 6 else "a difference, if any, is small"]
