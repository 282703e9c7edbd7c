"""Evaluators that are registered: a contract and its files, known by the hash of both."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from procy import ids
from procy.errors import ConfigError, EvaluatorError, HandleError
from procy.evaluate.contract import Contract, from_json
from procy.evaluate.globs import matching
from procy.evaluate.pinned import hashes_of, is_whole, keep
from procy.evaluate.programs import files_run
from procy.git import Repo
from procy.places import Places, make_home
from procy.store import evaluations
from procy.store.write import written

MOST_BYTES = 256 << 20
REMEDY = "Set one: procy eval set FILE, or let the agent write one: procy eval generate"


@dataclass(frozen=True, slots=True)
class Evaluator:
    """``root``: the work tree that it judges. ``pinned``: where its files are kept; ``files``: their paths in the work tree, and
    their hashes. ``id`` is "" for one that is not registered."""

    id: str
    name: str
    contract: Contract
    root: Path
    pinned: Path
    files: Mapping[str, str]
    sha256: str
    created_at: str = ""

    def check(self) -> None:
        """Raises EvaluatorError where the pinned files are not what was registered."""
        if not is_whole(self.pinned, self.files):
            what = f"the pinned files of evaluator {self.name} in {self.pinned} are not those that were registered"
            raise EvaluatorError(what, "Register it again: procy eval set")


def pin(places: Places, repo: Repo, contract: Contract, files: Mapping[str, Path]) -> Evaluator:
    """Keep a contract's files, without registering it. ``files``: path in the work tree → where it is read."""
    size = sum(path.stat().st_size for path in files.values() if path.exists())
    if size > MOST_BYTES:
        raise EvaluatorError(f"the evaluator's files have {size >> 20} MB", "Pin less, and give large data by link = […]")
    hashes = hashes_of(files)
    definition = contract.as_json()
    digest = sha256(json.dumps({"definition": definition, "files": hashes}, sort_keys=True).encode()).hexdigest()
    folder = Path(places.home) / "evaluators" / digest
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep(folder, files, hashes)
    return Evaluator("", contract.name, contract, repo.root, folder, hashes, digest)


def register(
    places: Places, repo: Repo, contract: Contract, files: Mapping[str, Path], session_id: str | None = None
) -> Evaluator:
    """Pin an evaluator and make it the one of this work tree. The same again is the same row. Raises EvaluatorError."""
    if contract.metric(contract.objective) is None:
        raise EvaluatorError("no metric of the evaluator is known", "Name one: --objective NAME, or run it once without --no-run")
    make_home(places)
    one = pin(places, repo, contract, files)
    now_ns = time.time_ns()
    with written(places.db) as connection:
        row = evaluations.newest_evaluator(connection, str(repo.root))
        if row is None or (row["sha256"], row["name"]) != (one.sha256, one.name):
            values = {"session_id": session_id, "name": one.name, "root": str(repo.root), "sha256": one.sha256}
            texts = {"definition": json.dumps(contract.as_json()), "files": json.dumps(dict(one.files))}
            key = ids.new_id(now_ns, secrets.token_bytes(10))
            evaluations.add_evaluator(connection, key, now_ns, {**values, **texts})
            row = evaluations.evaluator(connection, key)
    return of_row(places, row)


def find_evaluator(connection: sqlite3.Connection, places: Places, root: Path, name: str = "") -> Evaluator:
    """The newest of a work tree, or of those of that name, or the one with that id. Raises HandleError."""
    rows = evaluations.evaluators(connection, str(root))
    if not rows:
        raise HandleError(f"{root} has no evaluator", REMEDY)
    for row in rows:
        if not name or row["name"] == name or (len(name) >= 4 and row["id"].endswith(name.upper())):
            return of_row(places, row)
    names = ", ".join(dict.fromkeys(row["name"] for row in rows))
    raise HandleError(f"{root} has no evaluator {name!r}", f"It has: {names}")


def evaluator_by_id(connection: sqlite3.Connection, places: Places, key: str) -> Evaluator:
    row = evaluations.evaluator(connection, key)
    if row is None:
        raise HandleError(f"no evaluator {key!r}", REMEDY)
    return of_row(places, row)


def of_row(places: Places, row: Any) -> Evaluator:
    return Evaluator(
        id=row["id"],
        name=row["name"],
        contract=from_json(json.loads(row["definition"])),
        root=Path(row["root"]),
        pinned=Path(places.home) / "evaluators" / row["sha256"],
        files=json.loads(row["files"]),
        sha256=row["sha256"],
        created_at=row["created_at"],
    )


# -- which files are its own --------------------------------------------------------------------------------------------


def own_files(repo: Repo, contract: Contract, globs: tuple[str, ...] = ()) -> dict[str, Path]:
    """Path in the work tree → file: those that its commands run, and those that match. Raises ConfigError."""
    folder = repo.root / contract.cwd
    commands = [*(stage.command for stage in contract.stages), *contract.guards]
    names = {os.path.normpath(os.path.join(contract.cwd, name)) for command in commands for name in files_run(command, folder)}
    there = sorted(files_below(folder, repo.root)) if globs else []
    for glob in globs:
        found = matching(there, [glob], contract.cwd)
        if not found:
            raise ConfigError(f"pin: {glob!r} matches no file below {folder}", "Correct it, or remove it")
        names.update(found)
    return {name: repo.root / name for name in sorted(names)}


def files_below(folder: Path, root: Path) -> list[str]:
    """Every file, ignored ones included, relative to ``root``."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        found += [os.path.relpath(os.path.join(parent, name), root) for name in files]
    return found
