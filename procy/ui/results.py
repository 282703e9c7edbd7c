"""What a search finds, in one session or in all: said, and on the screen."""

from __future__ import annotations

import sqlite3

from datasette import Request, Response

from procy.store import read
from procy.ui import guard
from procy.ui.pages import Pages, session_links

HITS = 50  # of each kind


def results(pages: Pages, connection: sqlite3.Connection, request: Request, session: sqlite3.Row | None = None) -> Response:
    query, within = guard.wanted(request), session["id"] if session else None
    context = {
        "query": query, "limit": HITS, "tab": "", "session": None, "turns": read.search_turns(connection, query, HITS, within),
        "places": read.search_terminal(connection, query, HITS, within), **(session_links(pages, session) if session else {}),
    }  # fmt: skip
    return pages.html("results.html" if request.args.get("part") else "search.html", context)
