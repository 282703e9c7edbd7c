"""Nearest neighbours: recall@10 against brute force, and what a search costs, which is the same on every machine.

``baseline.py`` has ``build_index(space) -> index`` and ``search(index, space, query, k=10) -> points``. A cost of 1 is a
coordinate that is looked at, or a number that is read of the index; a distance looks at all coordinates. The index is made of
dictionaries, lists, texts and numbers. Queries differ by ``PROCY_SEED`` in the stage ``confirm``.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from counted import Meter, Table, entries, shares

K = 10
VISIBLE = 1  # the seed of the queries that everybody may see
POINTS, AXES, GROUPS, QUERIES = 500, 8, 16, 40


class Space:
    """Points 0, 1, … and queries -1, -2, …: what is known of them is what was paid for."""

    def __init__(self, points: list[tuple[float, ...]], queries: list[tuple[float, ...]]) -> None:
        self._places = [*points, *reversed(queries)]
        self.points = range(len(points))
        self.costs: Counter[str] = Counter()

    def distance(self, one: int, other: int) -> float:
        self.costs["distances of points"] += AXES
        return math.dist(self._places[one], self._places[other])

    def coordinate(self, one: int, axis: int) -> float:
        self.costs["coordinates"] += 1
        return self._places[one][axis]

    def place(self, one: int) -> tuple[float, ...]:
        self.costs["coordinates"] += AXES
        return self._places[one]


def cloud(points: int = POINTS) -> list[tuple[float, ...]]:
    """Groups of points around centres, and some that are in none."""
    rng = Random("cloud")
    centres = [[rng.uniform(-10, 10) for _ in range(AXES)] for _ in range(GROUPS)]
    return [near(rng, rng.choice(centres), 1.5 if rng.random() < 0.9 else 5.0) for _ in range(points)]


def near(rng: Random, centre: list[float] | tuple[float, ...], spread: float) -> tuple[float, ...]:
    return tuple(rng.gauss(value, spread) for value in centre)


def queries_of(points: list[tuple[float, ...]], seed: int, count: int = QUERIES) -> list[tuple[float, ...]]:
    rng = Random(f"queries {seed}")
    return [near(rng, rng.choice(points), 0.8) for _ in range(count)]


def recall_of(found: list[int], points: list[tuple[float, ...]], query: tuple[float, ...]) -> float:
    wanted = sorted(math.dist(point, query) for point in points)[:K]
    given = {one for one in list(found)[:K] if isinstance(one, int) and 0 <= one < len(points)}
    hits = sum(math.dist(points[one], query) <= wanted[-1] + 1e-9 for one in given)
    return hits / K


def measure(program: ModuleType, again: ModuleType, points: list[tuple[float, ...]], queries: list[Any]) -> dict[str, Any]:
    """``again``: the program anew, so that nothing but the index gets from building to searching."""
    building, space, meter = Space(points, []), Space(points, queries), Meter()
    began = time.perf_counter()
    index = program.build_index(building)
    built = time.perf_counter() - began
    entries(index)
    counted = Table(meter, "", index)
    instances, seconds = {}, 0.0
    for number, query in enumerate(queries):
        before = meter.total + space.costs.total()
        began = time.perf_counter()
        found = again.search(counted, space, -1 - number, K)
        seconds += time.perf_counter() - began
        cost = meter.total + space.costs.total() - before
        instances[f"q{number}"] = {"cost": cost, "recall_at_10": recall_of(found, points, query)}
    metrics = {
        "recall_at_10": round(statistics.fmean(one["recall_at_10"] for one in instances.values()), 4),
        "cost_per_query": round((meter.total + space.costs.total()) / len(queries), 2),
        "build_distances": round(building.costs.total() / AXES / len(points), 2),
        "qps": round(len(queries) / max(seconds, 1e-9), 1),
        "build_s": round(built, 4),
    }
    meter.reads.update(space.costs)
    return {"metrics": metrics, "instances": instances, "feedback": [advice(meter, instances)]}


def advice(meter: Meter, instances: dict[str, Any]) -> dict[str, Any]:
    """Where the cost is: what a profiler would say."""
    parts = shares(meter)
    worst = max(instances, key=lambda name: (instances[name]["cost"], name))
    least = min(instances, key=lambda name: (instances[name]["recall_at_10"], name))
    return {
        "bottleneck": f"{parts[0]} of the cost" if parts else "nothing is read",
        "critical path": [part.rsplit(" ", 2)[0] for part in parts],
        "dearest query": f"{worst} ({instances[worst]['cost']})",
        "lowest recall": f"{instances[least]['recall_at_10']:.2f} for {least}",
    }


def run(
    program: ModuleType, again: ModuleType, seed: int = VISIBLE, points: int = POINTS, queries: int = QUERIES
) -> dict[str, Any]:
    places = cloud(points)
    return measure(program, again, places, queries_of(places, seed, queries))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, "baseline.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    seed = int(os.environ.get("PROCY_SEED") or VISIBLE) if os.environ.get("PROCY_STAGE") == "confirm" else VISIBLE
    try:
        result = {"schema": 1, "valid": True, **run(load("building"), load("searching"), seed)}
    except Exception as error:  # noqa: BLE001 whatever is wrong with it
        result = {"schema": 1, "valid": False, "metrics": {}, "feedback": [f"{type(error).__name__}: {error}"]}
    Path(os.environ["PROCY_OUT"]).write_text(json.dumps(result), encoding="utf-8")
    return 0 if result["valid"] else 10


if __name__ == "__main__":
    sys.exit(main())
