"""A repository here and a bare one of ours on a host, between which plain git carries commits."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from procy.errors import GitError, HostError
from procy.git import FOREIGN, QUIET, Repo
from procy.hosts.ssh import Host

SENT = "refs/procy/sent"  # there: what keeps the commits that came


def key_of(repo: Repo) -> str:
    """What the bare repository is called: the same for all work trees of one repository."""
    common = repo.run("rev-parse", "--path-format=absolute", "--git-common-dir")
    return sha256(f"{socket.gethostname()}:{common}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


def push(host: Host, repo: Repo, path: str, commits: Sequence[str]) -> None:
    """Send commits to the bare repository at ``path`` there. Raises HostError."""
    host.connect()
    refs = [f"{commit}:{SENT}/{commit}" for commit in commits]
    with host.sending:
        done = through(host, repo).done("push", "--quiet", "--no-verify", "--force", host.url(path), *refs)
    check(host, done, "sent to")


def fetch(host: Host, repo: Repo, path: str, ref: str) -> None:
    """Get the commit of a ref there. Raises HostError."""
    host.connect()
    words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", host.url(path), ref)
    check(host, through(host, repo).done(*words), "had from")


def packed(repo: Repo, commit: str, known: str = "") -> bytes:
    """A commit with its history as a pack, without what ``known``, another commit, has of it."""
    wanted = f"{commit}\n" + (f"^{known}\n" if known else "")
    done = repo.done("pack-objects", "--revs", "--stdout", "--quiet", "--thin", data=wanted.encode())
    if done.returncode:
        raise GitError(f"git pack-objects in {repo.root}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout


def through(host: Host, repo: Repo) -> Repo:
    return replace(repo, environment={**repo.environment, **host.git_environment})


def check(host: Host, done: subprocess.CompletedProcess[bytes], how: str) -> None:
    if done.returncode:
        lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        why = next(
            (line for line in lines if line.startswith(("ssh:", "fatal:", "error:", "remote:"))), lines[-1] if lines else ""
        )
        raise HostError(f"commits could not be {how} host {host.name} ({why})", "Try there: procy doctor")


# -- there --------------------------------------------------------------------------------------------------------------


def bare(home: str, key: str, commit: str) -> Repo:
    """The bare repository of that name, made where there is none. ``commit``: one of it, which tells its format."""
    if shutil.which("git") is None:
        raise GitError("git is not installed", "apt install git, or brew install git")
    path = Path(home) / "repositories" / f"{key}.git"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as folder:
            new = Path(folder) / path.name
            git("init", "--quiet", "--bare", f"--object-format={'sha256' if len(commit) == 64 else 'sha1'}", str(new))
            git("--git-dir", str(new), "config", "receive.shallowUpdate", "true")
            with suppress(OSError):  # another job was faster
                new.rename(path)
    return Repo(path, path)


def git(*words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    done = subprocess.run(["git", *words], env={**environment, **QUIET}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GitError(f"git {words[0]}: {done.stderr.strip()}")


def add_packed(repo: Repo, commit: str, pack: bytes) -> None:
    """What ``packed`` gave, from now on among the commits that came. Raises GitError."""
    repo.run("index-pack", "--stdin", "--fix-thin", data=pack)
    try:
        repo.set_ref(f"{SENT}/{commit}", commit)
    except GitError:
        if missing(repo, [commit]):  # another job may have brought it meanwhile
            raise


def missing(repo: Repo, commits: Sequence[str]) -> list[str]:
    """Those of the commits that it does not have yet."""
    wanted = [commit for commit in dict.fromkeys(commits) if commit]
    return [commit for commit in wanted if repo.done("rev-parse", "--verify", "--quiet", f"{SENT}/{commit}").returncode]
