"""Evolve: the runs of the loop, and the tries of each, live."""

from __future__ import annotations

import re
import sqlite3
from typing import Any
from urllib.parse import urlencode

from datasette import Request, Response, hookimpl

from procy.store import run_pages
from procy.ui import guard, live
from procy.ui.pages import Pages
from procy.ui.run_topics import RUNS, RunsTopic, RunTopic
from procy.ui.run_window import RunWindow, look, part_of, place_of, run_line, version_of


@guard.page
def runs(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    before = place_in_list(request.args.get("before") or "")
    found = run_pages.page_runs(connection, before, RUNS + 1)
    older = None
    if len(found) > RUNS:
        last = found[RUNS - 1]
        older = "?" + urlencode({"before": f"{last['started_at']}~{last['id']}"})
    lines = [run_line(pages, row).html for row in found[:RUNS]]
    return pages.html("runs.html", {"rows": lines, "older": older, "live": before is None, "choice": found[:RUNS]})


def place_in_list(text: str) -> tuple[str, str] | None:
    """Where a page of the list goes on: (when it started, id) of the last one on the page before."""
    match = re.fullmatch(r"([^~]*)~(.*)", text)
    return (match[1], match[2]) if match else None


@guard.page
def run(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    handle = guard.variable(request, "run")
    found = run_pages.page_run(connection, handle)["id"]
    if found != handle:
        return Response.redirect(f"{pages.root}/run/{found}")
    whole = request.args.get("tree") == "all"
    window = RunWindow(pages, look(connection, found, guard.number(request, "before")), whole)
    if window.seen.short and not window.seen.page:
        return Response.redirect(f"{pages.root}/run/{found}")
    head, tree = window.head(), window.tree()
    context = {
        "run": window.run, "row": window.seen.run, "judge": window.judge, "state": window.state(), "head": head,
        "version": version_of(head), "tree": tree, "tree_version": version_of(tree), "whole": whole,
        "tries": [piece.html for piece in window.tries()], "total": len(window.seen.short),
        **window.ends(),
    }  # fmt: skip
    return pages.html("run.html", context)


@guard.page
def one_try(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    found = run_pages.page_try(connection, guard.variable(request, "try"))
    return Response.redirect(f"{pages.root}/run/{found['run_id']}{place_of(connection, found)}")


@guard.page
def tip(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    """Of the try with the number ``n``: a few words about it, or the way to it."""
    run_id = run_pages.page_run(connection, guard.variable(request, "run"))["id"]
    row = run_pages.try_number(connection, run_id, guard.number(request, "n") or 0)
    if not request.args.get("part"):
        return Response.redirect(f"{pages.root}/run/{run_id}{place_of(connection, row)}")
    return pages.html("try_tip.html", part_of(connection, row))


@guard.page
def try_part(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    context = part_of(connection, run_pages.page_try(connection, guard.variable(request, "try")))
    return pages.html("try_part.html" if request.args.get("part") else "try_page.html", context)


@guard.stream
async def runs_events(pages: Pages, request: Request) -> Any:
    return live.events(pages.hub, await pages.database(), lambda: RunsTopic(pages), RunsTopic.key, "", request.receive)


@guard.stream
async def run_events(pages: Pages, request: Request) -> Any:
    database = await pages.database()
    handle = guard.variable(request, "run")
    found = await database.execute_fn(lambda connection: run_pages.page_run(connection, handle)["id"])
    return live.events(pages.hub, database, lambda: RunTopic(pages, found), f"run {found}", "", request.receive)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/evolve$", runs),
        (r"/-/procy/evolve/events$", runs_events),
        (r"/-/procy/run/(?P<run>[^/]+)$", run),
        (r"/-/procy/run/(?P<run>[^/]+)/events$", run_events),
        (r"/-/procy/run/(?P<run>[^/]+)/tip$", tip),
        (r"/-/procy/try/(?P<try>[^/]+)$", one_try),
        (r"/-/procy/try/(?P<try>[^/]+)/all$", try_part),
    ]
