"""``python -m bench.evolve``: what the strategies and the gate are worth where the best there is is known.

With ``--panes`` the loop as users run it instead, on real tasks; ``--panes --help`` lists what that takes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import Pool

from bench.evolve import panes, report
from bench.evolve.drive import Course, Simulation, run
from bench.evolve.landscape import landscape
from bench.table import table
from procy.evolve.gate import Gate
from procy.evolve.strategies import DEFAULT, strategy_named

PROMPTS = (5, 10, 20, 50, 200)
NOISES = (0.05, 0.15, 0.3)
RULES = {  # name in the tables: strategy, options, remark
    "seed": ("seed", {}, "the first procy as documented: first metric, recall"),
    "seed:metric=qps": ("seed", {"metric": "qps"}, "the first procy, speed alone"),
    "seed:metric=score": ("seed", {"metric": "score"}, "the first procy, had its number been right"),
    "random": ("random", {}, ""),
    "greedy:confirm=no": ("greedy", {"confirm": "no"}, "keep or revert by one sample"),
    "greedy": ("greedy", {}, ""),
    "map-elites": ("map-elites", {}, ""),
    "stall-switch:confirm=no": ("stall-switch", {"confirm": "no"}, ""),
    DEFAULT: (DEFAULT, {}, "the default"),
}
GATES = {"default": {}, "one-sample": {"confirm": "no"}}

Found = tuple[dict[tuple[str, float], Course], dict[tuple[str, float], int]]


def main() -> int:
    if "--panes" in sys.argv[1:]:
        return panes.main([part for part in sys.argv[1:] if part != "--panes"])
    parser = argparse.ArgumentParser(prog="python -m bench.evolve", description=__doc__)
    parser.add_argument("--landscapes", type=int, default=600, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first; the strategies were tuned on 50000 and up")
    parser.add_argument("--quick", action="store_true", help="40 landscapes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="landscapes at once")
    options = parser.parse_args()
    started = time.monotonic()
    count = 40 if options.quick else options.landscapes
    numbers = range(options.first, options.first + count)
    if options.jobs > 1:
        with Pool(options.jobs) as pool:
            found = pool.map(explore, numbers, chunksize=4)
    else:
        found = [explore(number) for number in numbers]
    show(found)
    print(f"\n{count} landscapes in {time.monotonic() - started:.0f} s\n")
    show_results(found)
    return 0


def explore(number: int) -> Found:
    """All rules on one landscape, with the same luck as far as they do the same."""
    land = landscape(number)
    courses, noops = {}, {}
    for noise in NOISES:
        for rule, (name, options, _) in RULES.items():
            courses[rule, noise] = run(Simulation(land, strategy_named(name, options), Gate(), noise, number), PROMPTS)
        for gate, options in GATES.items():
            idle = Simulation(land, strategy_named(DEFAULT, options), Gate(), noise, number, is_idle=True)
            noops[gate, noise] = run(idle, (report.AT,)).kept
    return courses, noops


def courses_of(found: Sequence[Found]) -> report.Courses:
    return {(rule, noise): [courses[rule, noise] for courses, _ in found] for noise in NOISES for rule in RULES}


def noops_of(found: Sequence[Found]) -> dict[tuple[str, float], list[int]]:
    return {(gate, noise): [noops[gate, noise] for _, noops in found] for noise in NOISES for gate in GATES}


def show(found: Sequence[Found]) -> None:
    for noise in NOISES:
        report.scores(courses_of(found), noise, PROMPTS, {rule: remark for rule, (_, _, remark) in RULES.items()})
    report.differences(courses_of(found), NOISES, PROMPTS, DEFAULT)
    rows = [
        [gate, f"{noise:.0%}", report.plus_minus(*report.mean(counts), 2)] for (gate, noise), counts in noops_of(found).items()
    ]
    table(f"of {report.AT} tries that change nothing, kept", ("gate", "noise", "tries"), rows, "at most 2")


def show_results(found: Sequence[Found]) -> None:
    report.results(courses_of(found), noops_of(found), PROMPTS)


if __name__ == "__main__":
    sys.exit(main())
