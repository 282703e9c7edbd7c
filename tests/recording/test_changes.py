"""What turns change, by git: the user's repository stays as it is, whatever state it is in."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from procy.errors import GitError, StoreError
from procy.recording.changes import refs
from procy.recording.changes.restore import restore
from procy.recording.changes.snapshot import take, worktree_at
from procy.recording.changes.worker import Order, Worker
from procy.settings import Settings, read_settings
from procy.store import changes, turn_sources, write
from procy.store.db import open_writer
from procy.types import FileChange, Turn
from tests.conftest import empty_database

SECOND = 1_000_000_000
BEGAN = 1_795_000_000 * SECOND
AS_SOMEBODY = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost", "-c", "protocol.file.allow=always")


def git(root: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(["git", *AS_SOMEBODY, *arguments], cwd=root, check=check, capture_output=True, text=True)
    return done.stdout.strip()


def fingerprint(root: Path) -> dict[str, object]:
    """All of a repository that must stay: every file outside ``objects`` and our refs, and every file of the work tree."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if (
            "/objects/" in name
            or "refs/procy" in name
            or name.startswith("procy.db")
            or not (path.is_file() or path.is_symlink())
        ):
            continue
        at = 0 if "sharedindex" in name else path.lstat().st_mtime_ns  # whoever reads it touches it, ``git status`` too
        found[name] = os.readlink(path) if path.is_symlink() else (path.read_bytes(), at)
    return found


@cache
def template() -> Path:
    """A repository with one commit, of which the tests' are copies."""
    root = Path(tempfile.mkdtemp(prefix="procy-tests-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    git(root, "init", "-q", "-b", "main")
    (root / "a.txt").write_text("one\n")
    (root / "b.txt").write_text("keep\n")
    (root / ".gitignore").write_text("*.log\nbuild/\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")
    return root


def make(root: Path) -> Path:
    return Path(shutil.copytree(template(), root, symlinks=True))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "work")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    shutil.copy(empty_database(), tmp_path / "procy.db")
    connection = open_writer(str(tmp_path / "procy.db"))
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


class Pane:
    """A session whose turns are told as the sidecar would tell them."""

    def __init__(self, db: sqlite3.Connection, cwd: Path, session: str = "S1", settings: Settings | None = None) -> None:
        self.db, self.cwd, self.id, self.settings = db, cwd, session, settings or Settings()
        self.said: list[str] = []
        self.worker = Worker(db, self.settings, self.said.append)
        write.put_session(db, session, {"agent": "claude", "cwd": str(cwd), "started_at": "2026-11-20T00:00:00.000Z"})

    def turn(self, number: int, ended: bool = True, files: tuple[FileChange, ...] = ()) -> Turn:
        began = BEGAN + number * 10 * SECOND
        return Turn(
            key=f"{self.id}-{number}", prompt="change it", started_ns=began, ended_ns=began + 5 * SECOND if ended else None,
            status="done" if ended else "open", source="transcript", files=files,
        )  # fmt: skip

    def put(self, turn: Turn) -> str:
        with write.transaction(self.db):
            write.put_turn(self.db, self.id, turn, str, None)
        return turn_sources.natural_id(self.id, turn)

    def begin(self, number: int = 1) -> str:
        key = self.put(self.turn(number, ended=False))
        self.worker.carry_out(Order(self.id, key, "before", str(self.cwd), time.time_ns()))
        return key

    def end(self, number: int = 1, files: tuple[FileChange, ...] = ()) -> str:
        key = self.put(self.turn(number, files=files))
        self.worker.carry_out(Order(self.id, key, "after", str(self.cwd), time.time_ns()))
        return key

    def files(self, key: str) -> dict[str, tuple[str, str | None]]:
        rows = self.db.execute("SELECT path, change, diff FROM turn_files WHERE turn_id = ?", (key,))
        return {os.path.relpath(row[0], self.cwd): (row[1], row[2]) for row in rows}


def test_the_diff_of_a_turn_is_gits_and_outlives_a_rebuild(db: sqlite3.Connection, root: Path) -> None:
    (root / "b.txt").write_text("changed before the turn\n")
    git(root, "add", "b.txt")
    before = fingerprint(root)
    pane = Pane(db, root)
    pane.begin()
    assert fingerprint(root) == before
    (root / "a.txt").write_text("two\n")
    (root / "new file.txt").write_text("new\n")
    (root / ".gitignore").unlink()
    before = fingerprint(root)
    told = (
        FileChange(path=str(root / "a.txt"), change="modified", diff="only a part"),
        FileChange(path="new file.txt", change="added", diff="told by its name in the directory"),
        FileChange(path="/else/where", change="added", diff="+x\n"),
    )
    key = pane.end(files=told)
    assert fingerprint(root) == before
    files = pane.files(key)
    assert set(files) == {"a.txt", "new file.txt", ".gitignore", os.path.relpath("/else/where", root)}
    assert files["a.txt"] == ("modified", "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n")
    assert files["new file.txt"][0] == "added" and "+new" in str(files["new file.txt"][1])
    assert files[".gitignore"][0] == "deleted"
    db.execute("DELETE FROM turns")
    pane.put(pane.turn(1, files=told))
    assert pane.files(key) == files
    assert changes.notes(db, key) == []
    assert "refs/procy" not in git(root, "log", "--all", "--format=%d%H %s") and git(root, "stash", "list") == ""


def test_what_a_turn_changed_before_anyone_looked_is_its_own(db: sqlite3.Connection, root: Path) -> None:
    for name in ("staged.txt", "gone.txt"):
        (root / name).write_text("old\n")
    pane = Pane(db, root)
    pane.worker.carry_out(Order("S1", "S1", "before", str(root), time.time_ns()))
    (root / "b.txt").write_text("by hand, between\n")
    time.sleep(0.05)
    began_ns = time.time_ns()
    (root / "a.txt").write_text("at once\n")
    (root / "new.txt").write_text("at once\n")
    (root / "gone.txt").unlink()
    (root / "staged.txt").rename(root / "moved.txt")
    key = pane.put(pane.turn(1, ended=False))
    pane.worker.carry_out(Order("S1", key, "before", str(root), began_ns))
    files = pane.files(pane.end())
    assert {name: change for name, (change, _) in files.items()} == {
        "a.txt": "modified", "new.txt": "added", "gone.txt": "deleted", "staged.txt": "deleted", "moved.txt": "added",
    }  # fmt: skip
    assert changes.notes(db, key) == []


def test_what_is_left_out_is_counted(db: sqlite3.Connection, root: Path) -> None:
    pane = Pane(db, root, settings=read_settings({"changes": {"largest_mb": 0.001}}, "config.toml"))
    (root / "grows.txt").write_text("small\n")
    pane.begin()
    (root / "grows.txt").write_text("x" * 5000)
    (root / "big.txt").write_text("y" * 5000)
    (root / "some.log").write_text("ignored\n")
    (root / "build").mkdir()
    (root / "build" / "a").write_text("ignored\n")
    (root / "image").write_bytes(b"\0\1\2")
    (root / ".env").write_text("TOKEN=1\n")
    make(root / "inner")
    key = pane.end()
    files = pane.files(key)
    assert files["image"] == ("added", None)
    assert set(files) == {"image"}
    assert changes.notes(db, key) == [
        "not in git's diff: 2 too big, 1 named like secrets, 1 in repositories of their own, 2 ignored, 1 binary"
    ]


def conflict(root: Path) -> Path:
    git(root, "checkout", "-qb", "other")
    (root / "a.txt").write_text("theirs\n")
    git(root, "commit", "-qam", "theirs")
    git(root, "checkout", "-q", "main")
    (root / "a.txt").write_text("ours\n")
    git(root, "commit", "-qam", "ours")
    git(root, "rebase", "other", check=False)
    assert (root / ".git" / "rebase-merge").exists()
    return root


def locked(root: Path) -> Path:
    (root / ".git" / "index.lock").write_text("")
    return root


def without_commits(root: Path) -> Path:
    other = root.parent / "young"
    other.mkdir()
    git(other, "init", "-q")
    (other / "a.txt").write_text("one\n")
    return other


def linked(root: Path) -> Path:
    git(root, "worktree", "add", "-q", "--detach", str(root.parent / "linked"))
    return root.parent / "linked"


def sparse(root: Path) -> Path:
    for folder in ("in", "out"):
        (root / folder).mkdir()
        (root / folder / "f.txt").write_text("f\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "folders")
    git(root, "sparse-checkout", "set", "--cone", "--sparse-index", "in")
    assert not (root / "out").exists()
    return root


def with_submodule(root: Path) -> Path:
    inner = make(root.parent / "inner")
    git(root, "submodule", "add", "-q", str(inner), "sub")
    git(root, "commit", "-qm", "a submodule")
    (root / "sub" / "a.txt").write_text("changed in the submodule\n")
    return root


def split_index(root: Path) -> Path:
    git(root, "update-index", "--split-index")
    assert list((root / ".git").glob("sharedindex.*"))
    return root


STATES = (conflict, locked, without_commits, linked, sparse, with_submodule, split_index)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_in_every_state_only_the_turns_change_is_seen(db: sqlite3.Connection, root: Path, state: object) -> None:
    work = state(root)  # type: ignore[operator]
    pane = Pane(db, work)
    before = fingerprint(root.parent)
    pane.begin()
    assert fingerprint(root.parent) == before
    (work / "a.txt").write_text("by the turn\n")
    before = fingerprint(root.parent)
    key = pane.end()
    assert fingerprint(root.parent) == before
    files = pane.files(key)
    assert set(files) == {"a.txt"} and "+by the turn" in str(files["a.txt"][1]), changes.notes(db, key)
    assert pane.said == []


def test_a_commit_of_a_submodule_shows(db: sqlite3.Connection, root: Path) -> None:
    pane = Pane(db, with_submodule(root))
    pane.begin()
    git(root / "sub", "commit", "-qam", "inside")
    files = pane.files(pane.end())
    assert set(files) == {"sub"} and "+Subproject commit" in str(files["sub"][1])


def test_without_a_work_tree_there_is_nothing(db: sqlite3.Connection, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    (tmp_path / "plain").mkdir()
    for place in ("bare.git", "plain", "gone"):
        pane = Pane(db, tmp_path / place, place)
        pane.begin()
        pane.end()
        assert pane.said == [] and db.execute("SELECT count(*) FROM turn_snapshots").fetchone()[0] == 0


def test_a_repository_that_cannot_be_read_says_so_once(db: sqlite3.Connection, root: Path) -> None:
    (root / ".git" / "index").write_bytes(b"DIRC what is this")
    before = fingerprint(root)
    pane = Pane(db, root)
    for number in (1, 2):
        pane.begin(number)
        key = pane.end(number)
    assert fingerprint(root) == before
    assert len(pane.said) == 1 and "index" in pane.said[0]
    assert "git has no diff of this turn" in changes.notes(db, key)[0]


def test_turns_at_the_same_time_know_of_each_other(db: sqlite3.Connection, root: Path) -> None:
    one, other = Pane(db, root, "S-ONE111"), Pane(db, root, "S-TWO222")
    for pane in (one, other):
        pane.begin()
    (root / "a.txt").write_text("whose?\n")
    first, second = one.end(), other.end()
    alone = one.begin(2)
    one.end(2)
    assert "another turn was at work" in changes.notes(db, first)[-1] and "two222:1" in changes.notes(db, first)[-1]
    assert "one111:1" in changes.notes(db, second)[-1]
    assert changes.notes(db, alone) == []


def test_restore_writes_elsewhere_only(db: sqlite3.Connection, root: Path, tmp_path: Path) -> None:
    pane = Pane(db, root)
    os.symlink("a.txt", root / "link")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    pane.begin()
    (root / "a.txt").write_text("two\n")
    (root / "new.txt").write_text("new\n")
    key = pane.end()
    (root / "a.txt").write_text("three\n")
    git(root, "reflog", "expire", "--all", "--expire=now")
    git(root, "gc", "-q", "--prune=now")
    before = fingerprint(root)
    restore(db, key, "before", tmp_path / "then")
    restore(db, key, "after", tmp_path / "later")
    assert fingerprint(root) == before
    assert (tmp_path / "then" / "a.txt").read_text() == "one\n" and not (tmp_path / "then" / "new.txt").exists()
    assert (tmp_path / "later" / "a.txt").read_text() == "two\n" and (tmp_path / "later" / "new.txt").exists()
    assert os.readlink(tmp_path / "later" / "link") == "a.txt" and os.access(tmp_path / "later" / "run", os.X_OK)
    for place in (tmp_path / "later", root, root / "below"):
        with pytest.raises(StoreError):
            restore(db, key, "after", place)
    assert not (root / "below").exists()


def test_what_is_dropped_leaves_no_ref_and_no_row(db: sqlite3.Connection, root: Path, tmp_path: Path) -> None:
    pane = Pane(db, root)
    pane.begin()
    key = pane.end()
    kept = changes.kept(db, [key])
    assert len(kept) == 2 and len(git(root, "for-each-ref", refs.PREFIX).splitlines()) == 2
    git(root, "update-ref", f"{refs.PREFIX}S9/T9/after", kept[0].tree)
    assert list(refs.leftovers(changes.git_dirs(db), kept)) == [(str(root / ".git"), [f"{refs.PREFIX}S9/T9/after"])]
    db.execute("INSERT INTO forgotten VALUES (?, 'turn', 'S1', 1, '2026-11-20', '2026-11-20')", (key,))
    assert refs.drop(kept) == []
    assert git(root, "for-each-ref", "--format=%(refname)", refs.PREFIX) == f"{refs.PREFIX}S9/T9/after"
    assert db.execute("SELECT (SELECT count(*) FROM turn_snapshots), (SELECT count(*) FROM git_files)").fetchone()[:] == (0, 0)
    with pytest.raises(StoreError):
        restore(db, key, "after", tmp_path / "new")
    pane.worker.carry_out(Order("S1", key, "after", str(root), 0))
    assert changes.kept(db) == [] and len(git(root, "for-each-ref", refs.PREFIX).splitlines()) == 1


def test_without_raw_no_ref_keeps_the_files(db: sqlite3.Connection, root: Path) -> None:
    pane = Pane(db, root, settings=replace(Settings(), raw="drop"))
    pane.begin()
    (root / "a.txt").write_text("two\n")
    key = pane.end()
    assert "+two" in str(pane.files(key)["a.txt"][1])
    assert git(root, "for-each-ref", "refs/procy") == ""


def test_too_many_new_files_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procy.recording.changes.snapshot.MOST_FILES", 2)
    for number in range(3):
        (root / f"{number}").write_text("x")
    place = worktree_at(str(root))
    assert place
    with pytest.raises(GitError, match="3 files"):
        take(place.repo, 1 << 20)


def test_a_file_that_becomes_a_link_or_a_folder(db: sqlite3.Connection, root: Path) -> None:
    pane = Pane(db, root)
    pane.begin()
    (root / "a.txt").unlink()
    os.symlink("b.txt", root / "a.txt")
    (root / "b.txt").unlink()
    (root / "b.txt").mkdir()
    (root / "b.txt" / "in").write_text("now a folder\n")
    files = pane.files(pane.end())
    assert {name: change for name, (change, _) in files.items()} == {
        "a.txt": "modified", "b.txt": "deleted", "b.txt/in": "added",
    }  # fmt: skip
    assert "-one" in str(files["a.txt"][1]) and "+b.txt" in str(files["a.txt"][1])
    assert "-keep" in str(files["b.txt"][1]) and "+now a folder" in str(files["b.txt/in"][1])
