"""The training environment, and what a tiny model learns in it: base, SFT, control and SFT → DPO, once for each seed."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "train"
PYTHON = Path(os.environ.get("PROCY_TRAIN_PYTHON") or ROOT / ".venv-train" / "bin" / "python")
SEEDS = int(os.environ.get("SEEDS") or 3)
RESULTS = ROOT / "artifacts" / "train-test.txt"
ALONE = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
STAGES = ("base", "sft", "control", "sft+dpo")
SFT = ("--epochs", "60", "--lr", "2e-3")
DPO = ("--epochs", "15", "--lr", "1e-3")


class Forge:
    """The one process that has imported torch; what it is given runs in forks of it, any number at once."""

    def __init__(self) -> None:
        if not PYTHON.exists():
            pytest.fail("there is no training environment: make train-env")
        self.process = subprocess.Popen(
            [str(PYTHON), str(Path(__file__).parent / "warm.py"), str(SCRIPTS)], env={**os.environ, **ALONE}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.numbers, self.lock = count(), Lock()
        self.waiting: dict[int, Future[int]] = {}
        Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = json.loads(line)
            self.waiting[found["number"]].set_result(found["code"])
        for one in self.waiting.values():
            if not one.done():
                one.set_exception(RuntimeError(f"warm.py ended with {self.process.wait()}"))

    def run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        number, ending = next(self.numbers), Future[int]()
        self.waiting[number] = ending
        with tempfile.TemporaryDirectory(prefix="procy-warm-") as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            order = {"number": number, "argv": argv, "out": str(out), "err": str(err)}
            with self.lock:
                assert self.process.stdin is not None
                print(json.dumps(order), file=self.process.stdin, flush=True)
            code = ending.result()
            return subprocess.CompletedProcess(argv, code, out.read_text(), err.read_text())


@cache
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="session", autouse=True)
def put_out() -> Iterator[None]:
    yield
    if forge.cache_info().currsize:
        forge().process.communicate(timeout=60)


def script(name: str, *words: object, launcher: tuple[str, ...] = (), check: bool = True) -> Any:
    """A script of train/, run in its own environment; the finished process. ``launcher``: words that start it otherwise."""
    argv = [str(SCRIPTS / name), *map(str, words)]
    if launcher:
        command = [str(PYTHON), *launcher, *argv]
        done = subprocess.run(command, env={**os.environ, **ALONE}, capture_output=True, text=True, check=False)
    else:
        done = forge().run(argv)
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
    with tempfile.TemporaryDirectory(prefix="procy-probe-") as folder:
        program = Path(folder) / "probe.py"
        program.write_text(code)
        done = forge().run([str(program), *words])
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
