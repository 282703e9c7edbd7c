"""Terminal of a session: a clip of every turn, the whole session with marks, and the screen as text where there is no player."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from datasette import Request, Response, hookimpl

from procy.recording.marks import marks_of
from procy.recording.terminal import TerminalLog
from procy.store import read
from procy.ui import clips, guard, whole
from procy.ui.clips import Clip
from procy.ui.pages import Pages, session_links
from procy.ui.window import TURNS, place_of


def log_of(pages: Pages, connection: sqlite3.Connection, session: sqlite3.Row) -> TerminalLog:
    return TerminalLog(connection, pages.spool, session["id"])


@guard.page
def terminal(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    session = read.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    end, at = log.end(), guard.number(request, "at")
    at = None if at is None else min(at, end)
    turn = wanted_turn(connection, session, request, at)
    if turn is not None and turn["session_id"] != session["id"]:
        return Response.redirect(f"{pages.root}/s/{turn['session_id']}/terminal?turn={turn['id']}")
    if end and (request.args.get("whole") or (turn is None and at is None)):
        shown = whole_session(connection, log, turn, guard.number(request, "whole"), end)
    else:
        shown = one_turn(connection, log, turn, at, end)
    links, clip = session_links(pages, session), shown["clip"]
    screen = screen_of(log, session, turn, clip, end)
    context = {
        **links, **shown, **screen, "tab": "terminal", "turn": turn, "player": pages.assets.player(),
        "conversation": links["conversation"] + (place_of(turn) if turn else ""), "any": end > 0,
        "cast": f"{links['terminal']}/{shown['file']}?{clip.query}" if clip else None,
    }  # fmt: skip
    return pages.html("terminal.html", context)


def wanted_turn(connection: sqlite3.Connection, session: sqlite3.Row, request: Request, at: int | None) -> sqlite3.Row | None:
    """The turn that was asked for, or that a place lies in, or the newest that has a terminal."""
    if handle := request.args.get("turn"):
        return read.page_turn(connection, handle)
    if request.args.get("whole"):
        return None
    found = read.turn_at(connection, session["id"], at if at is not None else 1 << 62)
    return read.page_turn(connection, found["id"]) if found else None


def one_turn(
    connection: sqlite3.Connection, log: TerminalLog, turn: sqlite3.Row | None, at: int | None, end: int
) -> dict[str, Any]:
    """A turn's clip, titles of the turns around it, and the turns that "earlier" and "later" lead to."""
    clip = clips.clip_of(log, turn, at) if end else None
    _, _, last = read.turn_range(connection, log.session_id)
    after = max(min((turn["seq"] if turn else last) - TURNS // 2, last - TURNS), 0)
    titles = read.turn_titles(connection, log.session_id, after, limit=TURNS)
    earlier = read.turn_titles(connection, log.session_id, before=titles[0]["seq"], limit=TURNS // 2) if titles else []
    later = read.turn_titles(connection, log.session_id, after=titles[-1]["seq"], limit=TURNS // 2) if titles else []
    return {
        "whole": 0, "clip": clip, "file": "clip.cast", "marker": 0 if clip and clip.at is not None else None, "titles": titles,
        "earlier": earlier[0]["id"] if earlier else None, "later": later[-1]["id"] if later else None,
    }  # fmt: skip


def whole_session(
    connection: sqlite3.Connection, log: TerminalLog, turn: sqlite3.Row | None, number: int | None, end: int
) -> dict[str, Any]:
    """A part of the recording with all its turns: the part with a turn, else one by its number."""
    parts = whole.split(marks_of(connection, log), end)
    number = whole.part_with(parts, turn["seq"]) if turn else min(max(number or 1, 1), len(parts))
    part = parts[number - 1]
    return {
        "whole": number, "parts": len(parts), "clip": part.clip, "file": "session.cast", "marks": part.numbers,
        "marker": part.numbers.get(turn["seq"]) if turn else None, "later": number < len(parts),
        "titles": whole.titles(connection, log.session_id, parts, number),
    }  # fmt: skip


def screen_of(log: TerminalLog, session: sqlite3.Row, turn: sqlite3.Row | None, clip: Clip | None, end: int) -> dict[str, Any]:
    """The screen as text: at the place that was asked for, or at the end of the clip."""
    if not end:
        return screen_kept(log, session, turn)
    if clip is not None and clip.at is not None:
        return {"lines": clips.screen_text(log, clip.at), "caption": "The screen at that place."}
    if clip is not None and clip.end < end:
        return {"lines": clips.screen_text(log, clip.end), "caption": "The screen at the end of what is shown here."}
    return {"lines": clips.screen_text(log, end), "caption": "The screen at the end."}


def screen_kept(log: TerminalLog, session: sqlite3.Row, turn: sqlite3.Row | None) -> dict[str, Any]:
    """Of a pruned session the screen at the end of a turn, which is all that is left of it."""
    if not session["pruned_at"] or turn is None or turn["terminal_to"] is None:
        return {"lines": None, "caption": ""}
    return {"lines": clips.screen_text(log, turn["terminal_to"]), "caption": "The screen at the end of this turn."}


@guard.page
def clip_cast(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    session = read.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    clip = wanted_clip(request, log.end())
    return asciicast(clips.clip_cast(log, clip, clips.clip_marks(log, clip), session["name"] or session["agent"]))


@guard.page
def session_cast(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    session = read.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    end = log.end()
    clip = wanted_clip(request, end)
    if clip.end - clip.start > clips.LIMIT:
        return Response.text("Too long for a page. All of it: procy export cast\n", status=413)
    marks = whole.marks_in(marks_of(connection, log), clip, end)
    return asciicast(clips.clip_cast(log, clip, marks, session["name"] or session["agent"]))


def wanted_clip(request: Request, end: int) -> Clip:
    """What was asked for, cut to what there is."""
    first, last = guard.number(request, "from"), guard.number(request, "to")
    start = min(first or 0, end)
    return Clip(start, max(min(end if last is None else last, end), start), guard.number(request, "at"))


def asciicast(lines: Iterable[str]) -> Response:
    return Response("".join(lines).encode(), content_type="application/x-asciicast; charset=utf-8")


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/s/(?P<session>[^/]+)/terminal$", terminal),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/clip\.cast$", clip_cast),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/session\.cast$", session_cast),
    ]
