"""git beside the user's branch: snapshots, worktrees, and files put and put back, with real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from procy.errors import GitError
from procy.git import Repo, find_repo, worktree


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=somebody", "-c", "user.email=somebody@localhost", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(params=["git", "without git"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    """Two files, one of them ignored; the user's repository, or one of ours beside a plain directory."""
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    (work / "a.txt").write_text("one\n")
    (work / "sub" / "b.bin").write_bytes(b"\0\xff")
    (work / ".gitignore").write_text("*.log\n")
    (work / "made.log").write_text("ignored\n")
    if request.param == "git":
        git(work, "init", "-q")
        git(work, "add", "-A")
        git(work, "commit", "-qm", "start")
    return find_repo(work, tmp_path / "shadows")


def state(repo: Repo) -> tuple[str | None, str, str]:
    """What must not change: HEAD, the index, the branch."""
    return repo.head(), repo.run("ls-files", "-s"), repo.run("symbolic-ref", "HEAD")


def test_a_snapshot_leaves_head_and_index_alone(repo: Repo) -> None:
    before = state(repo)
    (repo.root / "a.txt").write_text("two\n")
    (repo.root / "new file.txt").write_text("new\n")
    sha = repo.snapshot("as it stands")
    assert state(repo) == before
    names = set(repo.run("ls-tree", "-r", "--name-only", sha).splitlines())
    assert names == {".gitignore", "a.txt", "new file.txt", "sub/b.bin"}
    assert repo.run("show", f"{sha}:a.txt") == "two"


def test_a_snapshot_of_an_unchanged_tree_is_head(repo: Repo) -> None:
    first = repo.snapshot("first")
    if not repo.shadow:
        assert first == repo.head()
    assert repo.tree_of(repo.snapshot("again")) == repo.tree_of(first)


def test_new_files_named_like_secrets_stay_out_and_stay_there(repo: Repo) -> None:
    first = repo.snapshot("first")
    for name in (".env", "sub/server.pem", "sub/.env.local"):
        (repo.root / name).write_text("secret\n")
    (repo.root / "open.txt").write_text("open\n")
    second = repo.snapshot("second")
    assert repo.changed_files(first, second) == ("open.txt",)
    assert set(repo.left_out()) == {".env", "sub/server.pem", "sub/.env.local"}
    repo.put(first)
    assert not (repo.root / "open.txt").exists()
    assert (repo.root / ".env").read_text() == (repo.root / "sub" / "server.pem").read_text() == "secret\n"
    assert (repo.root / "made.log").read_text() == "ignored\n"


def test_a_tracked_file_named_like_a_secret_is_the_users_to_have_tracked(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".env").write_text("1\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    repo = find_repo(tmp_path, tmp_path / "shadows")
    (tmp_path / ".env").write_text("2\n")
    assert repo.run("show", f"{repo.snapshot('x')}:.env") == "2"


def test_put_and_put_back(repo: Repo) -> None:
    before = state(repo)
    first = repo.snapshot("first")
    (repo.root / "a.txt").unlink()
    (repo.root / "sub" / "c.txt").write_text("c\n")
    second = repo.snapshot("second")
    repo.put(first)
    assert (repo.root / "a.txt").read_text() == "one\n"
    assert not (repo.root / "sub" / "c.txt").exists()
    repo.put(second)
    assert not (repo.root / "a.txt").exists()
    assert (repo.root / "sub" / "c.txt").read_text() == "c\n"
    assert state(repo) == before


def test_worktrees_are_made_reset_and_removed(repo: Repo, tmp_path: Path) -> None:
    first = repo.snapshot("first")
    (repo.root / "a.txt").write_text("two\n")
    second = repo.snapshot("second")
    tree = repo.add_worktree(tmp_path / "lanes" / "1", first)
    assert (tree.root / "a.txt").read_text() == "one\n"
    (tree.root / "left.txt").write_text("left\n")
    tree.reset(second)
    assert (tree.root / "a.txt").read_text() == "two\n"
    assert not (tree.root / "left.txt").exists()
    assert worktree(tree.root).snapshot("nothing new") == second
    assert repo.add_worktree(tmp_path / "lanes" / "1", first).head() == first
    repo.remove_worktree(tree.root)
    assert not tree.root.exists()
    assert "lanes" not in repo.run("worktree", "list")


def test_refs_of_ours_are_listed_and_deleted(repo: Repo) -> None:
    sha = repo.snapshot("first")
    repo.set_ref("refs/procy/r/try/1", sha)
    repo.set_ref("refs/procy/other/try/1", sha)
    assert repo.refs("refs/procy/r") == {"refs/procy/r/try/1": sha}
    repo.delete_refs("refs/procy/r")
    assert repo.refs("refs/procy") == {"refs/procy/other/try/1": sha}


def test_hooks_and_the_environment_of_another_git_do_not_reach_ours(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = repo.git_dir / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    sha = repo.snapshot("first")
    repo.add_worktree(tmp_path / "lane", sha)
    assert not (tmp_path / "ran").exists()


def test_a_name_that_is_no_commit_is_an_error_with_words(repo: Repo) -> None:
    with pytest.raises(GitError, match="has no commit '--upload-pack=x'"):
        repo.resolve("--upload-pack=x")


def test_put_spares_what_was_ignored_before_a_commit_stopped_ignoring_it(repo: Repo) -> None:
    first = repo.snapshot("first")
    (repo.root / ".gitignore").write_text("")
    second = repo.snapshot("second")
    assert "made.log" in repo.changed_files(first, second)
    repo.put(first)
    assert (repo.root / "made.log").read_text() == "ignored\n"
    assert repo.tree_of(repo.snapshot("again")) == repo.tree_of(first)


def test_put_spares_secrets_that_somebody_committed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    repo = find_repo(tmp_path, tmp_path / "shadows")
    (tmp_path / ".env").write_text("secret\n")
    first = repo.snapshot("first")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all of it")
    repo.put(first)
    assert (tmp_path / ".env").read_text() == "secret\n"


def test_put_leaves_submodules_alone(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for root in (inner, outer):
        root.mkdir()
        git(root, "init", "-q")
        (root / "a.txt").write_text("one\n")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "start")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    git(outer, "config", "submodule.recurse", "true")
    repo = find_repo(outer, tmp_path / "shadows")
    first = repo.snapshot("first")
    (outer / "sub" / "a.txt").write_text("not committed\n")
    (outer / "a.txt").write_text("two\n")
    repo.put(first)
    assert (outer / "a.txt").read_text() == "one\n"
    assert (outer / "sub" / "a.txt").read_text() == "not committed\n"


@pytest.mark.parametrize("commits", [False, True])
def test_repositories_inside_are_left_out(repo: Repo, commits: bool) -> None:
    first = repo.snapshot("first")
    inner = repo.root / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "file").write_text("theirs\n")
    if commits:
        git(inner, "add", "-A")
        git(inner, "commit", "-qm", "theirs")
    assert repo.tree_of(repo.snapshot("second")) == repo.tree_of(first)
    assert repo.left_out() == ("inner/",)
    repo.put(first)
    assert (inner / "file").read_text() == "theirs\n"


@pytest.mark.parametrize(
    "setting", ["diff.noprefix=true", "color.ui=always", "color.diff=always", "diff.suppressBlankEmpty=true"]
)
def test_a_patch_fits_whatever_the_user_set_for_git_diff(repo: Repo, setting: str) -> None:
    repo.run("config", *setting.split("="))
    (repo.root / "a.txt").write_text("one\ntwo\n\n\n")
    first = repo.snapshot("first")
    (repo.root / "a.txt").write_text("one\nTWO\n\n\n")
    patch = repo.diff(first, repo.snapshot("second"))
    repo.put(first)
    repo.run("apply", "-", data=patch.encode())
    assert (repo.root / "a.txt").read_text() == "one\nTWO\n\n\n"


def test_worktrees_of_the_users_stay_known_while_they_cannot_be_reached(repo: Repo, tmp_path: Path) -> None:
    sha = repo.snapshot("first")
    repo.run("worktree", "add", "--detach", str(tmp_path / "theirs"), sha)
    (tmp_path / "theirs").rename(tmp_path / "elsewhere")
    ours = repo.add_worktree(tmp_path / "ours", sha)
    (ours.root / ".git").unlink()
    repo.remove_worktree(ours.root)
    assert not ours.root.exists()
    found = repo.run("worktree", "list")
    assert "theirs" in found
    assert "ours" not in found


def test_a_worktree_without_its_git_file_is_not_the_repository_around_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("one\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    repo = find_repo(tmp_path, tmp_path / "shadows")
    tree = repo.add_worktree(tmp_path / ".procy" / "1", repo.snapshot("first"))
    (tree.root / ".git").unlink()
    with pytest.raises(GitError, match="is no work tree"):
        worktree(tree.root)
    assert repo.repair_worktree(tree.root).git_dir == tree.git_dir


def test_git_is_quoted_with_what_it_says_of_the_cause(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("one\n")
    repo = find_repo(tmp_path, tmp_path / "shadows")
    (repo.git_dir / "index.lock").write_text("")
    with pytest.raises(GitError, match=r"index\.lock': File exists"):
        repo.run("add", "a.txt")
