"""Terminal of a session: a clip of every turn, the whole session with marks, and the screen as text where there is no player."""

from __future__ import annotations

import sqlite3
from typing import Any

from datasette import Request, Response, hookimpl

from procy.recording.cast import Mark
from procy.recording.marks import marks_of, places_of
from procy.recording.terminal import TerminalLog
from procy.store import session_pages
from procy.store.terminal_hits import MOST, terminal_hits
from procy.ui import clips, finding, guard, live, moments, segments, whole
from procy.ui.clips import Clip
from procy.ui.pages import Pages, session_links
from procy.ui.segments import Segment
from procy.ui.tail import TailTopic
from procy.ui.window import TURNS, place_of


def log_of(pages: Pages, connection: sqlite3.Connection, session: sqlite3.Row) -> TerminalLog:
    return TerminalLog(connection, pages.spool, session["id"])


@guard.page
def terminal(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    session = session_pages.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    end, at = log.end(), guard.number(request, "at")
    at = None if at is None else min(at, end)
    found = find(connection, log, request, at)
    at = found["at"] if found else at
    turn = wanted_turn(connection, session, request, at)
    if turn is not None and turn["session_id"] != session["id"]:
        return Response.redirect(f"{pages.root}/s/{turn['session_id']}/terminal?turn={turn['id']}")
    follows = bool(request.args.get("live")) and session["status"] in ("recording", "paused")
    if end and (request.args.get("whole") or (turn is None and at is None)):
        shown = whole_session(connection, log, turn, guard.number(request, "whole"), end)
    else:
        shown = one_turn(connection, log, turn, at, end)
    links, clip = session_links(pages, session), shown["clip"]
    screen = screen_of(log, session, turn, clip, end)
    if found and found["hits"] and screen["lines"] is not None:
        screen["lines"] = finding.marked(screen["lines"], found["terms"])
    context = {
        **links, **shown, **screen, "tab": "terminal", "turn": turn, "player": pages.assets.player(),
        "conversation": links["conversation"] + (place_of(turn) if turn else ""), "any": end > 0, "follows": follows,
        "found": found, "query": found["query"] if found else "",
        **(recording(links["terminal"], clip, shown["file"], request) if clip else {"cast": None}),
    }  # fmt: skip
    return pages.html("terminal.html", context)


def recording(terminal: str, clip: Clip, file: str, request: Request) -> dict[str, Any]:
    """Where the player gets it: in one piece, or in segments."""
    idle = idle_of(request)
    segmented = clip.end - clip.start > clips.PLAIN
    name = "replay.json" if segmented else file
    turns = "&turns=1" if file == "session.cast" else ""
    query = f"{clip.query}{turns}" + (f"&idle={idle}" if "idle" in request.args else "")
    return {"cast": f"{terminal}/{name}?{query}", "segmented": segmented, "idle": idle}


def idle_of(request: Request) -> int:
    """The longest pause, in ms; 0 for none that is shortened."""
    idle = guard.number(request, "idle")
    return clips.IDLE_MS if idle is None else idle


def find(connection: sqlite3.Connection, log: TerminalLog, request: Request, at: int | None) -> dict[str, Any] | None:
    """What is searched for on the screen, how many hits there are, which is shown, and the place where it stands."""
    query = guard.wanted(request)
    if not query:
        return None
    hits = terminal_hits(connection, log.session_id, query)
    number = guard.number(request, "hit") or next((place for place, one in enumerate(hits, 1) if one["offset"] == at), 1)
    number = min(number, len(hits))
    terms = finding.Terms(query)
    place = finding.moment(log, hits[number - 1]["before"], hits[number - 1]["offset"], terms) if hits else at
    return {"query": query, "hits": len(hits), "hit": number, "at": place, "terms": terms, "more": len(hits) == MOST}


def wanted_turn(connection: sqlite3.Connection, session: sqlite3.Row, request: Request, at: int | None) -> sqlite3.Row | None:
    """The turn that was asked for, or that a place lies in, or the newest that has a terminal."""
    if handle := request.args.get("turn"):
        return session_pages.page_turn(connection, handle)
    if request.args.get("whole"):
        return None
    found = session_pages.turn_at(connection, session["id"], at if at is not None else 1 << 62)
    return session_pages.page_turn(connection, found["id"]) if found else None


def one_turn(
    connection: sqlite3.Connection, log: TerminalLog, turn: sqlite3.Row | None, at: int | None, end: int
) -> dict[str, Any]:
    """A turn's clip, titles of the turns around it, and the turns that "earlier" and "later" lead to."""
    clip = clips.clip_of(log, turn, at) if end else None
    _, _, last = session_pages.turn_range(connection, log.session_id)
    after = max(min((turn["seq"] if turn else last) - TURNS // 2, last - TURNS), 0)
    titles = session_pages.turn_titles(connection, log.session_id, after, limit=TURNS)
    labels = [mark.label for mark in clips.clip_marks(log, clip)] if clip else []
    marker = labels.index(clips.FOUND) if clips.FOUND in labels else None
    earlier = session_pages.turn_titles(connection, log.session_id, before=titles[0]["seq"], limit=TURNS // 2) if titles else []
    later = session_pages.turn_titles(connection, log.session_id, after=titles[-1]["seq"], limit=TURNS // 2) if titles else []
    return {
        "whole": 0, "clip": clip, "file": "clip.cast", "marker": marker, "titles": titles,
        "earlier": earlier[0]["id"] if earlier else None, "later": later[-1]["id"] if later else None,
    }  # fmt: skip


def whole_session(
    connection: sqlite3.Connection, log: TerminalLog, turn: sqlite3.Row | None, number: int | None, end: int
) -> dict[str, Any]:
    """A part of the recording with all its turns: the part with a turn, else one by its number."""
    parts = whole.split(places_of(connection, log), end)
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
    return in_one_piece(pages, connection, request)


@guard.page
def session_cast(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    return in_one_piece(pages, connection, request, turns=True)


def in_one_piece(pages: Pages, connection: sqlite3.Connection, request: Request, turns: bool = False) -> Response:
    session = session_pages.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    end = log.end()
    clip = wanted_clip(request, end)
    if clip.end - clip.start > clips.LIMIT:
        return Response.text("Too long for a page. All of it: procy export cast\n", status=413)
    marks = marks_for(connection, log, clip, end, turns)
    lines = clips.clip_cast(log, clip, marks, session["name"] or session["agent"], idle_of(request))
    return Response("".join(lines).encode(), content_type="application/x-asciicast; charset=utf-8")


def marks_for(connection: sqlite3.Connection, log: TerminalLog, clip: Clip, end: int, turns: bool) -> list[Mark]:
    return list(whole.marks_in(marks_of(connection, log), clip, end)) if turns else clips.clip_marks(log, clip)


@guard.page
def replay(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    """The index of a clip's segments."""
    log, clip, turns, end = wanted_replay(pages, connection, request)
    found = segments.plan(log, clip, marks_for(connection, log, clip, end, turns), idle_of(request))
    query = f"idle={idle_of(request)}" + ("&turns=1" if turns else f"&found={clip.at}" if clip.at is not None else "")
    return Response.json(segments.index(log, clip, found, query))


@guard.page
def segment(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    """One segment, as the index asks for it."""
    log, clip, turns, end = wanted_replay(pages, connection, request)
    asked = Clip(clip.start, clip.end, guard.number(request, "found"))
    if asked.end - asked.start > clips.LIMIT:
        return Response.json({"error": "too long for one segment"}, status=413)
    one = Segment(asked.start, asked.end, clip.at or 0, 0, guard.number(request, "back") or 0)
    first = bool(request.args.get("first"))
    marks = [mark for mark in marks_for(connection, log, Clip(asked.start, end, asked.at), end, turns)
             if (first or mark.offset > asked.start) and (mark.offset <= asked.end)]  # fmt: skip
    return Response.json(segments.segment(log, one, marks, idle_of(request)))


@guard.page
def place(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    """When that is shown with one way of shortening pauses which is shown at ``ms`` with another."""
    log, clip, _, _ = wanted_replay(pages, connection, request)
    was, at = guard.number(request, "was"), guard.number(request, "ms") or 0
    offset = segments.offset_at(log, clip, clips.IDLE_MS if was is None else was, at * 1_000_000)
    found = segments.plan(log, clip, [Mark(offset, 0, "")], idle_of(request))
    return Response.json({"seconds": segments.seconds(found.marks[0][0])})


def wanted_replay(pages: Pages, connection: sqlite3.Connection, request: Request) -> tuple[TerminalLog, Clip, bool, int]:
    """The recording, what of it was asked for, whether turns are marked in it, and where it ends."""
    session = session_pages.page_session(connection, guard.variable(request, "session"))
    log = log_of(pages, connection, session)
    end = log.end()
    return log, wanted_clip(request, end), bool(request.args.get("turns")), end


def wanted_clip(request: Request, end: int) -> Clip:
    """What was asked for, cut to what there is."""
    first, last = guard.number(request, "from"), guard.number(request, "to")
    start = min(first or 0, end)
    return Clip(start, max(min(end if last is None else last, end), start), guard.number(request, "at"))


@guard.page
def moment(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    """From a piece of an answer to the screen at that moment."""
    turn = session_pages.page_turn(connection, guard.variable(request, "turn"))
    log = TerminalLog(connection, pages.spool, turn["session_id"])
    place = moments.place_of_step(connection, log, turn, int(guard.variable(request, "step")))
    return Response.redirect(f"{pages.root}/s/{turn['session_id']}/terminal?turn={turn['id']}&at={place}")


@guard.stream
async def events(pages: Pages, request: Request) -> Any:
    """What the pane shows, while it is recorded."""
    database = await pages.database()
    handle = guard.variable(request, "session")
    session = await database.execute_fn(lambda connection: session_pages.page_session(connection, handle)["id"])
    since = request.headers.get("last-event-id") or request.args.get("since") or ""
    return live.events(pages.hub, database, lambda: TailTopic(pages.spool, session), f"tail {session}", since, request.receive)


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/s/(?P<session>[^/]+)/terminal$", terminal),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/clip\.cast$", clip_cast),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/session\.cast$", session_cast),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/replay\.json$", replay),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/segment\.json$", segment),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/place\.json$", place),
        (r"/-/procy/s/(?P<session>[^/]+)/terminal/events$", events),
        (r"/-/procy/t/(?P<turn>[^/]+)/at/(?P<step>\d{1,9})$", moment),
    ]
