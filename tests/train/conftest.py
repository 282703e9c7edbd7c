"""The training environment, and what a tiny model learns in it: base, SFT, control and SFT → DPO, once for each seed."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "train"
PYTHON = Path(os.environ.get("PROCY_TRAIN_PYTHON") or ROOT / ".venv-train" / "bin" / "python")
SEEDS = int(os.environ.get("SEEDS") or 3)
RESULTS = ROOT / "artifacts" / "train-test.txt"
STAGES = ("base", "sft", "control", "sft+dpo")
SFT = ("--epochs", "60", "--lr", "2e-3")
DPO = ("--epochs", "15", "--lr", "1e-3")


def script(name: str, *words: object, launcher: tuple[str, ...] = (), check: bool = True, **environment: str) -> Any:
    """A script of train/, run in its own environment; the finished process."""
    if not PYTHON.exists():
        pytest.fail("there is no training environment: make train-env")
    command = [str(PYTHON), *launcher, str(SCRIPTS / name), *map(str, words)]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **environment}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{name}: {done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    return done


def told(done: subprocess.CompletedProcess[str], event: str) -> list[dict[str, Any]]:
    """What a script said, of one kind."""
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"procy"')]
    return [line for line in lines if line["event"] == event]


class Lesson:
    """One seed: ``folder`` has base, right, scrambled, test.jsonl, and the adapters sft, control, sft+dpo."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.test, self.base = folder / "test.jsonl", folder / "base"
        script("tiny.py", folder, "--seed", seed)
        self.sft = self.train("sft.py", "right", "sft", *SFT)
        self.control = self.train("sft.py", "scrambled", "control", *SFT, "--no-guard")
        self.dpo = self.train("dpo.py", "right", "sft+dpo", "--adapter", folder / "sft", *DPO)
        self.stages = {stage: self.figures(stage) for stage in STAGES}

    def train(self, name: str, data: str, output: str, *words: object) -> subprocess.CompletedProcess[str]:
        given = ("--data", self.folder / data, "--test", self.test, "--model", self.base, "--output", self.folder / output)
        done: subprocess.CompletedProcess[str] = script(name, *given, "--seed", self.seed, "--generate", 100, *words)
        return done

    def figures(self, stage: str) -> dict[str, float]:
        held_out = json.loads((self.folder / ("sft" if stage == "base" else stage) / "procy.json").read_text())["held_out"]
        found: dict[str, float] = held_out["before" if stage == "base" else "after"]
        return found

    @property
    def result_lines(self) -> list[str]:
        return [
            f"RESULT seed={self.seed} stage={stage} nll={one['nll']:.3f} preference={one['preference_content']:.2f} "
            f"generation={one['generation']:.2f}"
            for stage, one in self.stages.items()
        ]


@pytest.fixture(scope="session")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> list[Lesson]:
    """One a seed, two at a time."""
    root = tmp_path_factory.mktemp("lessons")
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda seed: Lesson(root / str(seed), seed), range(SEEDS)))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("".join(f"{line}\n" for lesson in found for line in lesson.result_lines))
    return found


@pytest.fixture(scope="session")
def lesson(lessons: list[Lesson]) -> Lesson:
    return lessons[0]


class Small:
    """A base that hardly learned anything, for what is not about learning."""

    def __init__(self, folder: Path) -> None:
        script("tiny.py", folder, "--steps", 60)
        self.folder, self.test, self.base = folder, folder / "test.jsonl", folder / "base"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("small") / "small")


@cache
def probe(code: str, *words: str) -> str:
    """What a piece of Python prints in the training environment."""
    variables = {**os.environ, "PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([str(PYTHON), "-c", code, *words], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
