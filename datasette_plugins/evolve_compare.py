"""Two tries, or two runs, side by side; and what a try changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from datasette import Request, Response, hookimpl

from procy.errors import GitError, HandleError
from procy.evolve.assemble import repo_of_run
from procy.evolve.compare import beside, files
from procy.git import Repo
from procy.store import run_pages, runs
from procy.store.runs import Row
from procy.ui import guard
from procy.ui.guard import Later
from procy.ui.pages import Pages
from procy.ui.run_beside import pictures_of, run_beside, tries_beside
from procy.ui.word_diff import two_sides

GIT_S = 10.0
LONGEST = 400_000  # bytes of a diff on a page
PROMPT = 60_000  # characters of a prompt
FILES = 200
CHOICE = 100  # runs to choose from


def run_meant(connection: sqlite3.Connection, handle: str) -> Row:
    return runs.run_by_id(connection, run_pages.page_run(connection, handle)["id"])


def try_meant(connection: sqlite3.Connection, run: Row, handle: str) -> Row:
    """``best`` of a run that kept nothing is its start. Raises HandleError."""
    if handle == "start" or (handle == "best" and not run["best_try_id"]):
        handle = "0"
    found = runs.find_try(connection, handle, run)
    if found["run_id"] != run["id"]:
        raise HandleError(f"this run has no try {handle!r}", "Give its number, best, start or last")
    return found


@guard.page
def tries(pages: Pages, connection: sqlite3.Connection, request: Request) -> Later:
    run = run_meant(connection, guard.variable(request, "run"))
    handles = [(request.args.get(name) or usual).strip() for name, usual in (("a", "last"), ("b", "best"))]
    pair = [try_meant(connection, run, handle) for handle in handles]
    found = beside(connection, run, *pair)
    context = {
        **tries_beside(connection, run["id"], [row["seq"] for row in pair]), "run": run, "pair": pair, "parted": found["parted"],
        "path": f"run/{run['id']}/diff?a={pair[0]['seq']}&b={pair[1]['seq']}", "limit": FILES,
    }  # fmt: skip

    def answer() -> Response:
        prompts = two_sides(*(runs.asked(row)[:PROMPT] for row in pair))
        changed: list[Any] = [(), ()]
        gone = ""
        try:
            repo = repo_of_run(pages.places, run["root"], GIT_S)
            changed = [files(repo, run, row) for row in pair]
        except GitError as error:
            gone = str(error)
        return pages.html("compare_tries.html", {**context, "prompts": prompts, "files": changed, "gone": gone})

    return answer


# -- what changed -------------------------------------------------------------------------------------------------------


def diff_page(pages: Pages, request: Request, run: Row, title: str, ends: tuple[str | None, str | None]) -> Later:
    """From one commit to the other; in words what hinders that."""

    def answer() -> Response:
        text, more, gone = "", False, ""
        try:
            text, more = changes(repo_of_run(pages.places, run["root"], GIT_S), *ends)
        except GitError as error:
            gone = str(error)
        context = {
            "run_id": run["id"], "title": title, "text": text, "more": more, "gone": gone, "ends": ends, "folder": run["root"],
            "limit": LONGEST,
        }  # fmt: skip
        return pages.html("changes.html" if request.args.get("part") else "changes_page.html", context)

    return answer


def changes(repo: Repo, old: str | None, new: str | None) -> tuple[str, bool]:
    """Raises GitError where one of both commits is not there."""
    for sha in (old, new):
        if not sha:
            raise GitError("there is no commit to compare", "A try has one once its agent has answered")
        if not repo.has_commit(sha):
            raise GitError(f"commit {sha[:10]} is no longer in {repo.root}", "Its refs below refs/procy were removed")
    return repo.changes_to_read(str(old), str(new), LONGEST)


@guard.page
def tries_diff(pages: Pages, connection: sqlite3.Connection, request: Request) -> Later:
    run = run_meant(connection, guard.variable(request, "run"))
    one, other = (try_meant(connection, run, request.args.get(name) or usual) for name, usual in (("a", "start"), ("b", "best")))
    title = f"From {name_of(one)} to {name_of(other)}"
    return diff_page(pages, request, run, title, (one["commit_sha"], other["commit_sha"]))


@guard.page
def try_diff(pages: Pages, connection: sqlite3.Connection, request: Request) -> Later:
    """What a try changed ``since`` its parent, or the start."""
    row = runs.try_by_id(connection, guard.variable(request, "try"))
    run = runs.run_by_id(connection, row["run_id"])
    since, base = "the start", run["base_sha"]
    if request.args.get("since") != "start" and row["parent_id"]:
        parent = runs.try_by_id(connection, row["parent_id"])
        since, base = name_of(parent), parent["commit_sha"]
    return diff_page(pages, request, run, f"Try {row['seq']} since {since}", (base, row["commit_sha"]))


def name_of(row: Row) -> str:
    return f"try {row['seq']}" if row["seq"] else "the start"


# -- runs ---------------------------------------------------------------------------------------------------------------


@guard.page
def two_runs(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    newest = run_pages.page_runs(connection, limit=CHOICE)
    usual: Callable[[int], str] = lambda place: newest[place]["id"] if place < len(newest) else ""  # noqa: E731
    handles = [request.args.get("a") or usual(1) or usual(0), request.args.get("b") or usual(0)]
    context: dict[str, Any] = {"choice": newest, "pair": (), "handles": handles}
    if all(handles):
        pair = [run_beside(connection, pages.places, handle) for handle in handles]
        context |= {"pair": pair, "pictures": pictures_of(*pair), "handles": [one.row["id"] for one in pair]}
    return pages.html("compare_runs.html", context)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/run/(?P<run>[^/]+)/compare$", tries),
        (r"/-/procy/run/(?P<run>[^/]+)/diff$", tries_diff),
        (r"/-/procy/try/(?P<try>[^/]+)/diff$", try_diff),
        (r"/-/procy/compare$", two_runs),
    ]
