"""A recorded scripted agent that can work at the word counter, a repository of it, and its evaluator."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from procy.capture.locks import is_locked
from procy.demo.script import TEST
from procy.demo.task import HERE, load_task
from procy.evaluate.contract import Contract, Metric, Stage
from procy.evaluate.register import register
from procy.evolve.held import lock_path
from procy.git import Repo, find_repo
from procy.store import runs
from procy.store.db import open_reader
from tests.conftest import Lab, wait_until

FAST = ("--think", "0.05")
PATIENCE_S = 90.0


@dataclass
class Bench:
    """``agent`` is its command line; ``stage`` what judges: 12 cases, 7 of which the first program counts right."""

    lab: Lab
    repo: Repo
    agent: tuple[str, ...] = ()
    before: str = field(default="")

    def begin(self, *agent_options: str, hold: bool = False) -> None:
        """The agent in the lab's pane, with one prompt behind it. ``hold``: it thinks until `let_go`."""
        if hold:
            self.hold.touch()
        self.agent = (
            sys.executable, "-m", "procy.demo.agent", "--task", "wordcount", *FAST, "--hold", str(self.hold), *agent_options,
        )  # fmt: skip
        self.lab.start(columns=180, rows=40)
        self.lab.type(" ".join([sys.executable, "-m", "procy", "record", "--", *self.agent]))
        self.lab.wait_for("esc interrupts")
        self.before = self.state()

    @property
    def hold(self) -> Path:
        return self.lab.root / "hold"

    def let_go(self) -> None:
        self.hold.unlink()

    def evolve(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """As if from the pane."""
        kept, self.lab.environment = self.lab.environment, {**self.lab.environment, **environment}
        try:
            return self.lab.procy("evolve", *arguments, inside=bool(self.lab.pane), check=check)
        finally:
            self.lab.environment = kept

    def run(self) -> dict[str, Any]:
        """The last run with its tries."""
        with open_reader(self.lab.places.db) as connection:
            row = runs.list_runs(connection, 1)[0]
            return {**row, "tries": runs.tries_of(connection, row["id"])}

    def until(self, status: str, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until the run has that status, and its process is gone; it as it is then."""

        def reached() -> bool:
            rows = self.lab.rows("SELECT id, status FROM runs ORDER BY started_at DESC LIMIT 1")
            if not rows or rows[0]["status"] != status:
                return False
            return not is_locked(str(lock_path(self.lab.places, str(rows[0]["id"]))))

        until = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < until, f"not within {seconds:g} s: a run that is {status}\n{self.words()}"
            time.sleep(0.1)
        return self.run()

    def until_step(self, step: str, seq: int = 1) -> None:
        wait_until(
            lambda: self.lab.rows("SELECT 1 FROM tries WHERE seq = ? AND step = ?", seq, step), 30, f"step {step} of try {seq}"
        )

    def until_at_work(self) -> str:
        """Wait until the agent of a lane works on its prompt; returns its pane."""
        self.until_step("wait")
        wait_until(lambda: any("Working" in self.lab.tmux("capture-pane", "-p", "-t", pane) for pane in self.lanes()), 30)
        return next(iter(self.lanes()))

    def until_dead(self) -> None:
        """Wait until no process has the run."""
        lock = str(lock_path(self.lab.places, self.run()["id"]))
        wait_until(lambda: not is_locked(lock), 60, "the end of its process")

    def words(self) -> str:
        """What the runs' processes wrote, for whoever looks at a failure."""
        logs = sorted(Path(self.lab.places.home, "runs").glob("*.log"))
        tries = self.lab.rows("SELECT seq, step, status, reason FROM tries ORDER BY seq")
        screens = [self.lab.tmux("capture-pane", "-p", "-t", pane) for pane in self.lanes()]
        found = [
            *(path.read_text() for path in logs),
            str(self.lab.rows("SELECT status, reason FROM runs")),
            str(tries),
            *screens,
        ]
        return "\n".join(found)[-6000:]

    def lanes(self) -> dict[str, str]:
        """Pane → run and number of its lane."""
        lines = self.lab.tmux("list-panes", "-a", "-F", "#{pane_id} #{@procy_lane}").splitlines()
        return dict(line.split(" ", 1) for line in lines if " " in line.strip())

    def shown(self) -> str:
        """What the status line has of runs."""
        return self.lab.tmux("show-options", "-gqv", "@procy_evolve").strip()

    def state(self) -> str:
        """What of the user's must not change: HEAD, branches, index, files."""
        status = self.repo.run("status", "--porcelain", "--untracked-files=all")
        heads = self.repo.run("for-each-ref", "refs/heads")
        return "\n".join((status, heads, self.repo.run("ls-files", "-s"), str(self.repo.head())))


def make_repo(work: Path, shadows: Path) -> Repo:
    task = load_task("wordcount")
    (work / task.path).write_text(task.program(()))
    (work / "test_wordcount.py").write_text(TEST)
    shutil.copy(HERE / "wordcount" / "evaluate.py", work)
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    for words in (("init", "-q"), ("config", "user.name", "somebody"), ("config", "user.email", "somebody@localhost"),
                  ("add", "-A"), ("commit", "-qm", "start")):  # fmt: skip
        subprocess.run(["git", *who, *words], cwd=work, check=True, capture_output=True)
    return find_repo(work, shadows)


def contract(**values: Any) -> Contract:
    """Of the word counter's evaluator."""
    return Contract(**{
        "name": "words", "stages": (Stage(name="full", command=("python3", "evaluate.py"), timeout_s=30.0, repeats=8),),
        "metrics": (Metric(name="correct"), Metric(name="lines", direction="minimize")), "objective": "correct", **values,
    })  # fmt: skip


def prepared(lab: Lab) -> Bench:
    """A lab with the repository and its evaluator; nothing started yet."""
    lab.environment["PROCY_DEMO_TRANSCRIPTS"] = str(lab.root / "conversations")
    repo = make_repo(lab.work, Path(lab.places.home) / "shadows")
    register(lab.places, repo, contract(), {"evaluate.py": lab.work / "evaluate.py"})
    return Bench(lab, repo)


@pytest.fixture
def bench(lab: Lab) -> Iterator[Bench]:
    yield prepared(lab)
    for row in lab.rows("SELECT id FROM runs WHERE status = 'running'"):
        lab.procy("evolve", "stop", str(row["id"]), check=False)
