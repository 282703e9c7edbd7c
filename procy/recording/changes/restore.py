"""The files of a work tree as they were, written into a directory of their own."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from procy.errors import GitError, StoreError
from procy.git import Repo
from procy.store import changes

AS_STORED = {"GIT_LFS_SKIP_SMUDGE": "1"}  # nothing is fetched


def restore(connection: sqlite3.Connection, turn_id: str, moment: str, to: Path) -> dict[str, Any]:
    """Write the tree of the turn's beginning or end (``moment``: before, after) to a new or empty directory.

    Returns the snapshot's row. Raises StoreError or GitError; then nothing was written.
    """
    row = found(connection, turn_id, moment)
    check_empty(to, row["root"])
    repo = Repo(Path(row["git_dir"]), Path(row["git_dir"]))
    if not Path(row["git_dir"]).is_dir() or repo.done("cat-file", "-e", f"{row['tree']}^{{tree}}").returncode:
        raise GitError(f"{row['git_dir']} has those files no more", "They went with the repository, or with git gc")
    to.mkdir(parents=True, exist_ok=True)
    there = Repo(to.resolve(), Path(row["git_dir"]), environment=AS_STORED)
    with tempfile.TemporaryDirectory(prefix="procy-index-") as folder:
        index = os.path.join(folder, "index")
        there.run("read-tree", row["tree"], index=index)
        there.run("checkout-index", "--all", "--quiet", index=index)
    return row


def found(connection: sqlite3.Connection, turn_id: str, moment: str) -> dict[str, Any]:
    row = changes.snapshot(connection, turn_id, moment)
    if row and row["tree"]:
        return row
    why = row["reason"] if row else "its directory was in no repository, its session was pruned, or [changes] is off"
    raise StoreError(f"the files of {moment} this turn were not kept: {why}", "See what its tools told: procy show TURN --diff")


def check_empty(to: Path, root: str) -> None:
    place = to.resolve()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise StoreError(f"{to} is not empty", "Name a new or an empty directory")
    work_tree = Path(root).resolve()
    if place == work_tree or work_tree in place.parents:
        raise StoreError(f"{to} is in the work tree {root}", "Name a directory elsewhere: procy changes no work tree")
