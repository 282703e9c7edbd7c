"""Two real tasks with a cost that is the same on every machine, for the scripted agent and whoever else wants to try.

Each is a folder: ``task.toml`` and a template with the patches (see ``procy.demo.task``), ``evaluate.py`` and ``eval.toml``.
``python -m bench.evolve.tasks`` measures every combination of patches and prints the best.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from collections.abc import Collection, Iterator
from functools import lru_cache
from importlib import util
from math import log
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from procy.demo.task import Task, load_task

HERE = Path(__file__).parent
NAMES = ("text_search", "ann")
COST = {"text_search": "reads_per_query", "ann": "cost_per_query"}
LEAST_RECALL = 0.95
MOST = {"entries_per_word": 12, "build_distances": 80}  # as in the contracts


class Known(NamedTuple):
    """What enumeration found out: the cost of the start, and the smallest there is, with the patches that give it."""

    start: float
    best: float
    patches: tuple[str, ...]


@lru_cache
def task_named(name: str) -> Task:
    return load_task(str(HERE / name))


def known(name: str) -> Known:
    found = json.loads((HERE / name / "known.json").read_text(encoding="utf-8"))
    return Known(found["start"], found["best"], tuple(found["patches"]))


def place(name: str, folder: Path) -> None:
    """Put the task's start into a work tree, with its evaluator and contract."""
    task = task_named(name)
    (folder / ".procy").mkdir(parents=True, exist_ok=True)
    (folder / task.path).write_text(task.program(()), encoding="utf-8")
    shutil.copy(HERE / "counted.py", folder / "counted.py")
    shutil.copy(HERE / name / "evaluate.py", folder / "evaluate.py")
    shutil.copy(HERE / name / "eval.toml", folder / ".procy" / "eval.toml")


def part_known(name: str, cost: float) -> float:
    """0 for the start, 1 for the best that is known, on a scale of factors."""
    facts = known(name)
    return log(facts.start / cost) / log(facts.start / facts.best)


# -- measuring without a loop --------------------------------------------------------------------------------------------


@lru_cache
def evaluator_of(name: str) -> ModuleType:
    """Its ``evaluate.py`` as a module."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))  # it imports counted.py, which lies beside it in a work tree
    spec = util.spec_from_file_location(f"evaluate_{name}", HERE / name / "evaluate.py")
    assert spec and spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(name: str, patches: Collection[str], **size: int) -> dict[str, Any]:
    """The evaluator's metrics of the program with these patches. ``size``: see its ``run``."""
    text = task_named(name).program(patches)
    metrics: dict[str, Any] = evaluator_of(name).run(module_of(text), module_of(text), **size)["metrics"]
    return metrics


def module_of(text: str) -> ModuleType:
    module = ModuleType("baseline")
    exec(compile(text, "baseline.py", "exec"), module.__dict__)
    return module


def combinations(task: Task) -> Iterator[frozenset[str]]:
    """Every set of patches that stands for a program of its own."""
    names = [patch.name for patch in task.patches if patch.kind == "change"]
    for number in range(len(names) + 1):
        for chosen in map(frozenset, itertools.combinations(names, number)):
            patches = [task.patch(name) for name in chosen]
            if all(chosen.issuperset(one.needs) and chosen.isdisjoint(one.replaced_by) for one in patches):
                yield chosen


def is_valid(metrics: dict[str, Any]) -> bool:
    return metrics["recall_at_10"] >= LEAST_RECALL and all(metrics.get(key, 0) <= most for key, most in MOST.items())


def enumerate_all(name: str, **size: int) -> dict[frozenset[str], dict[str, Any]]:
    return {chosen: measure(name, chosen, **size) for chosen in combinations(task_named(name))}


def best_in(name: str, found: dict[frozenset[str], dict[str, Any]]) -> tuple[frozenset[str], float]:
    """The cheapest valid combination; of equals the smallest, then the first by name."""
    valid = {chosen: metrics[COST[name]] for chosen, metrics in found.items() if is_valid(metrics)}
    best = min(valid, key=lambda chosen: (valid[chosen], len(chosen), sorted(chosen)))
    return best, valid[best]
