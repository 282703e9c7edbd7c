"""What is to be measured."""

from __future__ import annotations

from dataclasses import dataclass

from procy.evaluate.register import Evaluator
from procy.git import Repo


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to measure. ``base_commit``: what the candidate started from, in comparison with which it must not have changed
    anything that is protected; "" where nobody is under suspicion."""

    evaluator: Evaluator
    repo: Repo
    commit: str
    stage: str = "full"
    seed: int | None = None
    base_commit: str = ""
    try_id: str = ""
    session_id: str = ""
    run_id: str = ""
    iteration: int = 0
    files_changed: tuple[str, ...] = ()
