"""The user's own files, index and HEAD in a run with --here: nothing of them is lost, whoever changes them meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from procy.errors import GitError
from procy.evolve import here_lane
from procy.evolve.here_lane import HereLane, keep, restore, save
from procy.evolve.plan import Plan
from procy.git import Repo, find_repo
from procy.places import Places

RUN = "01RUN"


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    return subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """On the branch main, with another one called other."""
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "a.txt").write_text("one\n")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "start")
    git(work, "checkout", "-qb", "other")
    git(work, "commit", "-q", "--allow-empty", "-m", "other")
    git(work, "checkout", "-q", "main")
    return find_repo(work, tmp_path / "shadows")


def heads(repo: Repo) -> tuple[str, str]:
    return repo.run("for-each-ref", "refs/heads"), repo.run("symbolic-ref", "-q", "HEAD", check=False)


@pytest.mark.parametrize(
    "words", [("checkout", "other"), ("checkout", "--detach", "other"), ("commit", "--allow-empty", "-m", "x")]
)
def test_head_and_every_branch_come_back(repo: Repo, words: tuple[str, ...]) -> None:
    before, base = heads(repo), repo.snapshot("start")
    save(repo, RUN)
    git(repo.root, *words)
    restore(repo, RUN, base)
    assert heads(repo) == before
    assert repo.head() == base


def test_a_detached_head_comes_back(repo: Repo) -> None:
    git(repo.root, "checkout", "-q", "--detach")
    before, base = heads(repo), repo.snapshot("start")
    save(repo, RUN)
    git(repo.root, "checkout", "-q", "other")
    restore(repo, RUN, base)
    assert heads(repo) == before
    assert repo.head() == base


def test_a_branch_without_a_commit_comes_back(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.txt").write_text("one\n")
    repo = find_repo(tmp_path, tmp_path / "shadows")
    base = repo.snapshot("start")
    save(repo, RUN)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "the agent's")
    restore(repo, RUN, base)
    assert repo.head() is None
    assert heads(repo) == ("", "refs/heads/main")
    assert (tmp_path / "a.txt").read_text() == "one\n"


def test_a_merge_under_way_is_not_begun_in(repo: Repo) -> None:
    (repo.root / "a.txt").write_text("main\n")
    git(repo.root, "commit", "-qam", "main")
    git(repo.root, "checkout", "-q", "other")
    (repo.root / "a.txt").write_text("other\n")
    git(repo.root, "commit", "-qam", "other")
    with pytest.raises(subprocess.CalledProcessError):
        git(repo.root, "merge", "main")
    with pytest.raises(GitError, match="merge --abort"):
        save(repo, RUN)


def test_what_was_never_saved_is_not_restored(repo: Repo) -> None:
    (repo.root / "a.txt").write_text("since\n")
    with pytest.raises(GitError, match="nothing was saved"):
        restore(repo, RUN, repo.head() or "")
    assert (repo.root / "a.txt").read_text() == "since\n"


def test_work_of_others_between_two_tries_is_kept(repo: Repo, tmp_path: Path) -> None:
    lane = HereLane(Places(*[str(tmp_path)] * 4), RUN, repo, Plan())
    base = repo.head() or ""
    for text in ("an hour's work\n", "another's\n"):
        (repo.root / "a.txt").write_text(text)
        lane.put(base)
        assert (repo.root / "a.txt").read_text() == "one\n"
    kept = repo.refs(f"refs/procy/{RUN.lower()}/aside").values()
    assert [repo.run("show", f"{commit}:a.txt") for commit in kept] == ["an hour's work", "another's"]


def test_what_a_try_has_is_kept_once(repo: Repo) -> None:
    (repo.root / "a.txt").write_text("two\n")
    made = repo.commit_tree(repo.snapshot_tree(), [], "a try")
    repo.set_ref(f"refs/procy/{RUN.lower()}/try/1", made)
    assert keep(repo, RUN) == made
    assert len(repo.refs(f"refs/procy/{RUN.lower()}")) == 1


def test_a_conversation_that_went_another_way_does_not_know_the_parent(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a run that is resumed."""
    monkeypatch.setattr(here_lane, "until_ready", lambda *_: SimpleNamespace(session_id="S"))
    monkeypatch.setattr(here_lane, "find_target", lambda *_, **__: SimpleNamespace(session_id="S"))
    monkeypatch.setattr(here_lane, "send_once", lambda *_: "I")
    places, base = Places(*[str(repo.root.parent)] * 4), repo.head() or ""

    def knows(lane: HereLane) -> bool:
        return lane.prepare(base, "", lambda: None, lambda _: None).knows_parent

    lane = HereLane(places, RUN, repo, Plan())
    assert knows(lane)
    lane.send("S", "a prompt", "I", lambda: None)
    assert not knows(lane), "it was interrupted"
    assert lane.commit(base, "nothing") == base
    assert knows(lane)
    assert not knows(HereLane(places, RUN, repo, Plan(), last=""))
