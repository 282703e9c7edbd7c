"""``python -m tests.faults [--trials N] [--seed S] [--only NAME]``: faults at random instants, and what they cost.

Prints its seed, and a line for each kind of fault. Exit status 1 when something was wrong; what a failed trial left is kept.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bench.table import table
from procy.errors import ProcyError
from tests.faults import clock, trials
from tests.faults.injections import ENDS, PANE, SPOOL
from tests.faults.planes import PLANES
from tests.faults.trials import Trial
from tests.faults.verdict import Verdict

RARE = {"evolve": 8, "pages": 4}  # one in so many of its turns is played: they take long, or tell little


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    arguments.add_argument("--trials", type=int, default=40)
    arguments.add_argument("--seed", default=str(random.randrange(1 << 32)))
    arguments.add_argument("--only", default="", help="only this kind of trial")
    given = arguments.parse_args()
    print(f"seed {given.seed}", flush=True)
    sums: dict[str, Verdict] = {}
    counts: Counter[str] = Counter()
    began = time.monotonic()
    for name, seed, trial in plan(given.seed, given.trials, given.only):
        verdict = played(name, seed, trial)
        counts[name] += 1
        sums.setdefault(name, Verdict()).add(verdict)
    show(sums, counts, time.monotonic() - began)
    return 1 if any(one.wrong for one in sums.values()) else 0


def plan(seed: str, count: int, only: str) -> Iterator[tuple[str, str, Trial]]:
    """Name, seed and way of so many trials: every kind in turn, each with its own chance."""
    kinds: dict[str, Callable[[random.Random], Trial]] = {
        "one fault": lambda chance: partial(trials.pane, faults=[chance.choice(PANE)]),
        "several faults": lambda chance: partial(trials.pane, faults=chance.choices(PANE, k=chance.randint(2, 4)), seconds=6.0),
        "tmux ends": lambda chance: partial(trials.pane, faults=[chance.choice(ENDS)]),
        "full disk": lambda chance: trials.full_disk,
        "spoiled spool": lambda chance: partial(trials.pane, faults=[SPOOL]),
        "spoiled database": lambda chance: trials.spoiled_database,
        **{name: lambda chance, trial=trial: trial for name, trial in PLANES.items()},  # type: ignore[misc]
    }
    if clock.library():
        kinds["jumping clock"] = lambda chance: partial(trials.jumping_clock, more=chance.choices(PANE, k=1))
    else:
        print("jumping clock: skipped, it needs a C compiler (scripts/need.sh cc gcc libc6-dev)", flush=True)
    kinds = {name: make for name, make in kinds.items() if only in ("", name)}
    asked: Counter[str] = Counter()
    number = 0
    while number < count:
        for name, make in kinds.items():
            asked[name] += 1
            if number < count and (asked[name] - 1) % (1 if only else RARE.get(name, 1)) == 0:
                number += 1
                yield name, f"{seed}/{number}", make(random.Random(f"{seed}/{number}"))


def played(name: str, seed: str, trial: Trial) -> Verdict:
    root = Path(tempfile.mkdtemp(prefix="procy-faults-"))
    began = time.monotonic()
    try:
        verdict = trial(root / "t", seed)
    except (AssertionError, ProcyError, pytest.fail.Exception) as error:
        verdict = Verdict(wrong=[f"{type(error).__name__}: {error}"])
    told = ", ".join(f"{fault} × {count}" if count > 1 else fault for fault, count in sorted(verdict.faults.items()))
    print(f"{seed:>14}  {name:<17} {'ok   ' if not verdict.wrong else 'WRONG'}  {time.monotonic() - began:4.0f} s  "
          f"{verdict.bytes_lost:>7} bytes lost  {told}", flush=True)  # fmt: skip
    for words in verdict.wrong:
        print(f"    {words[:1500]}\n    see {root}", flush=True)
    if not verdict.wrong:
        shutil.rmtree(root, ignore_errors=True)
    return verdict


def show(sums: dict[str, Verdict], counts: Counter[str], seconds: float) -> None:
    whole = Verdict()
    for one in sums.values():
        whole.add(one)
    rows = [(name, counts[name], *figures(one)) for name, one in sums.items()]
    columns = ("trials of", "trials", "faults", "bytes", "bytes lost, told", "rows", "rows lost, told", "wrong")
    table(f"faults at random instants ({seconds:.0f} s)", columns, [*rows, ("all", counts.total(), *figures(whole))],
          "nothing wrong: a byte or row that is missing is told where it is missing")  # fmt: skip
    table("faults", ("fault", "times"), sorted(whole.faults.items()))


def figures(one: Verdict) -> tuple[str, ...]:
    numbers = (one.faults.total(), one.bytes_seen, one.bytes_lost, one.rows_seen, one.rows_lost, len(one.wrong))
    return tuple(f"{number:,}" for number in numbers)


if __name__ == "__main__":
    sys.exit(main())
