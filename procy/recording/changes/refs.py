"""The refs that keep snapshots alive, below ``refs/procy/turns`` of the user's repositories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from procy.errors import GitError
from procy.git import Repo
from procy.store.changes import Kept

PREFIX = "refs/procy/turns/"


def name_of(session_id: str, turn_id: str, moment: str) -> str:
    return f"{PREFIX}{session_id}/{turn_id}/{moment}"


def repository(git_dir: str) -> Repo:
    """Its objects and refs, without any work tree. ``git_dir`` stands in for one: git wants a directory to be in."""
    return Repo(Path(git_dir), Path(git_dir), limit_s=60)


def drop(kept: Iterable[Kept]) -> list[Kept]:
    """Delete refs; git takes the files away with its next ``git gc``. Returns those that cannot be deleted."""
    return [one for one in kept if not dropped(one)]


def dropped(one: Kept) -> bool:
    """Also where the repository is gone, and the ref with it."""
    if not Path(one.git_dir).is_dir():
        return not Path(one.git_dir).parent.is_dir() or not Path(one.git_dir).exists()
    try:
        repository(one.git_dir).run("update-ref", "-d", one.ref)
    except (GitError, OSError):
        return False
    return True


def leftovers(git_dirs: Iterable[str], known: Iterable[Kept]) -> Iterator[tuple[str, list[str]]]:
    """(repository, refs of ours) of which no row tells."""
    ours = {(one.git_dir, one.ref) for one in known}
    for git_dir in git_dirs:
        try:
            found = repository(git_dir).refs(PREFIX) if Path(git_dir).is_dir() else {}
        except (GitError, OSError):
            continue
        if lost := [ref for ref in found if (git_dir, ref) not in ours]:
            yield git_dir, lost
