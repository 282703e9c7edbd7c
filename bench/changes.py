"""A snapshot of a big work tree beside what git itself costs there: the same tree, the runs interleaved."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.table import milliseconds, table
from procy.git import Repo
from procy.recording.changes.diffs import diffs
from procy.recording.changes.snapshot import take

FILES, IGNORED = 12_000, 6_000
CHANGED = (0, 20)
RUNS = 7
LARGEST = 5 << 20


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="procy-bench-") as folder:
        root = make(Path(folder) / "tree")
        repo = Repo(root, root / ".git")
        rows = []
        base = take(repo, LARGEST).tree
        for count in CHANGED:
            for number in range(count):
                (root / "d1" / f"new{number}.txt").write_text(f"new {number}\n")
            times = measured({
                "git status": lambda: git(root, "status", "--porcelain"),
                "git stash create": lambda: git(root, "stash", "create"),
                "snapshot": lambda: take(repo, LARGEST),
                "snapshot and diff": lambda: diffs(repo, base, take(repo, LARGEST).tree, ()),
            })  # fmt: skip
            status = statistics.median(times["git status"])
            for name, seconds in times.items():
                middle = statistics.median(seconds)
                rows.append([count, name, milliseconds(middle), milliseconds(max(seconds)), f"{middle / status:.1f} ×"])
    columns = ("new files", "what", "median", "worst", "to git status")
    table(f"snapshot of {FILES} tracked and {IGNORED} ignored files ({RUNS} runs, interleaved)", columns, rows)


def make(root: Path) -> Path:
    for number in range(FILES + IGNORED):
        ignored = number >= FILES
        path = root / ("node_modules" if ignored else f"d{number % 120}") / f"p{number % 7}" / f"f{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"file {number}\n" * 20)
    (root / ".gitignore").write_text("node_modules/\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "-c", "user.name=somebody", "-c", "user.email=somebody@localhost", "commit", "-qm", "all")
    (root / "d1" / "p1" / "f1.txt").write_text("changed\n")
    return root


def measured(works: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(RUNS):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - began)
    return times


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    subprocess.run([str(shutil.which("git")), *who, *arguments], cwd=root, check=True, capture_output=True)
