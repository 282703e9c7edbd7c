"""Two tries beside each other."""

from __future__ import annotations

import sqlite3
from typing import Any

from procy.git import Repo
from procy.store import runs
from procy.store.runs import Row

SHOWN = ("id", "seq", "prompt", "prompt_source", "status", "decision", "reason", "score", "metrics", "comparison", "commit_sha")


def comparison(connection: sqlite3.Connection, repo: Repo, run: Row, one: Row, other: Row) -> dict[str, Any]:
    """``parted``: the last try that both come from. ``diff``: from the one's files to the other's."""
    both = bool(one["commit_sha"] and other["commit_sha"])
    return {
        **beside(connection, run, one, other),
        "files": [list(files(repo, run, row)) for row in (one, other)],
        "diff": repo.diff(one["commit_sha"], other["commit_sha"]) if both else "",
    }


def beside(connection: sqlite3.Connection, run: Row, one: Row, other: Row) -> dict[str, Any]:
    """What of a comparison needs no repository."""
    ways = [ancestors(connection, row) for row in (one, other)]
    parted = next((row for row in ways[0] if row["id"] in {found["id"] for found in ways[1]}), None)
    return {
        "run": run["id"],
        "tries": [{name: row[name] for name in SHOWN} for row in (one, other)],
        "metrics": metric_rows(one["metrics"], other["metrics"]),
        "parted": parted["seq"] if parted else None,
    }


def ancestors(connection: sqlite3.Connection, row: Row) -> list[Row]:
    """The try itself, its parent, and so on to the start."""
    found = [row]
    while found[-1]["parent_id"]:
        found.append(runs.try_by_id(connection, found[-1]["parent_id"]))
    return found


def files(repo: Repo, run: Row, row: Row) -> tuple[str, ...]:
    """That differ from the run's start."""
    return repo.changed_files(run["base_sha"], row["commit_sha"]) if row["commit_sha"] else ()


def metric_rows(one: dict[str, float], other: dict[str, float]) -> dict[str, dict[str, float | None]]:
    """By name: both values, and how much larger the other is."""
    names = dict.fromkeys([*one, *other])
    return {
        name: {
            "one": one.get(name),
            "other": other.get(name),
            "delta": other[name] - one[name] if name in one and name in other else None,
        }
        for name in names
    }
