"""Sessions: the list of them, live, and search over all."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from datasette import Request, Response, hookimpl

from procy.errors import ProcyError
from procy.store import filters as saved_filters
from procy.store import session_pages, tags
from procy.store.wanted import NEWEST_HITS, Wanted
from procy.store.write import written
from procy.ui import filters, guard, live, topics
from procy.ui.pages import Pages
from procy.ui.results import results

PAGE = 50
LONGEST_NAME = 60  # characters


@guard.page
def sessions(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    asked = filters.filter_of({name: request.args.get(name) or "" for name in request.args})
    before = place_in_list(request.args.get("before") or "")
    wanted = Wanted(asked.agent, asked.dir, asked.tag, asked.text, asked.since_iso(time.time_ns()))
    found = session_pages.page_sessions(connection, before, PAGE + 1, bool(asked.live), bool(asked.all or asked.tag), wanted)
    tagged = tags.tagged_turns(connection, asked.tag, [row["id"] for row in found]) if asked.tag else {}
    rows = [
        pages.render("session.html", {"session": row, "version": topics.version_of(row), "tagged": tagged.get(row["id"])})
        for row in found[:PAGE]
    ]
    older = None
    if len(found) > PAGE:
        last = found[PAGE - 1]
        more = urlencode({"before": f"{last['live']}~{last['active_at']}~{last['id']}"})
        older = f"?{asked.query}&{more}" if asked.query else f"?{more}"
    saved = saved_filters.saved(connection)
    context = {
        "rows": rows, "older": older, "asked": asked, "saved": saved, "is_saved": asked.query in [row["query"] for row in saved],
        "live": not (before or asked.all or asked.narrow), "ignored": asked.since and not wanted.since,
        "most_hits": f"{NEWEST_HITS:,}",
        **filters.choices(connection),
    }  # fmt: skip
    return pages.html("sessions.html", context)


@guard.action
def save_filter(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """Keep the filter of ``query`` under ``name``."""
    name, asked = " ".join(form.get("name", "").split())[:LONGEST_NAME], filters.parsed(form.get("query", ""))
    if not name:
        raise ProcyError("the filter has no name", "Give it one")
    if not asked.query:
        raise ProcyError("this filter leaves nothing out", "Choose something first")
    with written(pages.places.db) as connection:
        saved_filters.save(connection, name, asked.query, time.time_ns())
    return {"query": asked.query}


@guard.action
def drop_filter(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    with written(pages.places.db) as connection:
        saved_filters.drop(connection, form.get("name", ""))
    return {}


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
        (r"/-/procy/do/save-filter$", save_filter),
        (r"/-/procy/do/drop-filter$", drop_filter),
    ]
