"""A lane's work tree and its file of wishes, when something was done to them."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from procy.capture.locks import take_lock
from procy.errors import HandleError, TmuxError
from procy.evolve import panes, start
from procy.evolve.lane import LaneLost
from procy.evolve.pane_lane import PaneLane
from procy.evolve.plan import Plan
from procy.git import Repo, find_repo
from procy.places import Places


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    work = tmp_path / "work"
    work.mkdir()
    (work / "a.txt").write_text("one\n")
    for words in (("init", "-q"), ("add", "-A"), ("-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "start")):
        subprocess.run(["git", *words], cwd=work, check=True)
    return find_repo(work, tmp_path / "shadows")


@pytest.fixture
def lane(repo: Repo, tmp_path: Path) -> PaneLane:
    """Its files stand; it has no tmux server. The data directory lies in the repository, where that does most harm."""
    home = repo.root / ".procy"
    places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(home / "config.toml"))
    lane = PaneLane(places, "01RUN", 1, repo, Plan(agent=("cat",), socket=str(tmp_path / "no-server")), {"A_KEY": "secret"})
    lane.put(repo.head() or "")
    return lane


def take_git_file(lane: PaneLane) -> None:
    (lane.tree / ".git").unlink()


def begin_another(lane: PaneLane) -> None:
    (lane.tree / ".git").unlink()
    subprocess.run(["git", "init", "-q"], cwd=lane.tree, check=True)


def leave_lock(lane: PaneLane) -> None:
    (lane.repo.git_dir / "worktrees" / "1" / "index.lock").write_text("")


def take_all(lane: PaneLane) -> None:
    shutil.rmtree(lane.tree)


@pytest.mark.parametrize("harm", [take_git_file, begin_another, leave_lock, take_all])
def test_a_broken_worktree_is_made_again_and_nothing_of_the_users_is_touched(lane: PaneLane, harm: object) -> None:
    repo = lane.repo
    (repo.root / "staged.txt").write_text("staged\n")
    repo.run("add", "staged.txt")
    before = repo.run("ls-files", "-s"), repo.run("symbolic-ref", "HEAD")
    harm(lane)  # type: ignore[operator]
    lane.put(repo.head() or "")
    assert (lane.tree / "a.txt").read_text() == "one\n"
    (lane.tree / "a.txt").write_text("two\n")
    assert repo.changed_files(repo.head() or "", lane.commit(repo.head() or "", "a try")) == ("a.txt",)
    assert (repo.run("ls-files", "-s"), repo.run("symbolic-ref", "HEAD")) == before


def test_the_work_of_an_agent_that_took_the_git_file_away_counts(lane: PaneLane) -> None:
    base = lane.repo.head() or ""
    (lane.tree / "a.txt").write_text("two\n")
    take_git_file(lane)
    assert lane.repo.changed_files(base, lane.commit(base, "a try")) == ("a.txt",)


def test_a_try_whose_worktree_is_another_repository_begins_anew(lane: PaneLane) -> None:
    begin_another(lane)
    with pytest.raises(LaneLost, match="lost its work tree"):
        lane.commit(lane.repo.head() or "", "a try")


def test_no_file_with_the_agents_environment_is_left(lane: PaneLane, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise TmuxError("no server")

    monkeypatch.setattr(panes, "open_lane_pane", refuse)
    with pytest.raises(LaneLost, match="no pane for lane 1"):
        lane.start(None, "S", ("cat",))
    assert os.listdir(lane.folder) == ["1"]


def test_resume_waits_for_a_process_that_still_clears_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(str(tmp_path), str(tmp_path / "procy.db"), str(tmp_path / "spool"), str(tmp_path / "config.toml"))
    (tmp_path / "runs").mkdir()
    lock = take_lock(str(start.lock_path(places, "01RUN")))
    assert lock
    threading.Timer(0.3, lock.close).start()
    start.until_free(places, "01RUN")
    assert lock.closed
    monkeypatch.setattr(start, "CLEARING_S", 0.1)
    with take_lock(str(start.lock_path(places, "01RUN"))) or lock, pytest.raises(HandleError, match="does not end"):
        start.until_free(places, "01RUN")
