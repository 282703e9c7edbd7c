"""Orders to a run: stop, resume, reset, apply a try, decide on a prompt. Each is first shown with what would happen."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from datasette import Request, Response, hookimpl

from procy.errors import GitError, ProcyError
from procy.evolve import apply, start
from procy.evolve.assemble import agents_environment, repo_of_run
from procy.evolve.plan import plan_from
from procy.evolve.reset import reset
from procy.learn.verdict import give, waiting
from procy.places import Places
from procy.settings import load_settings
from procy.store import run_pages, runs
from procy.store.db import open_reader
from procy.store.runs import Row
from procy.ui import guard
from procy.ui.guard import Later
from procy.ui.pages import Pages
from procy.ui.run_orders import command, least_tries, orders_of
from procy.ui.run_window import is_at_work
from procy.ui.runs import run_view

LOOK_S = 10.0  # for which git may look
APPLY_S = 60.0  # for which it may write
STOP_S = 1.5  # for which an order to stop waits; the page sees the rest
FILES = 400  # listed at most
VERDICTS = {"send": "approved", "edit": "edited", "veto": "vetoed"}


def shown(pages: Pages, request: Request, name: str, run: Row | sqlite3.Row, context: Mapping[str, Any]) -> Response:
    """What an order would do: a part for the page's dialog, or a page of its own."""
    template = "order.html" if request.args.get("part") else "order_page.html"
    return pages.html(template, {"order": name, "run_id": run["id"], **context})


def of_run(name: str, pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    row = run_pages.page_run(connection, guard.variable(request, "run"))
    view = run_view(row, is_at_work(pages.places, row))
    [found] = [one for one in orders_of(view) if one.name == name]
    under_way = run_pages.page_tries(connection, row["id"], unfinished=True)
    context = {"row": row, "run": view, "why_not": found.why_not, "under_way": under_way, "least": least_tries(row),
               "command": command(view, name)}  # fmt: skip
    return shown(pages, request, name, row, context)


@guard.page
def stop_shown(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    return of_run("stop", pages, connection, request)


@guard.page
def resume_shown(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    return of_run("resume", pages, connection, request)


@guard.page
def reset_shown(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    return of_run("reset", pages, connection, request)


@guard.page
def best_shown(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response | Later:
    run = runs.run_by_id(connection, run_pages.page_run(connection, guard.variable(request, "run"))["id"])
    if run["best_try_id"]:
        return apply_page(pages, request, run, runs.try_by_id(connection, run["best_try_id"]))
    return shown(pages, request, "apply", run, {"row": run, "why_not": "nothing better than the start was kept"})


@guard.page
def apply_shown(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response | Later:
    row = runs.try_by_id(connection, guard.variable(request, "try"))
    return apply_page(pages, request, runs.run_by_id(connection, row["run_id"]), row)


def apply_page(pages: Pages, request: Request, run: Row, row: Row) -> Later:
    def look() -> Response:
        context: dict[str, Any] = {"row": row, "folder": run["root"], "files": (), "why_not": "", "no_files": "", "limit": FILES,
                                   "command": f"procy evolve apply {row['id'][-6:]}"}  # fmt: skip
        try:
            repo = repo_of_run(pages.places, run["root"], LOOK_S)
            apply.patch_of(repo, run, row)
            context |= {"files": repo.changed_files(run["base_sha"], row["commit_sha"]), "branch": f"procy-try-{row['seq']}"}
        except ProcyError as error:
            context |= {"why_not": error.what, "remedy": error.remedy}
        else:
            try:
                apply.check_files(repo, run, row)
            except GitError as error:
                context |= {"no_files": error.what}
        return shown(pages, request, "apply", run, context)

    return look


@guard.page
def decide_shown(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    row = runs.try_by_id(connection, guard.variable(request, "try"))
    run = runs.run_by_id(connection, row["run_id"])
    try:
        waiting(row)
        why_not = "" if run["status"] == "running" else f"the run is {run['status']}: resume it first"
    except ProcyError as error:
        why_not = error.what
    return shown(
        pages, request, "decide", run, {"row": row, "why_not": why_not, "command": f"procy evolve decide {row['id'][-6:]}"}
    )


# -- orders -------------------------------------------------------------------------------------------------------------


def run_meant(pages: Pages, request: Request) -> Row:
    with open_reader(pages.places.db) as connection:
        return runs.run_by_id(connection, guard.variable(request, "run"))


def try_meant(places: Places, request: Request) -> tuple[Row, Row]:
    """The run and the try."""
    with open_reader(places.db) as connection:
        row = runs.try_by_id(connection, guard.variable(request, "try"))
        return runs.run_by_id(connection, row["run_id"]), row


@guard.action
def stop(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    row = run_meant(pages, request)
    if row["status"] != "running":
        raise ProcyError(f"the run is {row['status']} already", "Load the page again")
    ended = start.want_stop(pages.places, row, STOP_S)
    return {
        "done": "The run is stopped." if ended else "The run was told to stop; it ends as soon as its agents are interrupted."
    }


@guard.action
def resume(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """With ``tries``: so many in all from now on. Its process gets the environment of the agent in the pane that it began from:
    that of the pages may be another one."""
    row, given = run_meant(pages, request), form.get("tries", "").strip()
    if given and not re.fullmatch(r"[1-9]\d{0,5}", given):
        raise ProcyError(f"{given!r} is no number of tries", "Give a whole number")
    with open_reader(pages.places.db) as connection:
        least = least_tries(run_pages.page_run(connection, row["id"]))
    if given and int(given) < least:
        raise ProcyError(f"{least - 1} tries are made already", f"Give at least {least}")
    if row["status"] == "done" and not given:
        raise ProcyError("the run is done", f"Give it more tries: at least {least}")
    start.go_on(pages.places, row, int(given) if given else None, agents_environment(plan_from(row["options"])))
    return {"done": "The run goes on."}


@guard.action
def reset_run(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    row = run_meant(pages, request)
    lines = list(reset(pages.places, load_settings(pages.places), row, form.get("restore") == "1"))
    return {"done": "; ".join(line.rstrip(".") for line in lines) + "."}


@guard.action
def apply_try(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """``how``: ``files``, or ``branch`` with the ``branch``'s name."""
    run, row = try_meant(pages.places, request)
    repo = repo_of_run(pages.places, run["root"], APPLY_S)
    if form.get("how") == "branch":
        name = form.get("branch", "").strip()
        if not name or replace(repo, limit_s=LOOK_S).done("check-ref-format", "--branch", name).returncode:
            raise ProcyError(f"{name!r} is no name of a branch" if name else "the branch has no name", "Give another name")
        apply.make_branch(repo, run, row, name)
        return {"done": f"Branch {name} is at try {row['seq']}; your files are as they were."}
    files = apply.apply_files(repo, run, row)
    return {"done": f"Changed {', '.join(files[:12])}{f' and {len(files) - 12} more' if len(files) > 12 else ''}."}


@guard.action
def decide(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """``verdict``: send, edit (with the ``prompt``) or veto; a ``note`` says why."""
    _, row = try_meant(pages.places, request)
    verdict = VERDICTS.get(form.get("verdict", ""))
    if verdict is None:
        raise ProcyError("no verdict was given", "Send, edit or veto the prompt")
    prompt = form.get("prompt", "").replace("\r\n", "\n").rstrip("\n")
    if verdict == "edited" and not prompt.strip():
        raise ProcyError("the prompt is empty", "Write one, or veto it")
    return {"done": f"The prompt of try {row['seq']}: {give(pages.places, row, verdict, prompt, form.get('note', '').strip())}."}


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    one_run, one_try = r"run/(?P<run>[^/]+)", r"try/(?P<try>[^/]+)"
    return [
        (rf"/-/procy/{one_run}/stop$", stop_shown),
        (rf"/-/procy/{one_run}/resume$", resume_shown),
        (rf"/-/procy/{one_run}/reset$", reset_shown),
        (rf"/-/procy/{one_run}/apply$", best_shown),
        (rf"/-/procy/{one_try}/apply$", apply_shown),
        (rf"/-/procy/{one_try}/decide$", decide_shown),
        (rf"/-/procy/do/{one_run}/stop$", stop),
        (rf"/-/procy/do/{one_run}/resume$", resume),
        (rf"/-/procy/do/{one_run}/reset$", reset_run),
        (rf"/-/procy/do/{one_try}/apply$", apply_try),
        (rf"/-/procy/do/{one_try}/decide$", decide),
    ]
