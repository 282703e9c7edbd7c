"""Orders for snapshots, carried out one by one: the tree, the ref that keeps it, the row, and the diff where a turn ended."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from procy.errors import GitError
from procy.git import Repo
from procy.parse.redact import mask
from procy.parse.rules import problem
from procy.recording.changes.diffs import FileDiff, diffs
from procy.recording.changes.refs import name_of
from procy.recording.changes.snapshot import LeftOut, Snapshot, Worktree, made_good, take, worktree_at
from procy.settings import Settings
from procy.store import changes
from procy.store.db import iso
from procy.store.turn_sources import turn_of
from procy.store.write import transaction

OUR_INDEX = re.compile(r"\S*/procy-index-\w+/")  # a copy, whose place says nothing
CLOCK_NS = 20_000_000  # a file system's times may be that coarse
MOST_NAMED = 1000  # paths of a kind that were left out


class Order(NamedTuple):
    """``moment``: before or after. ``due_ns``: when the turn began or ended. ``turn_id``: the session's own where that began."""

    session_id: str
    turn_id: str
    moment: str
    cwd: str
    due_ns: int


class Worker:
    """``tell`` is called once for each trouble of a session."""

    def __init__(self, connection: sqlite3.Connection, settings: Settings, tell: Callable[[str], None]) -> None:
        self.connection, self.settings, self.tell = connection, settings, tell
        self.told: set[tuple[str, str]] = set()

    def carry_out(self, order: Order) -> None:
        began_ns = time.time_ns()
        order = order._replace(turn_id=turn_of(self.connection, order.turn_id))
        try:
            place = worktree_at(order.cwd)
            if place is None:
                return
        except (GitError, OSError) as error:
            self.refused(order, error)
            return
        row = {**order_values(order), "root": str(place.repo.root), "git_dir": str(place.git_dir), "at": iso(began_ns),
               "late_ms": max(0, began_ns - order.due_ns) // 1_000_000}  # fmt: skip
        try:
            row |= self.taken(place)
            if order.moment == "before":
                self.make_good(place, order, row)
            self.keep(place, order, row)
        except (GitError, OSError) as error:
            row["reason"] = mask(self.refused(order, error))
        row["took_ms"] = (time.time_ns() - began_ns) // 1_000_000
        files = self.compared(place.repo, order, row)
        with transaction(self.connection):
            stays = changes.put_snapshot(self.connection, row)
            if stays and files is not None:
                changes.put_files(self.connection, order.turn_id, [masked(place.repo.root, one) for one in files])
        if not stays and row.get("ref"):
            place.repo.run("update-ref", "-d", row["ref"], check=False)

    def taken(self, place: Worktree) -> dict[str, Any]:
        found: Snapshot = take(place.repo, self.settings.changes.largest)
        return {"tree": found.tree, "head": found.head, "left_out": as_json(found.left_out)}

    def make_good(self, place: Worktree, order: Order, row: dict[str, Any]) -> None:
        """A turn may have changed files before they were looked at: those are taken from the session's last snapshot."""
        if earlier := changes.latest(self.connection, order.session_id, row["root"], iso(order.due_ns)):
            row["tree"] = made_good(place.repo, row["tree"], earlier, order.due_ns - CLOCK_NS)
            row["late_ms"] = 0

    def keep(self, place: Worktree, order: Order, row: dict[str, Any]) -> None:
        """Have a ref keep the tree, unless raw is not kept as it is."""
        if self.settings.raw == "keep":
            row["ref"] = name_of(order.session_id, order.turn_id, order.moment)
            place.repo.set_ref(row["ref"], row["tree"])

    def compared(self, repo: Repo, order: Order, row: dict[str, Any]) -> list[FileDiff] | None:
        """The turn's changes, where it is known how the files were when it began."""
        if order.moment != "after" or not row.get("tree"):
            return None
        before = changes.snapshot(self.connection, order.turn_id, "before")
        if not before or not before["tree"] or before["root"] != row["root"]:
            return None
        if told := problem():
            row["reason"] = told
            return None
        spared = {path for one in (before, row) for path in named(one["left_out"])}
        try:
            return diffs(repo, before["tree"], row["tree"], spared)
        except (GitError, OSError) as error:
            row["reason"] = mask(self.refused(order, error))
        return None

    def refused(self, order: Order, error: Exception) -> str:
        what = OUR_INDEX.sub("", error.what if isinstance(error, GitError) else str(error))
        if (order.session_id, order.cwd) not in self.told:
            self.told.add((order.session_id, order.cwd))
            self.tell(f"{order.session_id}: no diffs by git: {what}")
        return what


def order_values(order: Order) -> dict[str, Any]:
    return {"turn_id": order.turn_id, "moment": order.moment, "session_id": order.session_id}


def as_json(left_out: LeftOut) -> str:
    values = {
        kind: [mask(one) for one in found[:MOST_NAMED]] if isinstance(found, list) else found
        for kind, found in asdict(left_out).items()
    }
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace").decode()


def named(left_out: str) -> list[str]:
    return [path for paths in json.loads(left_out).values() if isinstance(paths, list) for path in paths]


def masked(root: Path, one: FileDiff) -> tuple[str, str, str | None, str | None]:
    path = mask(str(root / one.path)).encode("utf-8", "replace").decode()
    return path, one.change, None if one.diff is None else mask(one.diff), one.why
