"""A work tree with an evaluator, for tests that really run it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from procy.evaluate.contract import Contract
from procy.evaluate.job import Job
from procy.evaluate.reading import read_file
from procy.evaluate.register import Evaluator, own_files, register
from procy.evaluate.run import Sample, measure
from procy.git import Repo, find_repo
from procy.places import Places, make_home

AUTHOR = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")
TOML = """\
command = ["{python}", "bench/eval.py"]
timeout = 30
{more}
[metrics]
speed = "maximize"
cost = "minimize"
{tables}
"""
RETURNS = """\
import json, os, sys
sys.path.insert(0, ".")
import solution
json.dump({"metrics": {"speed": solution.SPEED, "cost": 2}}, open(os.environ["PROCY_OUT"], "w"))
"""


class Bench:
    """One work tree below ``root``, and a data directory beside it."""

    def __init__(self, root: Path, git: bool = True) -> None:
        home = root / "home"
        self.places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(root / "config.toml"))
        make_home(self.places)
        self.work = root / "the work"
        self.work.mkdir()
        self.write("solution.py", "SPEED = 3\n")
        self.evaluator_is(RETURNS)
        self.toml()
        if git:
            self.git("init", "-q", "-b", "main")
            self.git("add", "-A")
            self.git("commit", "-q", "-m", "start")

    @property
    def repo(self) -> Repo:
        return find_repo(self.work, Path(self.places.home) / "shadows")

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *AUTHOR, *words], cwd=self.work, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> Path:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def evaluator_is(self, source: str) -> None:
        self.write("bench/eval.py", source)

    def toml(self, more: str = "", tables: str = "") -> None:
        self.write(".procy/eval.toml", TOML.format(python=sys.executable, more=more, tables=tables))

    def commit(self) -> str:
        """The work tree as it stands."""
        return self.repo.snapshot("as it stands")

    def registered(self, **changes: Any) -> Evaluator:
        definition = read_file(self.work / ".procy/eval.toml")
        contract: Contract = replace(definition.contract, **changes)
        return register(self.places, self.repo, contract, own_files(self.repo, contract, definition.pin))

    def measured(self, evaluator: Evaluator | None = None, commit: str = "", **job: Any) -> Sample:
        options = {name: job.pop(name) for name in ("on_output", "stop") if name in job}
        evaluator = evaluator or self.registered()
        wanted = Job(evaluator=evaluator, repo=self.repo, commit=commit or self.commit(), **job)
        return measure(self.places, wanted, **options)

    def leftovers(self) -> list[Path]:
        """Checkouts that are still there."""
        folder = Path(self.places.home) / "checkouts"
        return [*folder.iterdir()] if folder.exists() else []
