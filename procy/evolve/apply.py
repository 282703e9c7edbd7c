"""Bringing a try into the user's own work tree: the one thing of a run that touches it, and only when told to."""

from __future__ import annotations

from procy.errors import GitError
from procy.git import Repo, lines_of, words_of
from procy.store.read import short
from procy.store.runs import Row, asked

APPLY = ("apply", "--binary", "--whitespace=nowarn", "-")


def patch_of(repo: Repo, run: Row, row: Row) -> str:
    """From the run's start to the try. Raises GitError for a try without a commit, or with nothing in it."""
    if not row["commit_sha"]:
        raise GitError(f"try {row['seq']} has no commit", "Choose another: procy evolve status")
    patch = repo.diff(run["base_sha"], row["commit_sha"])
    if row["seq"] == 0:
        raise GitError("nothing better than the start was kept", "See the tries: procy evolve status")
    if not patch:
        raise GitError(f"try {row['seq']} changes nothing", "Choose another: procy evolve status")
    return patch


def apply_files(repo: Repo, run: Row, row: Row) -> tuple[str, ...]:
    """Change the files of the work tree, not the index, as the try did; returns their paths. All or nothing.

    Raises GitError naming the first file that was changed otherwise since the run began.
    """
    repo.run(*APPLY, data=check_files(repo, run, row))
    return repo.changed_files(run["base_sha"], row["commit_sha"])


def check_files(repo: Repo, run: Row, row: Row) -> bytes:
    """The patch, where it fits the files as they are now. Raises GitError where it does not."""
    patch = patch_of(repo, run, row).encode("utf-8", "surrogateescape")
    check = repo.done(*APPLY, "--check", data=patch)
    if check.returncode and repo.done(*APPLY, "--check", "--reverse", data=patch).returncode == 0:
        raise GitError(f"the work tree has try {row['seq']} already", "See what it changed: git diff")
    if check.returncode:
        why = words_of(check)
        what = f"try {row['seq']} does not fit the work tree as it is now: {why}"
        raise GitError(
            what, f"Commit or stash your changes, or take it as a branch: procy evolve apply {row['seq']} --branch NAME"
        )
    return patch


def make_branch(repo: Repo, run: Row, row: Row, name: str) -> None:
    """A branch at the try's commit, with every try on the way to it as a commit. Raises GitError where there is such a branch."""
    patch_of(repo, run, row)
    if repo.done("rev-parse", "--verify", "--quiet", f"refs/heads/{name}").returncode == 0:
        raise GitError(f"there is a branch {name} already", "Choose another name")
    repo.run("branch", "--", name, row["commit_sha"])


def commit_files(repo: Repo, run: Row, row: Row) -> str:
    """One commit on the user's branch, by the user's own name, with the try's changes; index and files too. Returns its name.

    Raises GitError where something is staged, or a file was changed otherwise.
    """
    if repo.run("diff", "--cached", "--name-only"):
        raise GitError("something is staged already", "Commit or unstage it first")
    if repo.done("var", "GIT_COMMITTER_IDENT").returncode or repo.done("var", "GIT_AUTHOR_IDENT").returncode:
        raise GitError("git does not know who commits", "Say it: git config user.name NAME; git config user.email ADDRESS")
    files = apply_files(repo, run, row)
    repo.run("update-index", "--add", "--remove", "--replace", "-z", "--stdin", data=lines_of(files))
    first = asked(row).strip().splitlines()
    subject = f"{first[0][:68]}" if first else f"Try {row['seq']}"
    trailers = f"Procy-Run: {run['id']}\nProcy-Try: {row['id']}"
    try:
        repo.run("commit", "--quiet", "--no-verify", "-m", f"{subject}\n\n{trailers}")
    except GitError as error:
        raise GitError(error.what, f"Try {row['seq']} is in your files and staged; commit it with: git commit") from error
    return short(repo.head() or "")
