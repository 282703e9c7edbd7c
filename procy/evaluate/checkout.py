"""A clean work tree of one commit, for one measurement, and what earlier ones of dead processes left."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from procy.capture.process import is_alive
from procy.errors import GitError
from procy.git import Repo, remove_tree
from procy.places import Places

LEAST_FREE = 16 << 20


class NoRoom(Exception):
    """The checkout could not be made; says why."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """``tree``: the commit's files; ``out``: for the result; ``tmp``: for whatever the evaluator writes down."""

    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def tmp(self) -> Path:
        return self.folder / "tmp"

    @property
    def result(self) -> Path:
        return self.out / "result.json"


@contextmanager
def checkout(places: Places, repo: Repo, commit: str) -> Iterator[Checkout]:
    """Raises NoRoom."""
    parent = Path(places.home).resolve() / "checkouts"
    sweep(parent, repo)
    one = Checkout(parent / f"{os.getpid()}.{secrets.token_hex(4)}.{socket.gethostname()}")
    try:
        make(one, repo, commit)
        yield one
    finally:
        repo.remove_worktree(one.tree)
        if one.folder.exists():
            remove_tree(one.folder)


def make(one: Checkout, repo: Repo, commit: str) -> None:
    try:
        for folder in (one.out, one.tmp):
            folder.mkdir(mode=0o700, parents=True)
        free = shutil.disk_usage(one.folder).free
        if free < LEAST_FREE:
            raise NoRoom(f"only {free >> 20} MB are free under {one.folder.parent}: free disk space")
        repo.add_worktree(one.tree, commit)
    except GitError as error:  # of a full disk, git only says that it cannot write
        free, needed = shutil.disk_usage(one.folder).free, size_of(repo, commit)
        why = f"it needs {needed >> 20} MB, and {free >> 20} are free" if free < needed + LEAST_FREE else error.what
        raise NoRoom(f"no checkout of {commit[:10]} could be made under {one.folder.parent}: {why}") from error
    except OSError as error:
        hint = ": free disk space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise NoRoom(f"no checkout could be made under {one.folder.parent}: {error.strerror}{hint}") from error


def size_of(repo: Repo, commit: str) -> int:
    """Bytes of a commit's files."""
    sizes = (line.split("\t", 1)[0].split()[3] for line in repo.run("ls-tree", "-r", "-l", commit).splitlines())
    return sum(int(size) for size in sizes if size.isdigit())


def sweep(parent: Path, repo: Repo) -> None:
    """Remove the folders of processes of this host that were killed, and what the repository knows of them."""
    if not parent.is_dir():
        return
    for folder in parent.iterdir():
        pid, _, rest = folder.name.partition(".")
        if pid.isdigit() and rest.partition(".")[2] == socket.gethostname() and not is_alive(int(pid)):
            with suppress(OSError):  # another one removes it now
                repo.remove_worktree(folder / "tree")
                remove_tree(folder)


def borrow(paths: Iterable[Path], root: Path, tree: Path) -> None:
    """Links, in a checkout, to what the work tree has and git does not. What the commit itself has stays."""
    for path in paths:
        if (root / path).exists() and not os.path.lexists(tree / path):
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).symlink_to((root / path).resolve())
