"""What a reader leaves in a session: tags, bookmarks, and how far it was read."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from datasette import Request, hookimpl

from procy.errors import ProcyError
from procy.store import marks, session_pages, tags
from procy.store.write import written
from procy.ui import guard
from procy.ui.pages import Pages

LONGEST = 40  # characters of a tag


def tag_in(form: Mapping[str, str]) -> str:
    """The tag that a form gives. Raises ProcyError."""
    tag = " ".join(form.get("tag", "").replace("\0", " ").split()).lstrip("#").strip()
    if not tag or len(tag) > LONGEST:
        raise ProcyError(f"a tag has 1 to {LONGEST} characters", "Choose a shorter one" if tag else "Write one")
    return tag


def change_tags(connection: sqlite3.Connection, what: str, row: sqlite3.Row, form: Mapping[str, str]) -> list[str]:
    """Put a tag on a session or turn, or take it off where the form says ``off``; returns all it has then."""
    session_id = row["id"] if what == "session" else row["session_id"]
    if form.get("off"):
        tags.remove(connection, what, row["id"], form.get("tag", ""))
    else:
        tags.add(connection, what, row["id"], tag_in(form), session_id, time.time_ns())
    return tags.of(connection, what, [row["id"]])[row["id"]]


@guard.action
def tag_session(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    with written(pages.places.db) as connection:
        connection.row_factory = sqlite3.Row
        session = session_pages.page_session(connection, guard.variable(request, "session"))
        found = change_tags(connection, "session", session, form)
    return {"tags": found, "html": pages.render("labels.html", {"tags": found})}


@guard.action
def tag_turn(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    with written(pages.places.db) as connection:
        connection.row_factory = sqlite3.Row
        found = change_tags(connection, "turn", session_pages.page_turn(connection, guard.variable(request, "turn")), form)
    return {"tags": found, "html": pages.render("labels.html", {"tags": found})}


@guard.action
def bookmark(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """Keep a bookmark on a turn, or take it away where the form says ``off``."""
    with written(pages.places.db) as connection:
        connection.row_factory = sqlite3.Row
        turn = session_pages.page_turn(connection, guard.variable(request, "turn"))
        if form.get("off"):
            marks.unmark(connection, "turn", turn["id"])
        else:
            marks.bookmark(connection, "turn", turn["id"], turn["session_id"], time.time_ns())
        context = {"bookmarks": marks.bookmarks_of(connection, turn["session_id"]), "session": {"id": turn["session_id"]}}
    return {"on": not form.get("off"), "html": pages.render("bookmarks.html", context)}


@guard.action
def seen(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """The session was read up to turn ``seq``."""
    if not form.get("seq", "").isdecimal() or len(form["seq"]) > 15:
        raise ProcyError("no turn was named", "Load the page again")
    with written(pages.places.db) as connection:
        connection.row_factory = sqlite3.Row
        session = session_pages.page_session(connection, guard.variable(request, "session"))
        last = session_pages.turn_range(connection, session["id"])[2]
        marks.seen(connection, session["id"], min(int(form["seq"]), last), time.time_ns())
    return {}


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/do/tag-session/(?P<session>[^/]+)$", tag_session),
        (r"/-/procy/do/tag-turn/(?P<turn>[^/]+)$", tag_turn),
        (r"/-/procy/do/bookmark/(?P<turn>[^/]+)$", bookmark),
        (r"/-/procy/do/seen/(?P<session>[^/]+)$", seen),
    ]
