"""The tutorials, as somebody follows them: every command of a page, in order, with the scripted agent that it names."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.tutorials import FILES, HERE, begin
from procy.capture.locks import is_locked
from procy.errors import ProcyError
from procy.evolve.held import lock_path
from tests.conftest import Lab, wait_until

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
TRIES = {"text-search": "1", "graph-ann": "2", "jpeg-decoder": "1"}  # until one is better; the pages make more
PATIENCE_S = 90.0


class Reader:
    """Somebody who types what a page says. ``agent``: the line that was printed for the one that is scripted."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.name = lab, name
        self.agent = ""
        self.place = ROOT
        lab.environment |= {"HOME": str(lab.root), "PYTHONPATH": str(ROOT)}

    def follow(self) -> Iterator[tuple[str, str]]:
        """Each command, and what it printed."""
        page = (ROOT / "docs" / "tutorials" / f"{self.name}.md").read_text(encoding="utf-8")
        for fence in FENCE.findall(page):
            for line in fence.splitlines():
                if line == "procy eval doctor":
                    continue  # twelve measurements more, and tested elsewhere
                yield line, self.obey(line)

    def obey(self, line: str) -> str:
        if line.startswith("cd "):
            self.place = Path(line.removeprefix("cd ").replace("~", str(self.lab.root)))
            return ""
        if line.startswith("procy record"):
            return self.record()
        if line.startswith("procy evolve ") and line.split()[2].isdigit():
            return self.evolve(line.split()[2], line)
        return self.run(line)

    def run(self, line: str) -> str:
        line = line.replace(".venv/bin/python", sys.executable)
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.place, env=self.lab.environment, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        if "-m bench.tutorials" in line:
            self.agent = done.stdout.strip()
        return done.stdout

    def record(self) -> str:
        self.lab.work = self.place
        self.lab.start(columns=180, rows=40)
        self.lab.type(f"{self.agent} --think 0.05")
        self.lab.wait_for("esc interrupts")
        return ""

    def evolve(self, tries: str, line: str) -> str:
        shown = self.run(line.replace(f"evolve {tries} ", f"evolve {TRIES[self.name]} "))
        wait_until(
            self.is_over, PATIENCE_S, f"the end of the run: {self.lab.rows('SELECT seq, step, status, reason FROM tries')}"
        )
        return shown

    def is_over(self) -> bool:
        [run] = self.lab.rows("SELECT id, status FROM runs")
        return run["status"] == "done" and not is_locked(str(lock_path(self.lab.places, str(run["id"]))))


@pytest.mark.parametrize("name", TRIES)
def test_every_command_of_a_tutorial_does_what_its_page_says(lab: Lab, name: str) -> None:
    reader = Reader(lab, name)
    shown = dict(reader.follow())
    assert {line.split(" --")[0] for line in shown} >= {"procy eval set", "procy evolve status", "procy evolve compare 0 best"}
    start, *tries = lab.rows("SELECT * FROM tries ORDER BY seq")
    best = max((one for one in tries if one["decision"] == "kept"), key=lambda one: one["score"])  # type: ignore[arg-type, return-value]
    assert best["score"] > 0.9 * start["score"], "scores are negative costs: a tenth less at least"  # type: ignore[operator]
    assert "take it with: procy evolve apply best" in shown["procy evolve status"]
    [branch] = [line.split()[-1] for line in shown if "--branch" in line]
    [program] = [path.name for path in reader.place.glob("*.py") if path.name in ("baseline.py", "decoder.py")]
    assert lab_git(reader.place, "diff", "--name-only", "HEAD", branch) == program
    assert lab_git(reader.place, "status", "--porcelain") == "", "the files of whoever follows stay as they are"


def lab_git(place: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


def test_a_page_shows_the_contract_that_is_there() -> None:
    for name in TRIES:
        page = (ROOT / "docs" / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
        [shown] = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        contract = (FILES[name][0] / "eval.toml").read_text(encoding="utf-8").splitlines()
        assert not [line for line in shown.splitlines() if line not in contract], name


def test_a_tutorial_does_not_begin_in_a_directory_with_files(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(ProcyError, match="is not empty"):
        begin("graph-ann", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_tutorials_hold_no_file_that_is_not_used() -> None:
    assert shutil.which("git")
    there = {str(path.relative_to(HERE)) for path in HERE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert there == {
        "__init__.py", "__main__.py", "graph_ann/baseline.py.jinja", "graph_ann/eval.toml", "graph_ann/task.toml",
        "jpeg_decoder/decoder.py.jinja", "jpeg_decoder/eval.toml", "jpeg_decoder/evaluate.py", "jpeg_decoder/task.toml",
    }  # fmt: skip
