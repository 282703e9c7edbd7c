"""``python -m bench.evolve --panes``: the loop as users run it, with the scripted agent in real panes on real tasks.

Score: how far the cost of the best kept try has come from the start (0) to the smallest there is (1), on a scale of factors.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.evolve.tasks import COST, NAMES, part_known, place, task_named
from bench.stage import Stage
from bench.table import table
from procy.evaluate.reading import read_file
from procy.evaluate.register import register
from procy.git import find_repo
from procy.store.db import open_reader
from procy.store.runs import Row, list_runs, tries_of

PROMPTS = (5, 10, 20)
TEMPER = ("--obey", "0.85", "--break", "0.1")
PATIENCE_S = 60.0  # for one try
POLL_S = 0.2


@dataclass(frozen=True)
class Wish:
    """One run. ``think_s``: how long the agent thinks about a prompt."""

    task: str
    tries: int
    lanes: int = 1
    think_s: float = 0.2
    seed: int = 0
    strategy: str = ""


class Course(NamedTuple):
    """What became of a run: its tries in the order in which they ended, and how long it took."""

    tries: list[Row]
    seconds: float


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.evolve --panes", description=__doc__)
    parser.add_argument("--tasks", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--strategy", default="", help="default: that of procy")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lane-tries", type=int, default=12, help="of each run that compares lanes; 0: do not compare")
    parser.add_argument(
        "--think", type=float, default=20.0, metavar="S", help="how long the agent thinks while lanes are compared"
    )
    given = parser.parse_args(arguments)
    for name in given.tasks:
        show(name, run(Wish(name, given.tries, seed=given.seed, strategy=given.strategy)))
    if given.lane_tries:
        compare_lanes(given.lane_tries, given.think, given.seed)
    return 0


def show(name: str, course: Course) -> None:
    """Every try, and the score after so many prompts."""
    rows = [
        (
            row["seq"],
            row["decision"],
            row["status"],
            f"{row['metrics'].get(COST[name], float('nan')):.1f}",
            (row["reason"] or "")[:60],
        )
        for row in course.tries
    ]
    each = course.seconds / max(len(rows) - 1, 1)
    table(f"{name} in real panes ({each:.1f} s a try)", ("try", "decision", "status", COST[name], "why"), rows)
    for prompts in PROMPTS:
        if prompts < len(course.tries):
            print(f"RESULT task={name} panes=1 prompts={prompts} score={score_after(name, course.tries, prompts):.3f}")


def score_after(name: str, tries: Sequence[Row], prompts: int) -> float:
    """Of the best kept try among the start and the first so many."""
    kept = [row["metrics"][COST[name]] for row in tries[: prompts + 1] if row["decision"] == "kept" and row["metrics"]]
    return part_known(name, min(kept))


def compare_lanes(tries: int, think_s: float, seed: int) -> None:
    courses = {lanes: run(Wish("ann", tries, lanes, think_s, seed)) for lanes in (1, 4)}
    rows = [
        (lanes, f"{course.seconds:.1f} s", f"{score_after('ann', course.tries, tries):.3f}") for lanes, course in courses.items()
    ]
    table(f"{tries} tries in lanes, of an agent that thinks for {think_s:g} s", ("lanes", "wall time", "score"), rows, "≥ 3 ×")
    print(f"RESULT lanes=4 speedup={courses[1].seconds / courses[4].seconds:.2f}")


# -- one run -------------------------------------------------------------------------------------------------------------


def run(wish: Wish) -> Course:
    """In a tmux server, a repository and a data directory of its own. Raises RuntimeError where it does not end well."""
    shell = ("bash", "--norc", "--noprofile") if shutil.which("bash") else ("sh",)
    with Stage(*shell, columns=110) as stage:
        folder = stage.root / "work"
        make_repository(wish.task, folder)
        repo = find_repo(folder, Path(stage.places.home) / "shadows")
        contract = read_file(folder / ".procy" / "eval.toml").contract
        register(stage.places, repo, contract, {name: folder / name for name in ("evaluate.py", "counted.py")})
        stage.environment["PROCY_DEMO_TRANSCRIPTS"] = str(stage.root / "conversations")
        agent = [sys.executable, "-m", "procy.demo.agent", "--task", str(task_folder(wish.task)), "--think", str(wish.think_s),
                 "--seed", str(wish.seed), *TEMPER]  # fmt: skip
        record(stage, folder, agent)
        began = time.monotonic()
        evolve(stage, folder, wish)
        row = until_over(stage, began + PATIENCE_S * wish.tries)
        seconds = time.monotonic() - began
        if row["status"] != "done":
            raise RuntimeError(f"the run is {row['status']}: {row['reason']}")
        with open_reader(stage.places.db) as connection:
            return Course(sorted(tries_of(connection, row["id"]), key=lambda one: one["ended_at"] or ""), seconds)


def task_folder(name: str) -> Path:
    return Path(__file__).parent / "tasks" / task_named(name).name


def make_repository(name: str, folder: Path) -> None:
    folder.mkdir()
    place(name, folder)
    (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "start"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def record(stage: Stage, folder: Path, agent: Sequence[str]) -> None:
    """The agent in the stage's pane, as somebody types it."""
    folders = stage.environment["PROCY_DEMO_TRANSCRIPTS"]
    words = shlex.join(["env", f"PROCY_DEMO_TRANSCRIPTS={folders}", sys.executable, "-m", "procy", "record", "--", *agent])
    command = f"cd {shlex.quote(str(folder))} && {words}"
    stage.tmux("send-keys", "-l", command)
    stage.tmux("send-keys", "Enter")
    until = time.monotonic() + PATIENCE_S
    while "ctrl-d leaves" not in stage.tmux("capture-pane", "-p", "-t", stage.pane):
        if time.monotonic() > until:
            raise RuntimeError(stage.tmux("capture-pane", "-p", "-t", stage.pane))
        time.sleep(POLL_S)


def evolve(stage: Stage, folder: Path, wish: Wish) -> None:
    words = ["evolve", str(wish.tries), "--goal", "Make it cost less", "--proposer", "template", "--lanes", str(wish.lanes),
             "--seed", str(wish.seed), "--yes"]  # fmt: skip
    words += ["--strategy", wish.strategy] if wish.strategy else []
    done = subprocess.run(
        [sys.executable, "-m", "procy", *words], cwd=folder, env=stage.environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


def until_over(stage: Stage, until: float) -> Row:
    """The run, once nothing works at it any more."""
    while True:
        with open_reader(stage.places.db) as connection:
            [row] = list_runs(connection)
        if row["status"] != "running":
            return row
        if time.monotonic() > until:
            raise RuntimeError("the run takes too long")
        time.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
