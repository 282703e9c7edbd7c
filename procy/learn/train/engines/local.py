"""Trainings on this machine: a process of its own, which torchrun makes several of."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from procy.errors import ProcyError
from procy.learn.train.engines import Job, Look
from procy.learn.train.engines.runner import answer_of, look_of
from procy.learn.train.scripts import scripts_folder


class Local:
    every_s = 0.5

    def submit(self, job: Job) -> dict[str, Any]:
        found = run("start", job.folder)
        return {"pid": found.get("pid", 0)}

    def look(self, job: Job, known: Mapping[str, int]) -> Look:
        """The files are here: what grew meanwhile is not to be added to them once more."""
        return Look(look_of(run("look", job.folder, "--offsets", json.dumps(dict(known)))).state)

    def cancel(self, job: Job) -> None:
        run("cancel", job.folder)

    def fetch(self, job: Job) -> None:
        """It is here."""


def run(verb: str, folder: Path, *more: str) -> dict[str, Any]:
    words = [sys.executable, str(scripts_folder() / "run.py"), verb, str(folder), *more]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        last = next(iter(reversed(done.stderr.strip().splitlines())), "")
        raise ProcyError(f"the training cannot be reached in {folder} ({last})", "Start another: procy train")
    return answer_of(done.stdout)
