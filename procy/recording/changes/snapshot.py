"""The tree of a work tree as it stands, made with an index of our own: git's objects grow, nothing else of the user's changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from procy.errors import GitError
from procy.git import Repo, is_left_out, lines_of, repo_around

LIMIT_S = 60.0  # of one command of git
MOST_FILES = 20_000  # new or changed: beyond, somebody forgot to ignore a folder
STATUS = ("status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching",
          "--ignore-submodules=dirty")  # fmt: skip
FIELDS_BEFORE_PATH = {"1": 8, "u": 10, "?": 1, "!": 1}  # of a line of porcelain v2


class Worktree(NamedTuple):
    """``git_dir``: of the repository, which its work trees share."""

    repo: Repo
    git_dir: Path


@dataclass
class LeftOut:
    """Paths that are in no tree: ``secret`` by their name; ``nested``: repositories of their own. Of ignored ones the number."""

    big: list[str] = field(default_factory=list)
    secret: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    ignored: int = 0

    def paths(self) -> set[str]:
        return {*self.big, *self.secret, *self.nested, *self.unreadable}


class Snapshot(NamedTuple):
    tree: str
    head: str | None
    left_out: LeftOut


class Changed(NamedTuple):
    """A line of git's status. ``kind`` as there: 1, u (conflict), ? (new), ! (ignored)."""

    kind: str
    state: str
    path: str


def worktree_at(cwd: str) -> Worktree | None:
    """None where there is no repository, or one without a work tree. Raises GitError."""
    if not os.path.isdir(cwd):
        return None
    found = repo_around(Path(cwd))
    if found is None:
        return None
    repo = Repo(found.root, found.git_dir, limit_s=LIMIT_S)
    return Worktree(repo, Path(os.path.realpath(repo.root / repo.run("rev-parse", "--git-common-dir"))))


def take(repo: Repo, largest: int) -> Snapshot:
    """``largest``: bytes of a file. Raises GitError."""
    with repo.own_index() as index:
        changed = list(parsed(repo.output(*STATUS, index=index)))
        left_out = LeftOut(ignored=sum(one.kind == "!" for one in changed))
        paths = [one.path for one in changed if is_wanted(repo.root, one, largest, left_out)]
        if len(paths) > MOST_FILES:
            raise GitError(f"{len(paths)} files of {repo.root} are new or changed", "Ignore what is made there, or commit it")
        if paths:
            add = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
            repo.run(*add, index=index, data=lines_of(paths))
        return Snapshot(repo.run("write-tree", "--missing-ok", index=index), repo.head(), left_out)


def parsed(status: str) -> Iterator[Changed]:
    for line in status.split("\0"):
        if line[:1] in FIELDS_BEFORE_PATH:
            *fields, path = line.split(" ", FIELDS_BEFORE_PATH[line[0]])
            yield Changed(line[0], fields[1] if len(fields) > 1 else "", path)


def is_wanted(root: Path, one: Changed, largest: int, left_out: LeftOut) -> bool:
    """Whether the work tree's state of a path goes into the tree; notes why not."""
    if one.kind == "!" or (one.kind == "1" and one.state[1] == "."):
        return False
    if one.path.endswith("/"):
        left_out.nested.append(one.path)
    elif one.kind == "?" and is_left_out(one.path):
        left_out.secret.append(one.path)
    elif (found := entry(root / one.path)) is None or stat.S_ISDIR(found.st_mode):
        return True  # gone, or the commit of a submodule
    elif not (stat.S_ISLNK(found.st_mode) or os.access(root / one.path, os.R_OK)):
        left_out.unreadable.append(one.path)
    elif found.st_size > largest:
        left_out.big.append(one.path)
    else:
        return True
    return False


def entry(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def made_good(repo: Repo, tree: str, earlier: str, since_ns: int) -> str:
    """The tree as it was at a moment before it was made: what changed since is put back to how it was in an ``earlier`` one."""
    late = [path for path in repo.changed_files(earlier, tree) if changed_ns(repo.root / path) >= since_ns]
    if not late:
        return tree
    with repo.own_index() as index:
        repo.run("read-tree", tree, index=index)
        repo.run("update-index", "--force-remove", "-z", "--stdin", index=index, data=lines_of(late))
        listed = repo.output("ls-tree", "-r", "-z", earlier).split("\0")
        wanted = set(late)
        back = "".join(f"{line}\0" for line in listed if line.partition("\t")[2] in wanted)
        repo.run("update-index", "--add", "-z", "--index-info", index=index, data=os.fsencode(back))
        return repo.run("write-tree", "--missing-ok", index=index)


def changed_ns(path: Path) -> int:
    """When a file was written or put there; of one that is gone, when its folder changed."""
    while (found := entry(path)) is None and path != path.parent:
        path = path.parent
    return found.st_ctime_ns if found else 0
