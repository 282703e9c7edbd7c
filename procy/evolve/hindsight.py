"""What the proposer of an old try was told, or would have been: nothing that came after it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from procy.errors import ProcyError
from procy.evaluate.register import Evaluator, evaluator_by_id
from procy.evolve.archive import choice_of, finished
from procy.evolve.brief import CORRECTIONS, correction_views, evaluator_text, metric_views
from procy.places import Places
from procy.store import corrections, runs
from procy.store.runs import Row
from procy.tries import Brief, Outcome, best_of


@dataclass(frozen=True, slots=True)
class Past:
    """A run as it is known now. ``outcomes``: of tries that are over, in the order in which they ended."""

    run: Row
    tries: dict[str, Row]
    outcomes: list[Outcome]
    evaluator: Evaluator


class Hindsight:
    """Looks back at runs, one read of each."""

    def __init__(self, connection: sqlite3.Connection, places: Places) -> None:
        self.connection, self.places = connection, places
        self.pasts: dict[str, Past | None] = {}

    def past(self, run_id: str) -> Past | None:
        """None for a replay, and for a run whose evaluator is not known any more."""
        if run_id not in self.pasts:
            self.pasts[run_id] = self.load(run_id)
        return self.pasts[run_id]

    def load(self, run_id: str) -> Past | None:
        run = runs.run_by_id(self.connection, run_id)
        if run["kind"] != "evolve":
            return None
        tries = {row["id"]: row for row in runs.tries_of(self.connection, run_id)}
        try:
            evaluator = evaluator_by_id(self.connection, self.places, run["evaluator_id"])
        except ProcyError:
            return None
        return Past(run, tries, finished(self.connection, run_id), evaluator)

    def brief(self, run_id: str, try_id: str) -> Brief | None:
        """The brief of a try when its prompt was written; None where it cannot be told any more."""
        past = self.past(run_id)
        row = past.tries.get(try_id) if past else None
        if past is None or row is None:
            return None
        known = [one for one in past.outcomes if one.id != try_id and is_over(past.tries[one.id], row["started_at"])]
        if row["parent_id"] not in {one.id for one in known}:
            return None
        choice = choice_of(row, known)
        return Brief(
            goal=past.run["goal"],
            seq=row["seq"],
            total=max(past.run["budget"].get("tries") or row["seq"], row["seq"]),
            metrics=metric_views(past.evaluator),
            evaluator=evaluator_text(past.evaluator),
            start=known[0],
            parent=choice.parent,
            best=best_of(known),
            outcomes=tuple(known[1:]),
            mode=choice.mode,
            inspirations=choice.inspirations,
            corrections=correction_views(corrections.newest(self.connection, CORRECTIONS, row["started_at"])),
            knows_parent=bool(row["notes"].get("knows_parent")),
        )


def is_over(row: Row, at: str) -> bool:
    return row["ended_at"] is not None and row["ended_at"] <= at
