"""Experiments with an evaluator on code of which the answer is known: unchanged, empty, tampered with."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from procy.evaluate.globs import matching
from procy.evaluate.job import Job
from procy.evaluate.process import Command, run
from procy.evaluate.register import Evaluator
from procy.evaluate.run import Sample
from procy.git import Repo

MESSAGE = "procy: of no other use than a test of the evaluator"
ESCAPES = "import os, time; os.setsid(); os.fork() and os._exit(0); time.sleep(60)"

Measure = Callable[[Job], Sample]


@dataclass(frozen=True, slots=True)
class Subjects:
    """Commits that are measured. ``same`` has the tree of ``base``; ``empty`` has no file; ``tampered``: path that was changed
    → commit."""

    base: str
    same: str
    empty: str
    tampered: dict[str, str]


def subjects(repo: Repo, evaluator: Evaluator, base: str) -> Subjects:
    tree = repo.tree_of(base)
    same = repo.commit_tree(tree, [base], f"{MESSAGE}, with nothing changed")
    empty = repo.commit_tree(repo.run("hash-object", "-w", "-t", "tree", "--stdin"), [base], f"{MESSAGE}, with no file")
    return Subjects(base, same, empty, {path: edited(repo, base, path) for path in suspects(repo, evaluator, base)})


def suspects(repo: Repo, evaluator: Evaluator, base: str) -> list[str]:
    """Two files of the evaluator's own that git has, and one that is protected."""
    there = repo.run("ls-tree", "-r", "--name-only", "-z", base).split("\0")
    own = [path for path in there if path in evaluator.files]
    protected = matching(there, evaluator.contract.protected, evaluator.contract.cwd)
    return list(dict.fromkeys([*own[:2], *[path for path in protected if path not in evaluator.files][:1]]))


def edited(repo: Repo, base: str, path: str) -> str:
    """A commit in which one file has another content."""
    with tempfile.TemporaryDirectory(prefix="procy-index-") as folder:
        index = f"{folder}/index"
        blob = repo.run("hash-object", "-w", "--stdin", data=b"tampered with\n")
        repo.run("read-tree", base, index=index)
        repo.run("update-index", "--cacheinfo", f"100644,{blob},{path}", index=index)
        return repo.commit_tree(repo.run("write-tree", index=index), [base], f"{MESSAGE}, with {path} changed")


def by_turns(measure: Measure, job: Job, found: Subjects, runs: int) -> Iterator[tuple[str, Sample]]:
    """``runs`` samples of each of two commits with the same files, turn about, each first as often as the other."""
    for number in range(runs):
        pair = (found.base, found.same) if number % 2 == 0 else (found.same, found.base)
        for commit in pair:
            yield ("base" if commit == found.base else "same"), measure(replace(job, commit=commit))


def empty_candidate(measure: Measure, job: Job, found: Subjects) -> Sample:
    """The evaluator on no code at all. The candidate is not under suspicion: the evaluator's files are laid as ever."""
    return measure(replace(job, commit=found.empty))


def tampered_candidates(measure: Measure, job: Job, found: Subjects) -> dict[str, Sample]:
    return {path: measure(replace(job, commit=commit, base_commit=found.base)) for path, commit in found.tampered.items()}


def escapees() -> tuple[int, float]:
    """A program whose child leaves session and parent is ended after a second: how many of them live on, and the seconds that
    it took."""
    with tempfile.TemporaryDirectory(prefix="procy-check-") as folder:
        code = f"# {folder}\nimport subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {ESCAPES!r} + '# {folder}'])"
        command = Command(
            words=(sys.executable, "-c", f"{code}; time.sleep(60)"), cwd=Path(folder), environment={}, timeout_s=1.0
        )
        began = time.monotonic()
        run(command)
        seconds = time.monotonic() - began
        lines = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=False).stdout.splitlines()
        return sum(folder in line for line in lines), seconds
