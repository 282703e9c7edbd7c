"""``python -m bench.circle``: record → evolve with a poor proposer → correct → export → train → serve → evolve again.

Everything by procy's own commands, with the scripted agent, a tiny model on the processor, and a scripted human who corrects
the prompts of the first runs. The curve after must lie above the curve before; exit status 1 where it is not shown to.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.circle import teacher
from bench.evolve.panes import TEMPER, make_repository, score_after, task_folder
from bench.table import table
from procy.evaluate.reading import read_file
from procy.evaluate.register import register
from procy.git import find_repo
from procy.learn.compare import curves
from procy.learn.correct import keep
from procy.learn.serve import environment
from procy.places import Places, make_home
from procy.settings import load_settings
from procy.store import runs
from procy.store.corrections import Pair
from procy.store.db import open_reader
from procy.store.write import written

HERE = Path(__file__).parent
TASK = "ann"
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
CONFIG = """\
[proxy_model]
temperature = 0.7
max_tokens = 48
[evolve]
prompts = "{prompts}"
[serve]
engine = "transformers"
python = "{python}"
"""


class Circle:
    """A data directory and a work tree below ``root``."""

    def __init__(self, root: Path, python: str, tries: int) -> None:
        self.root, self.python, self.tries = root, python, tries
        home = root / "home"
        self.places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(root / "config.toml"))
        make_home(self.places)
        Path(self.places.config).write_text(CONFIG.format(prompts=HERE / "prompts", python=python), encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TMUX", "PROCY"))}
        own = {"OMP_NUM_THREADS": "1", "TERM": "xterm-256color", "PROCY_DEMO_TRANSCRIPTS": str(root / "conversations")}
        self.environment = {**kept, **self.places.environment, **own}
        self.work = root / "work"
        os.environ["OMP_NUM_THREADS"] = "1"  # also where this process itself calls a trainer: two threads are slower
        make_repository(TASK, self.work)
        repo = find_repo(self.work, home / "shadows")
        contract = read_file(self.work / ".procy" / "eval.toml").contract
        register(self.places, repo, contract, {name: self.work / name for name in ("evaluate.py", "counted.py")})
        self.corrections = root / "corrections"
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:5.0f} s  {text}", flush=True)

    def procy(self, *words: str) -> str:
        return self.run([sys.executable, "-m", "procy", *words])

    def run(self, words: Sequence[str]) -> str:
        """Raises RuntimeError with what it said."""
        done = subprocess.run(words, cwd=self.work, env=self.environment, capture_output=True, text=True, check=False)
        reap()
        if done.returncode:
            raise RuntimeError(f"{' '.join(words[:6])} …: {done.stderr[-2000:]}")
        return done.stdout

    # -- its parts --------------------------------------------------------------------------------------------------------

    def evolve(self, seed: int) -> str:
        """One run, recorded, without a screen; its id."""
        goal = teacher.GOALS[seed % len(teacher.GOALS)]
        agent = [sys.executable, "-m", "procy.demo.agent", "--task", str(task_folder(TASK)), "--think", "0.05",
                 "--seed", str(seed), *TEMPER]  # fmt: skip
        words = ["--headless", "--proposer", "model", "--goal", goal, "--seed", str(seed), "--yes", "--", *agent]
        self.procy("evolve", str(self.tries), *words)
        with open_reader(self.places.db) as connection:
            return str(runs.list_runs(connection, 1)[0]["id"])

    def correct(self, run_id: str, seed: int) -> int:
        """What a human would have said in place of each prompt of a run; how many they corrected."""
        chance, count = random.Random(f"teacher {seed}"), 0
        with open_reader(self.places.db) as connection:
            tries = {row["id"]: row for row in runs.tries_of(connection, run_id)}
        for row in tries.values():
            prompt = (row["prompt"] or "").rpartition("\n\n")[2]  # without the account of what came before
            chosen = teacher.correction(kept_before(tries, row), chance) if prompt else ""
            if chosen and chosen != prompt:
                with written(self.places.db) as connection:
                    keep(connection, time.time_ns(), Pair(None, row["id"], prompt, chosen, "", "teacher"))
                count += 1
        return count

    def train(self, seed: int) -> Path:
        adapter = self.root / "adapters" / "taught"
        environment.run(
            self.python, "sft.py", "--data", str(self.corrections), "--model", str(self.root / "tiny-proxy"),
            "--output", str(adapter), "--epochs", "60", "--lr", "2e-3", "--seed", str(seed), "--cpu",
        )  # fmt: skip
        return adapter

    def export(self) -> tuple[int, int]:
        """Pairs, of which corrections alone are learned from and held out: measured pairs are of poor prompts here. How many."""
        self.procy("export", "dpo", "--held-out", "0.25", "-o", str(self.root / "data"))
        counts = []
        for split in ("train", "test"):
            lines = (self.root / "data" / "dpo" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
            rows = [row for row in map(json.loads, lines) if row["category"] == "corrected"]
            imitated = [{"id": row["id"], "prompt": row["prompt"], "completion": row["chosen"]} for row in rows]
            for method, some in (("dpo", rows), ("sft", imitated)):
                file = self.corrections / method / f"{split}.jsonl"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
            counts.append(len(rows))
        return counts[0], counts[1]

    def scores(self, run_ids: Sequence[str]) -> list[list[float]]:
        """Of each run after each prompt: how far it has come from the start (0) to the best there is (1)."""
        found = []
        for run_id in run_ids:
            with open_reader(self.places.db) as connection:
                tries = runs.tries_of(connection, run_id)
            found.append([score_after(TASK, tries, prompts) for prompts in range(self.tries + 1)])
        return found


def adopt_orphans() -> bool:
    """Engines and panes outlive whoever starts them: as children of this process their time is counted (Linux only)."""
    return sys.platform == "linux" and ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0) == 0


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def cpu_seconds() -> float:
    """Of this process and all that it started and that ended."""
    whole = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in whole)


def kept_before(tries: dict[str, Any], row: dict[str, Any]) -> int:
    """Steps from the start to the try's parent."""
    count, parent = 0, tries.get(row["parent_id"] or "")
    while parent is not None and parent["seq"] > 0:
        count, parent = count + 1, tries.get(parent["parent_id"] or "")
    return count


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.circle", description=__doc__)
    parser.add_argument("--seeds", type=int, default=6, help="pairs of runs")
    parser.add_argument("--tries", type=int, default=4, help="of each run")
    parser.add_argument("--lessons", type=int, default=3, help="further runs of the poor proposer, for corrections alone")
    parser.add_argument("--seed", type=int, default=0, help="of the tiny model")
    given = parser.parse_args()
    settings = load_settings(Places("", "", "", os.devnull))
    python = os.environ.get("PROCY_TRAIN_PYTHON") or environment.trainer(Places("", "", "", ""), settings)
    counts_all = adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="procy-circle-") as name:
        circle = Circle(Path(name), python, given.tries)
        try:
            result = turn(circle, given)
        finally:
            circle.procy("serve", "stop")
    circle.say("over")
    show(given, result, cpu_seconds() if counts_all else float("nan"))
    return 0 if result["verdict"] == "better" else 1


def turn(circle: Circle, given: argparse.Namespace) -> dict[str, Any]:
    """The comparison of the curves, before and after."""
    base = circle.root / "tiny-proxy"
    circle.say("making a tiny model that knows the words, and not when to say them")
    circle.run([circle.python, str(HERE / "base.py"), str(base), str(given.seed)])
    circle.procy("serve", "base", str(base))
    seeds = range(given.seeds)
    lessons = range(given.seeds, given.seeds + given.lessons)
    circle.say(f"evolve with the poor proposer, {given.seeds + given.lessons} runs of {given.tries} tries")
    before = {seed: circle.evolve(seed) for seed in [*seeds, *lessons]}
    count = sum(circle.correct(run_id, seed) for seed, run_id in before.items())
    train, test = circle.export()
    circle.say(f"{count} prompts corrected; {train} of them to learn from, {test} held out")
    adapter = circle.train(given.seed)
    found = json.loads(circle.procy("compare", str(adapter), "--data", str(circle.corrections), "--json"))
    print("\n".join(f"         {line}" for line in found["result"]["reasons"]))
    circle.procy("serve", "trained", str(adapter), "--force")  # it is the runs that shall tell
    circle.say(f"evolve with what was taught, {given.seeds} runs")
    after = {seed: circle.evolve(seed) for seed in seeds}
    pairs = [run for seed in seeds for run in ("--run", before[seed], "--run", after[seed])]
    circle.procy("compare", str(adapter), *pairs)  # as a user would, in units of the score
    sides = [circle.scores([some[seed] for seed in seeds]) for some in (after, before)]
    result = curves.result_of(dict(enumerate(zip(*sides, strict=True))), random.Random("circle"))
    result["verdict"], result["reasons"] = curves.verdict_of(result)
    return result


def show(given: argparse.Namespace, result: dict[str, Any], cpu_s: float) -> None:
    before, after = (result["curves"][name] for name in ("against", "adapter"))
    rows = [[prompts, f"{before[prompts]:.3f}", f"{after[prompts]:.3f}"] for prompts in range(given.tries + 1)]
    table("part of the way from the start to the best there is", ("prompts", "before", "after"), rows, "after above before")
    for line in result["reasons"]:
        print(line)
    gain, low, high = (float("nan") if end is None else end for end in result["gain"])
    print(f"RESULT circle verdict={result['verdict']} before={before[-1]:.3f} after={after[-1]:.3f} gain={gain:.3f} "
          f"low={low:.3f} high={high:.3f} p={result['p']:.4f} seeds={given.seeds} cpu_s={cpu_s:.0f}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
