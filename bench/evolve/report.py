"""What the simulator found, as tables and as lines for other programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from bench.evolve.drive import Course
from bench.table import table

AT = 50  # prompts, after which overclaiming is looked at

Courses = Mapping[tuple[str, float], Sequence[Course]]  # by rule and noise


def mean(values: Sequence[float]) -> tuple[float, float]:
    """And half the width of its 95 % interval."""
    return fmean(values), 1.96 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def scores(courses: Courses, noise: float, prompts: Sequence[int], notes: Mapping[str, str]) -> None:
    """One table for a noise."""
    rows = []
    for (rule, of), found in courses.items():
        if of == noise:
            cells = [plus_minus(*mean([course.utility[place] for course in found])) for place in range(len(prompts))]
            nothing = fmean(course.utility[prompts.index(AT)] <= 0 for course in found)
            over = plus_minus(*mean([100 * course.overclaim[prompts.index(AT)] for course in found]), digits=1)
            rows.append(
                [rule, *cells, f"{over} %", f"{nothing:.0%}", f"{fmean(course.runs for course in found):.1f}", notes[rule]]
            )
    heads = [f"{count} prompts" for count in prompts]
    columns = ("strategy", *heads, f"overclaim at {AT}", f"nothing at {AT}", "runs/prompt", "")
    table(f"score (0 the start, 1 the best there is) with {noise:.0%} noise", columns, rows)


def differences(courses: Courses, noises: Sequence[float], prompts: Sequence[int], rule: str) -> None:
    """Of a rule to all others on the same landscapes, after ``AT`` prompts."""
    place = prompts.index(AT)
    rows = []
    for other in dict.fromkeys(name for name, _ in courses if name != rule):
        cells = []
        for noise in noises:
            pairs = zip(courses[rule, noise], courses[other, noise], strict=True)
            cells.append(plus_minus(*mean([one.utility[place] - two.utility[place] for one, two in pairs]), sign="+"))
        rows.append([other, *cells])
    table(f"{rule} to the others at {AT} prompts, paired", ("to", *(f"{noise:.0%} noise" for noise in noises)), rows)


def results(courses: Courses, noops: Mapping[tuple[str, float], Sequence[int]], prompts: Sequence[int]) -> None:
    for (gate, noise), counts in noops.items():
        value, half = mean(counts)
        print(f"RESULT gate={gate} noise={noise:.2f} noop_promotions={value:.2f} per={AT} ±{half:.2f}")
    for (rule, noise), found in courses.items():
        value, half = mean([course.overclaim[prompts.index(AT)] for course in found])
        print(f"RESULT strategy={rule} noise={noise:.2f} prompts={AT} overclaim={value:.3f} ±{half:.3f}")
    for (rule, noise), found in courses.items():
        for place, count in enumerate(prompts):
            value, half = mean([course.utility[place] for course in found])
            print(f"RESULT strategy={rule} noise={noise:.2f} prompts={count} score={value:.3f} ±{half:.3f}")


def plus_minus(value: float, half: float, digits: int = 3, sign: str = "") -> str:
    return f"{value:{sign}.{digits}f} ±{half:.{digits}f}"
