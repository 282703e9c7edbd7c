"""Runs of the loop for the pages: one under way with everything that can become of a try, and as many others as a test wants."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from procy import ids
from procy.store.db import iso

from .sample_times import MINUTE, NOW

DEFINITION: dict[str, Any] = {
    "name": "parse bench",
    "objective": "p95",
    "metrics": [
        {"name": "recall", "direction": "maximize", "unit": "", "kind": "ratio", "at_least": 0.95, "at_most": None},
        {"name": "p95", "direction": "minimize", "unit": "ms", "kind": "time", "at_least": None, "at_most": None},
        {"name": "memory", "direction": "minimize", "unit": "MB", "kind": "", "at_least": None, "at_most": 512},
    ],
}
GOAL = "Make the parser's slowest lines faster without losing a single match"
PROMPTS = (
    "Profile the parser on the slow lines and remove the largest cost you find.",
    "Keep the approach of try 1.\n\nThe time goes into `re.compile`, called once a line: compile once, at import.\n"
    "Measure before and after, and do not touch the tests.",
    "Replace the regular expression by partition.",
    "Drop the validation that nobody reads.",
    "Read the file in blocks of 64 KiB instead of line by line.",
    "Write the inner loop with memoryview, so that nothing is copied.",
    "Cache the last hundred names.",
)
RUN = ids.derived_id(NOW, "sample", "run")


@cache
def try_id(seq: int, run: str = RUN) -> str:
    return ids.derived_id(NOW, "sample", f"try {run} {seq}")


def made(seq: int, p95: float | None, decision: str | None, **more: Any) -> dict[str, Any]:
    """A try of the sample run; ``p95`` None: not measured. ``gain``: (gain, low, high) of its score over ``over``."""
    metrics = (
        None if p95 is None else {"p95": p95, "recall": more.pop("recall", 0.971), "memory": more.pop("memory", 210.0 + seq)}
    )
    values = {
        "id": try_id(seq), "run_id": RUN, "seq": seq, "parent_id": None if seq == 0 else try_id(more.pop("parent", 0)),
        "step": "done", "lane": 1 + seq % 2 if seq else None, "prompt": PROMPTS[(seq - 1) % len(PROMPTS)] if seq else None,
        "prompt_source": "model" if seq else None, "commit_sha": f"{seq:02d}" + "0123456789abcdef" * 2 + "012345",
        "status": "ok" if p95 is not None else None, "score": None if p95 is None else -p95,
        "metrics": json.dumps(metrics) if metrics else None, "decision": decision,
        "started_at": iso(NOW - (40 - 4 * seq) * MINUTE), "ended_at": iso(NOW - (37 - 4 * seq) * MINUTE),
    }  # fmt: skip
    if gain := more.pop("gain", None):
        low, high = gain[1:] if len(gain) == 3 else (None, None)
        found = {"with": try_id(more.pop("over", 0)), "gain": gain[0], "low": low, "high": high, "better": 0.98, "pairs": 3}
        values["comparison"] = json.dumps(found)
    return {**values, **more}


def sample_tries() -> list[dict[str, Any]]:
    return [
        made(0, 66.3, "kept"),
        made(1, 58.9, "kept", gain=(7.2, 4.9, 9.5), reason="better than the start",
             notes=json.dumps({"files": ["src/parse.py"]})),
        made(2, 41.25, "kept", parent=1, gain=(17.6, 15.0, 20.2), over=1, reason="better than try 1", verdict="edited",
             proposed="Compile once.", mixed=1, notes=json.dumps({"files": ["src/parse.py", "tests/test_parse.py"]})),
        made(3, 44.1, "reverted", parent=2, gain=(-2.4, -5.5, 0.7), over=2, reason="not better than try 2"),
        made(4, 29.0, "reverted", parent=2, recall=0.89, score=None, status="invalid", prompt_source="template",
             reason="recall is 0.89, and must be at least 0.95"),
        made(5, None, "failed", parent=2, status="timeout", prompt_source="agent", reason="longer than 60 s"),
        made(6, None, "failed", parent=2, status="vetoed", verdict="vetoed", reason="vetoed", prompt_source="model",
             commit_sha=None),
        {**made(7, None, None, parent=2), "step": "wait", "status": None, "commit_sha": None, "ended_at": None},
    ]  # fmt: skip


def sample_run(session_id: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": RUN, "session_id": session_id, "evaluator_id": "EVALUATOR", "strategy": "stall", "proposer": "model", "goal": GOAL,
        "budget": json.dumps({"tries": 20, "seconds": 7200, "usd": 3.0, "stall": 8}), "options": json.dumps({"lanes": 2}),
        "root": "/home/you/config-tool", "base_sha": "89abcdef" * 5, "status": "running", "best_try_id": try_id(2),
        "seconds": 1980.4, "started_at": iso(NOW - 42 * MINUTE), **more,
    }  # fmt: skip


def add_sample_run(connection: sqlite3.Connection, session_id: str, turn_id: str) -> None:
    """The sample run; ``turn_id`` is the turn of its second try."""
    add_evaluator(connection, DEFINITION)
    insert(connection, "runs", sample_run(session_id))
    for one in sample_tries():
        insert(connection, "tries", {**one, "turn_id": turn_id if one["seq"] == 2 else None,
                                     "session_id": session_id if one["seq"] else None})  # fmt: skip
    connection.execute("UPDATE turns SET try_id = ? WHERE id = ?", (try_id(2), turn_id))
    for number, (whose, amount) in enumerate(((2, 40.9), (1, 58.7), (2, 41.6), (1, 59.4), (4, None))):
        status, for_try = ("ok", 2) if amount else ("invalid", 4)
        insert(connection, "evaluations", {
            "id": f"SAMPLE{number}", "evaluator_id": "EVALUATOR", "try_id": try_id(whose), "for_try_id": try_id(for_try),
            "commit_sha": "0" * 40, "stage": "full", "purpose": "try", "status": status, "duration_ms": 2100 + number,
            "metrics": json.dumps({"p95": amount}), "score": -amount if amount else None, "started_at": iso(NOW + number),
            "reason": None if amount else "recall is 0.89, and must be at least 0.95",
        })  # fmt: skip


def add_evaluator(connection: sqlite3.Connection, definition: Mapping[str, Any], name: str = "EVALUATOR") -> None:
    insert(connection, "evaluators", {
        "id": name, "name": definition.get("name", "bench"), "root": "/home/you/config-tool",
        "definition": json.dumps(definition), "files": "{}", "sha256": "0" * 64, "created_at": iso(NOW),
    })  # fmt: skip


def add_run(connection: sqlite3.Connection, tries: Iterable[Mapping[str, Any]] = (), **values: Any) -> str:
    """Another run with an id of its own; its tries are given as ``made`` gives them. Returns its id."""
    run = values.setdefault("id", ids.derived_id(NOW, "other run", str(connection.total_changes)))
    insert(connection, "runs", {**sample_run(None), "best_try_id": None, **values})
    for one in tries:
        parent = next((seq for seq in range(one["seq"]) if try_id(seq) == one["parent_id"]), None)
        comparison = one.get("comparison")
        for seq in range(one["seq"]):
            comparison = comparison and comparison.replace(try_id(seq), try_id(seq, run))
        insert(connection, "tries", {**one, "id": try_id(one["seq"], run), "run_id": run, "comparison": comparison,
                                     "parent_id": None if parent is None else try_id(parent, run)})  # fmt: skip
    return str(run)


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
