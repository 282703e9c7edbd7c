"""Rows of tries as what strategies and proposers know."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from procy.store.runs import Row, asked, tries_of
from procy.tries import Choice, Outcome

DONE = "done"


def outcome_of(connection: sqlite3.Connection, row: Row) -> Outcome:
    """Of a try that is over."""
    sample = last_sample(connection, row["id"])
    comparison = row["comparison"]
    gain = (comparison["gain"], comparison["low"], comparison["high"]) if comparison.get("low") is not None else None
    notes = row["notes"]
    return Outcome(
        id=row["id"],
        seq=row["seq"],
        parent_id=row["parent_id"],
        status=row["status"] or "",
        decision=row["decision"],
        score=row["score"],
        metrics=row["metrics"],
        instances=json.loads(sample["instances"]) if sample and sample["instances"] else {},
        gain=gain,
        incumbent_id=comparison.get("with"),
        prompt=asked(row),
        reason=row["reason"] or "",
        commit=row["commit_sha"] or "",
        files=tuple(notes.get("files", ())),
        feedback=tuple(json.loads(sample["feedback"])) if sample and sample["feedback"] else (),
        notes=notes.get("choice", {}),
    )


def last_sample(connection: sqlite3.Connection, try_id: str) -> Any:
    """The last time its own code was judged in its own name."""
    return connection.execute(
        "SELECT instances, feedback FROM evaluations WHERE for_try_id = :id AND try_id = :id AND purpose != 'claim' "
        "ORDER BY started_at DESC, id DESC LIMIT 1",
        {"id": try_id},
    ).fetchone()


def finished(connection: sqlite3.Connection, run_id: str) -> list[Outcome]:
    """In the order in which they ended; the start is first."""
    rows = [row for row in tries_of(connection, run_id) if row["step"] == DONE]
    rows.sort(key=lambda row: (row["seq"] != 0, row["ended_at"] or "", row["seq"]))
    return [outcome_of(connection, row) for row in rows]


def notes_of(choice: Choice) -> dict[str, Any]:
    """What makes the same choice again from its row."""
    return {
        "mode": choice.mode,
        "inspirations": [outcome.id for outcome in choice.inspirations],
        "choice": dict(choice.notes),
    }


def choice_of(row: Row, outcomes: list[Outcome]) -> Choice:
    by_id = {outcome.id: outcome for outcome in outcomes}
    inspirations = tuple(by_id[name] for name in row["notes"].get("inspirations", ()) if name in by_id)
    return Choice(by_id[row["parent_id"]], row["notes"].get("mode", "improve"), inspirations, row["notes"].get("choice", {}))
