"""What can be ordered of a run from its page, and why not. Pure."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from procy.store.read import short
from procy.ui.runs import RunView

RESUMABLE = ("paused", "stopped")


@dataclass(frozen=True, slots=True)
class Order:
    """``path``: below the root of the pages, where it is said what would happen. ``why_not``: "" where it can be given."""

    name: str
    label: str
    path: str
    why_not: str


def orders_of(run: RunView) -> list[Order]:
    row, place = run.row, f"run/{run.row['id']}"
    best = f"try/{row['best_try_id']}/apply" if row["best_try_id"] else f"{place}/apply"
    return [
        Order("stop", "Stop…", f"{place}/stop", not_stop(run)),
        Order("resume", "Resume…", f"{place}/resume", not_resume(run)),
        Order("apply", "Apply the best…", best, "" if row["best_seq"] else "nothing better than the start was kept"),
        Order("reset", "Reset…", f"{place}/reset", ""),
    ]


def not_stop(run: RunView) -> str:
    return "" if run.row["status"] == "running" else f"it is {run.row['status']} already"


def not_resume(run: RunView) -> str:
    """A run that is done can be gone on with when it may have more tries."""
    if run.row["status"] == "running":
        return "it is at work" if run.at_work else ""
    return "" if run.row["status"] in (*RESUMABLE, "done") else f"it is {run.row['status']}"


def least_tries(row: sqlite3.Row) -> int:
    """How many tries a resumed run must be allowed at least, so that it does anything."""
    return int(row["done"]) + 1


def command(run: RunView, order: str) -> str:
    """The same in a terminal."""
    return f"procy evolve {order} {short(run.row['id'])}"
