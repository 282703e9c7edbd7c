"""Terminal of a session: a clip of every turn, the whole session with marks, and the screen as text where there is no player."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from datasette import Request, Response, hookimpl

from procy.recording.terminal import TerminalLog
from procy.store import read
from procy.ui import clips, guard
from procy.ui.clips import Clip
from procy.ui.pages import Pages
from procy.ui.window import TURNS, place_of


def log_of(pages: Pages, connection: sqlite3.Connection, session: sqlite3.Row) -> TerminalLog:
    return TerminalLog(connection, pages.spool, session["id"])


@guard.page
def terminal(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    session = read.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    end, at = log.end(), guard.number(request, "at")
    turn = wanted_turn(connection, session, request, at)
    whole = end <= clips.LIMIT and (bool(request.args.get("whole")) or (turn is None and at is None and end > 0))
    clip = None if whole else clips.clip_of(log, turn, at)
    base = f"{pages.root}/s/{session['id']}"
    context = {
        "session": session, "tab": "terminal", "turn": None if whole else turn, "whole": whole, "player": pages.assets.player(),
        "terminal": f"{base}/terminal", "conversation": f"{base}{place_of(connection, turn)}" if turn else base,
        "cast": f"{base}/terminal/session.cast" if whole else f"{base}/terminal/clip.cast?{clip.query}" if clip else None,
        "marker": 0 if clip and clip.at is not None else None,
        "marks": clips.mark_numbers(connection, log) if whole else None,
        "too_long": end > clips.LIMIT, "limit": clips.LIMIT >> 20, "size": end >> 20, "any": end > 0,
        **outline(pages, connection, session, None if whole else turn), **screen_of(log, clip, at, end),
    }  # fmt: skip
    return pages.html("terminal.html", context)


def wanted_turn(connection: sqlite3.Connection, session: sqlite3.Row, request: Request, at: int | None) -> sqlite3.Row | None:
    """The turn that was asked for, or that a place lies in, or the newest that has a terminal."""
    if handle := request.args.get("turn"):
        return read.page_turn(connection, handle)
    found = read.turn_at(connection, session["id"], at if at is not None else 1 << 62)
    return read.page_turn(connection, found["id"]) if found else None


def outline(pages: Pages, connection: sqlite3.Connection, session: sqlite3.Row, turn: sqlite3.Row | None) -> dict[str, Any]:
    """Titles of the turns around one, and the turns that "earlier" and "later" lead to."""
    _, _, last = read.turn_range(connection, session["id"])
    after = max(min((turn["seq"] if turn else last) - TURNS // 2, last - TURNS), 0)
    rows = read.turn_titles(connection, session["id"], after, limit=TURNS)
    earlier = read.turn_titles(connection, session["id"], before=rows[0]["seq"], limit=TURNS // 2) if rows else []
    later = read.turn_titles(connection, session["id"], after=rows[-1]["seq"], limit=TURNS // 2) if rows else []
    here = turn["id"] if turn else ""
    return {
        "titles": [pages.render("title.html", {"turn": row, "terminal": True, "here": here}) for row in rows],
        "earlier": earlier[0]["id"] if earlier else None, "later": later[-1]["id"] if later else None,
    }  # fmt: skip


def screen_of(log: TerminalLog, clip: Clip | None, at: int | None, end: int) -> dict[str, Any]:
    """The screen as text: at the place that was asked for, or at the end of the clip."""
    if not end:
        return {"lines": None, "caption": ""}
    if at is not None:
        return {"lines": clips.screen_text(log, at), "caption": "The screen at that place."}
    if clip is not None:
        return {"lines": clips.screen_text(log, clip.end), "caption": "The screen at the end of the turn."}
    return {"lines": clips.screen_text(log, end), "caption": "The screen at the end."}


@guard.page
def clip_cast(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    session = read.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    if handle := request.args.get("turn"):
        turn = read.page_turn(connection, handle)
        clip = clips.clip_of(log, turn, guard.number(request, "at"))
    else:
        start, end = guard.number(request, "from") or 0, guard.number(request, "to") or log.end()
        clip = Clip(start, min(end, log.end()), guard.number(request, "at"))
    if clip is None:
        return Response.text("This turn has no terminal.\n", status=404)
    return asciicast(clips.clip_cast(log, clip, session["name"] or session["agent"]))


@guard.page
def session_cast(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    session = read.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    if log.end() > clips.LIMIT:
        return Response.text("Too long for a page. All of it: procy export cast\n", status=413)
    return asciicast(clips.session_cast(connection, log, session))


def asciicast(lines: Iterable[str]) -> Response:
    return Response("".join(lines).encode(), content_type="application/x-asciicast; charset=utf-8")


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/s/(?P<session>[^/]+)/terminal$", terminal),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/clip\.cast$", clip_cast),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/session\.cast$", session_cast),
    ]
