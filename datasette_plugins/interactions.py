"""Interactions of a session: prompts, answers and tools, live, paged and searchable."""

from __future__ import annotations

import sqlite3
from typing import Any

from datasette import Request, Response, hookimpl

from procy.store import correction_pages, marks, read, session_pages, tags
from procy.ui import guard, live, parts, topics
from procy.ui.pages import Pages, session_links
from procy.ui.results import results
from procy.ui.window import Place, Window, place_of, window


@guard.page
def interactions(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    handle = guard.variable(request, "session")
    session = session_pages.page_session(connection, handle)
    if handle != session["id"]:
        query = f"?{request.query_string}" if request.query_string else ""
        return Response.redirect(f"{pages.root}/s/{session['id']}{query}")
    if "q" in request.args:
        return results(pages, connection, request, session)
    revision = correction_pages.revision(connection)
    place = Place(*(guard.number(request, name) for name in ("after", "before", "around")))
    page, links = window(pages, connection, session, place), session_links(pages, session)
    if page.total and not page.turns:
        return Response.redirect(links["conversation"])
    totals = session_pages.session_totals(connection, session["id"])
    context = {
        **links, "tab": "conversation", "page": page, "totals": totals, "cost": session["cost_usd"] or totals["cost_usd"],
        "revision": revision,
        "children": read.children_of(connection, session["id"]), "parent": session["parent_id"],
        **notes(connection, session["id"], page, may_write=bool(request.actor)),
    }  # fmt: skip
    return pages.html("interactions.html", context)


def notes(connection: sqlite3.Connection, session_id: str, page: Window, may_write: bool) -> dict[str, Any]:
    """What a reader left here before: tags, bookmarks, how far it was read, and what is new since then."""
    seen = marks.seen_of(connection, session_id)
    far = seen["seq"] if seen else 0
    unread = None
    if seen and seen["turns"]:
        at = next((place for place, seq in enumerate(page.seqs) if seq > far), None)
        unread = {"turns": seen["turns"], "first": seen["first"], "at": at, "on_page": seen["first"] in page.seqs}
    return {
        "session_tags": tags.of(connection, "session", [session_id])[session_id], "known_tags": tags.known(connection),
        "bookmarks": marks.bookmarks_of(connection, session_id),
        "changed_files": session_pages.changed_paths(connection, session_id),
        "seen": far, "sees": may_write and (not page.later or page.first <= far + 1), "unread": unread,
    }  # fmt: skip


@guard.page
def turn(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    row = session_pages.page_turn(connection, guard.variable(request, "turn"))
    return Response.redirect(f"{pages.root}/s/{row['session_id']}{place_of(row)}")


@guard.page
def part(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    row = session_pages.page_turn(connection, guard.variable(request, "turn"))
    context = {"turn": row, "part": parts.find_part(connection, row, guard.variable(request, "part"))}
    return pages.html("part.html" if request.args.get("part") else "part_page.html", {**context, "title": context["part"].title})


@guard.stream
async def events(pages: Pages, request: Request) -> Any:
    database = await pages.database()
    handle = guard.variable(request, "session")
    session = await database.execute_fn(lambda connection: session_pages.page_session(connection, handle)["id"])
    since = request.headers.get("last-event-id") or request.args.get("since") or ""
    return live.events(
        pages.hub, database, lambda: topics.SessionTopic(pages, session), f"session {session}", since, request.receive
    )


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/s/(?P<session>[^/]+)$", interactions),
        (r"/-/procy/s/(?P<session>[^/]+)/events$", events),
        (r"/-/procy/t/(?P<turn>[^/]+)$", turn),
        (r"/-/procy/t/(?P<turn>[^/]+)/(?P<part>[a-z]+(?:-\d+){0,2})$", part),
    ]
