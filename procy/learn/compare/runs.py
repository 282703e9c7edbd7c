"""Comparing an adapter with its base or another adapter by runs: which of them asked which model stands in their tries."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from procy.errors import HandleError, ServeError
from procy.git import find_repo
from procy.learn.compare import curves
from procy.learn.compare.order import Row, kept
from procy.learn.compare.standing import BASE
from procy.learn.serve.adapter import adapter_named
from procy.learn.serve.wish import name_of
from procy.places import Places
from procy.store import runs
from procy.store.db import open_reader
from procy.store.read import short


def compare_runs(places: Places, adapter: str, against: str, handles: Sequence[str], seed: int) -> Row:
    """The new row of ``comparisons``. Raises HandleError where the runs are no pairs."""
    with open_reader(places.db) as connection:
        one = adapter_named(connection, adapter)
        other = None if against == BASE else adapter_named(connection, against)
        found = [(row, runs.tries_of(connection, row["id"])) for row in (runs.find_run(connection, handle) for handle in handles)]
    check_alike(places, [row for row, _ in found])
    names = (one.name, other.name if other else name_of(one.base))
    sides: tuple[dict[int, list[Row]], dict[int, list[Row]]] = ({}, {})
    for row, tries in found:
        asked = model_of(tries)
        if asked not in names:
            raise HandleError(f"run {short(row['id'])} asked {asked or 'no model'}, neither {names[0]} nor {names[1]}")
        side, run_seed = sides[names.index(asked)], row["options"]["seed"]
        if run_seed in side:
            raise HandleError(f"two of these runs have seed {run_seed} and asked {asked}", "Name one of them")
        side[run_seed] = tries
    seeds = sorted(set(sides[0]) & set(sides[1]))
    if not seeds:
        raise HandleError("no two of these runs are a pair", "Begin both with the same --seed, one with --proxy-model BASE")
    length = min(len(side[seed]) - 1 for side in sides for seed in seeds)
    pairs = {seed: (curves.curve(sides[0][seed], length), curves.curve(sides[1][seed], length)) for seed in seeds}
    result = curves.result_of(pairs, random.Random(f"{seed} curves"))
    result["verdict"], result["reasons"] = curves.verdict_of(result)
    return kept(places, {
        "adapter_id": one.id or None, "adapter": one.name, "against": other.name if other else BASE,
        "against_id": (other.id or None) if other else None, "kind": "runs", "data": " ".join(row["id"] for row, _ in found),
        "data_sha256": None, "verdict": result["verdict"], "result": result,
    })  # fmt: skip


def model_of(tries: Sequence[Row]) -> str:
    """The one that most of its prompts are by; "" for none."""
    proposals: list[Any] = [row["notes"].get("proposal") or {} for row in tries]
    models = Counter(name_of(str(found["model"]).removesuffix("@main")) for found in proposals if found.get("model"))
    return models.most_common(1)[0][0] if models else ""


def check_alike(places: Places, rows: Sequence[Row]) -> None:
    """Raises ServeError where evaluator, strategy or the files that they start from differ, or the goals of one seed."""
    goals = {(row["options"]["seed"], row["goal"]) for row in rows}
    if len(goals) > len({seed for seed, _ in goals}):
        raise ServeError("runs of the same seed have different goals", "Compare runs that differ in the model alone")
    facts = [
        (row["evaluator_id"], row["strategy"],
         find_repo(Path(row["root"]), Path(places.home) / "shadows").run("rev-parse", f"{row['base_sha']}^{{tree}}").strip())
        for row in rows
    ]  # fmt: skip
    for what, values in zip(("evaluators", "strategies", "starts"), zip(*facts, strict=True), strict=True):
        if len(set(values)) > 1:
            raise ServeError(f"these runs have different {what}", "Compare runs that differ in the model alone")
