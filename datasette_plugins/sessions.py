"""Sessions: the list of them, live, and search over all."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import urlencode

from datasette import Request, Response, hookimpl

from procy.store import read
from procy.ui import guard, live, topics
from procy.ui.pages import Pages

PAGE = 50
HITS = 40


@guard.page
def sessions(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    recording, children = bool(request.args.get("live")), bool(request.args.get("all"))
    started, tilde, last_id = (request.args.get("before") or "").partition("~")
    before = (started, last_id) if tilde else None
    found = read.page_sessions(connection, before, PAGE + 1, recording, children)
    rows = [pages.render("session.html", {"session": row, "version": topics.version_of(row)}) for row in found[:PAGE]]
    older = None
    if len(found) > PAGE:
        flags = {name: "1" for name, on in (("live", recording), ("all", children)) if on}
        older = "?" + urlencode({**flags, "before": f"{found[PAGE - 1]['started_at']}~{found[PAGE - 1]['id']}"})
    plain = not (before or recording or children)
    return pages.html(
        "sessions.html", {"rows": rows, "older": older, "recording": recording, "children": children, "live": plain}
    )


@guard.page
def search(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    query = guard.wanted(request)
    context = {
        "query": query, "session": None, "limit": HITS,
        "turns": read.search_turns(connection, query, HITS), "places": read.search_terminal(connection, query, HITS),
    }  # fmt: skip
    return pages.html("results.html" if request.args.get("part") else "search.html", context)


@guard.stream
async def events(pages: Pages, request: Request, send: guard.Send) -> Any:
    return live.events(
        pages.hub, await pages.database(), lambda: topics.SessionsTopic(pages), topics.SessionsTopic.key, "", request.receive
    )


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy$", sessions),
        (r"/-/procy/search$", search),
        (r"/-/procy/events$", events),
    ]
