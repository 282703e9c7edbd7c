"""Two tries, and two runs, beside each other as their pages show them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procy.places import Places
from procy.store import run_pages
from procy.store.runs import evaluator_seconds, usage_of_run
from procy.ui.curve import Curve, Tried, curve_of, curves_of
from procy.ui.measures import Delta, Figure, Judge, Metric, delta_of, json_object, judge_of
from procy.ui.run_window import is_at_work
from procy.ui.runs import RunView, Tries, TryView, run_view


def tries_beside(connection: sqlite3.Connection, run_id: str, seqs: Sequence[int]) -> Mapping[str, Any]:
    """``views`` of both tries, and ``rows``: each metric that one of them has, with how the second differs from the first."""
    run = run_pages.page_run(connection, run_id)
    short = run_pages.tries_in_short(connection, run_id)
    judge = judge_of(run["definition"], [name for row in short if row["seq"] in seqs for name in json_object(row["metrics"])])
    tries = Tries(short, judge)
    views = [tries.view(run_pages.page_tries(connection, run_id, seq + 1, 1)[0], run["status"] == "running") for seq in seqs]
    return {"views": views, "rows": metric_rows(*views), "judge": judge, "best_id": run["best_try_id"]}


def metric_rows(one: TryView, other: TryView) -> list[tuple[Metric, Figure, Figure, Delta | None]]:
    found = []
    for left, right in zip(one.figures, other.figures, strict=True):
        if left.value is None and right.value is None:
            continue
        both = left.value is not None and right.value is not None
        name = f"try {one.row['seq']}" if one.row["seq"] else "the start"
        delta = delta_of(left.metric, name, None, right.value or 0.0, left.value or 0.0) if both else None
        found.append((left.metric, left, right, delta))
    return found


@dataclass(frozen=True, slots=True)
class RunBeside:
    """A run with all that is compared of it."""

    view: RunView
    tried: list[Tried]
    counts: str
    tokens: int
    usd: float
    evaluating_ms: float
    best_prompt: str

    @property
    def row(self) -> sqlite3.Row:
        return self.view.row


def run_beside(connection: sqlite3.Connection, places: Places, handle: str) -> RunBeside:
    """Raises HandleError."""
    row = run_pages.page_run(connection, handle)
    view = run_view(row, is_at_work(places, row))
    tries = Tries(run_pages.tries_in_short(connection, row["id"]), view.judge)
    tokens, usd = usage_of_run(connection, row["id"])
    prompt = run_pages.page_try(connection, row["best_try_id"])["prompt"] if row["best_try_id"] else ""
    spent = evaluator_seconds(connection, row["id"]) * 1000
    return RunBeside(view, tries.tried(), tries.counts(), tokens, usd, spent, prompt or "")


@dataclass(frozen=True, slots=True)
class Pictures:
    """``curves``: of both runs; on one scale where ``objective`` is theirs, each on its own where it is None."""

    objective: Metric | None
    same_evaluator: bool
    curves: tuple[Curve | None, Curve | None]


def pictures_of(one: RunBeside, other: RunBeside) -> Pictures:
    judges = [run.view.judge for run in (one, other)]
    same = one.row["evaluator_id"] == other.row["evaluator_id"]
    if is_same(*judges):
        left, right = curves_of([one.tried, other.tried], judges[0])
        return Pictures(judges[0].objective, same, (left, right))
    return Pictures(None, same, (curve_of(one.tried, judges[0]), curve_of(other.tried, judges[1])))


def is_same(one: Judge, other: Judge) -> bool:
    """Whether two judges measure the same: values of one and the other may stand on one axis."""
    mine, theirs = one.objective, other.objective
    return (mine.name, mine.is_maximized, mine.unit) == (theirs.name, theirs.is_maximized, theirs.unit)
