"""Sessions: the list of them, live, and search over all."""

from __future__ import annotations

import re
import sqlite3
from typing import Any
from urllib.parse import urlencode

from datasette import Request, Response, hookimpl

from procy.store import read
from procy.ui import guard, live, topics
from procy.ui.pages import Pages
from procy.ui.results import results

PAGE = 50


@guard.page
def sessions(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    recording, children = bool(request.args.get("live")), bool(request.args.get("all"))
    before = place_in_list(request.args.get("before") or "")
    found = read.page_sessions(connection, before, PAGE + 1, recording, children)
    rows = [pages.render("session.html", {"session": row, "version": topics.version_of(row)}) for row in found[:PAGE]]
    older = None
    if len(found) > PAGE:
        flags = {name: "1" for name, on in (("live", recording), ("all", children)) if on}
        last = found[PAGE - 1]
        older = "?" + urlencode({**flags, "before": f"{last['live']}~{last['active_at']}~{last['id']}"})
    context = {"rows": rows, "older": older, "recording": recording, "children": children, "live": not (before or children)}
    return pages.html("sessions.html", context)


def place_in_list(text: str) -> tuple[int, str, str] | None:
    """Where a page of the list goes on: (whether live, when last active, id) of the last one on the page before."""
    match = re.fullmatch(r"([01])~([^~]*)~(.*)", text)
    return (int(match[1]), match[2], match[3]) if match else None


@guard.page
def search(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    return results(pages, connection, request)


@guard.stream
async def events(pages: Pages, request: Request) -> Any:
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
