"""Taking a try over with real git, without a run: what is in the user's files and index counts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from procy.errors import GitError
from procy.evolve.apply import commit_files
from procy.git import Repo, find_repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    work = tmp_path / "work"
    work.mkdir()
    for name in ("a.txt", "b1.txt", "b[1].txt"):
        (work / name).write_text("one\n")
    for words in (("init", "-q"), ("config", "user.name", "somebody"), ("config", "user.email", "somebody@localhost"),
                  ("add", "-A"), ("commit", "-qm", "start")):  # fmt: skip
        subprocess.run(["git", *words], cwd=work, check=True)
    return find_repo(work, tmp_path / "shadows")


def tried(repo: Repo, **files: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run with a try that made those files so; the work tree is the run's start again."""
    base = repo.snapshot("start")
    for name, text in files.items():
        path = repo.root / name
        path.unlink() if text is None else path.write_text(text)
    row = {"id": "T", "seq": 1, "commit_sha": repo.snapshot("try"), "proposed": "Do it", "prompt": "Do it", "verdict": None}
    repo.put(base)
    return {"id": "R", "base_sha": base}, row


def test_a_try_that_takes_a_new_file_away_is_committed(repo: Repo) -> None:
    (repo.root / "new.txt").write_text("not added\n")
    run, row = tried(repo, **{"new.txt": None, "a.txt": "two\n"})
    commit_files(repo, run, row)
    assert repo.run("status", "--porcelain") == ""
    assert repo.run("show", "HEAD:a.txt") == "two"


def test_only_the_files_of_the_try_are_committed(repo: Repo) -> None:
    (repo.root / "b1.txt").write_text("the user's\n")
    run, row = tried(repo, **{"b[1].txt": "two\n"})
    commit_files(repo, run, row)
    assert repo.run("show", "--name-only", "--format=", "HEAD") == "b[1].txt"
    assert repo.run("status", "--porcelain").strip() == "M b1.txt"


def test_nothing_is_touched_where_git_does_not_know_who_commits(repo: Repo) -> None:
    run, row = tried(repo, **{"a.txt": "two\n"})
    for name in ("user.name", "user.email"):
        repo.run("config", "--unset", name)
    repo.run("config", "user.useConfigOnly", "true")
    nobody = Repo(repo.root, repo.git_dir, environment={"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"})
    with pytest.raises(GitError, match="who commits"):
        commit_files(nobody, run, row)
    assert repo.run("status", "--porcelain") == ""
