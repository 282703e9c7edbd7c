"""Finding words within one session, and the files that it changed."""

from __future__ import annotations

import sqlite3
from typing import Any

from datasette import Request, Response, hookimpl

from procy.store import read, session_pages
from procy.ui import find, guard
from procy.ui.changed import FILES, changed_of
from procy.ui.pages import Pages, session_links


@guard.page
def found(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    """The turns that hold all words of ``q``, and the words as the index has them."""
    session = session_pages.page_session(connection, guard.variable(request, "session"))
    query = guard.wanted(request)
    words = [word._asdict() for word in find.words_of(query)]
    return Response.json({"turns": read.turns_with(connection, query, session["id"]), "words": words})


@guard.page
def folds(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    """What to unfold in a turn so that the words of ``q`` are seen."""
    turn = session_pages.page_turn(connection, guard.variable(request, "turn"))
    return Response.json({"folds": find.folds_of(connection, turn, find.words_of(guard.wanted(request)))})


@guard.page
def files(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    session = session_pages.page_session(connection, guard.variable(request, "session"))
    changed = changed_of(connection, session)
    context = {
        **session_links(pages, session), "tab": "", "changed": changed[:FILES], "more": max(len(changed) - FILES, 0),
        "added": sum(one.added for one in changed), "removed": sum(one.removed for one in changed),
    }  # fmt: skip
    return pages.html("changed.html" if request.args.get("part") else "changed_page.html", context)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/s/(?P<session>[^/]+)/find$", found),
        (r"/-/procy/s/(?P<session>[^/]+)/files$", files),
        (r"/-/procy/t/(?P<turn>[^/]+)/find\.folds$", folds),
    ]
