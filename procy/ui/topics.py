"""What open pages listen to: one session's turns and state, or the list of sessions."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable

from procy.store import correction_pages, session_pages
from procy.ui.conversation import TurnView, hash_of, load
from procy.ui.live import BEHIND, Event
from procy.ui.pages import Pages
from procy.ui.window import LATE, TURNS, floor_of, render_title, render_turn

SESSIONS = 50
AT_ONCE = TURNS + 10  # turns that are told; who lacks more has to load the page again


class SessionTopic:
    """New and changed turns of a session, and what its agent does.

    Turns long done change when they are corrected. An event's id is the first turn that may still change, and the revision of
    all corrections that the page knows then: ``12-7``.
    """

    def __init__(self, pages: Pages, session_id: str) -> None:
        self.pages = pages
        self.session_id = session_id
        self.key = f"session {session_id}"
        self.floor: int | None = None
        self.revision: int | None = None
        self.told: dict[str, str] = {}
        self.state = ""

    def news(self, connection: sqlite3.Connection) -> list[Event]:
        session = session_row(connection, self.session_id)
        if session is None:
            return []
        if self.floor is None:
            self.floor = max(session_pages.turn_range(connection, self.session_id)[2] - TURNS, 0)
        known, self.revision = self.revision, correction_pages.revision(connection)
        views = self.views(connection, session, self.floor)
        if len(views) == AT_ONCE:
            self.floor, self.told = max(session_pages.turn_range(connection, self.session_id)[2] - LATE, 0), {}
            return [BEHIND]
        changed = [view for view in views if self.told.get(view.row["id"]) != view.version]
        self.told = {view.row["id"]: view.version for view in views}
        self.floor = floor_of(views) if views else self.floor
        revised = self.revised(connection, session, known, views)
        if len(revised) > TURNS:
            return [BEHIND]
        found = list(self.turn_events(changed, self.floor, self.revision))
        found += self.turn_events(revised, self.floor, self.revision, "revised")
        state = self.state_event(session)
        if state.data != self.state:
            self.state = state.data
            found.append(state)
        return found

    def since(self, connection: sqlite3.Connection, last_id: str) -> list[Event]:
        session = session_row(connection, self.session_id)
        if session is None:
            return []
        known = re.fullmatch(r"(\d{1,15})(?:-(\d{1,15}))?", last_id)
        floor = int(known[1]) if known else session_pages.turn_range(connection, self.session_id)[2]
        revision = correction_pages.revision(connection)
        views = self.views(connection, session, floor)
        revised = self.revised(connection, session, int(known[2]) if known and known[2] else None, views)
        if max(len(views), len(revised)) > TURNS:
            return [BEHIND]
        floor = floor_of(views) if views else floor
        events = [*self.turn_events(views, floor, revision), *self.turn_events(revised, floor, revision, "revised")]
        return [*events, self.state_event(session)]

    def revised(
        self, connection: sqlite3.Connection, session: sqlite3.Row, revision: int | None, views: Iterable[TurnView]
    ) -> list[TurnView]:
        """Turns before those of ``views`` whose corrections changed since."""
        if revision is None:
            return []
        told = {view.row["id"] for view in views}
        changed = correction_pages.changed_turns(connection, self.session_id, revision, AT_ONCE)
        wanted = [turn_id for turn_id in changed if turn_id not in told]
        return load(connection, session_pages.page_turns_by_id(connection, wanted), session["cwd"]) if wanted else []

    def views(self, connection: sqlite3.Connection, session: sqlite3.Row, floor: int) -> list[TurnView]:
        rows = session_pages.page_turns(connection, self.session_id, max(floor - 1, 0), limit=AT_ONCE)
        return load(connection, rows, session["cwd"])

    def turn_events(self, views: Iterable[TurnView], floor: int, revision: int, name: str = "turn") -> Iterable[Event]:
        for view in views:
            facts = {"seq": view.row["seq"], "id": view.row["id"], "version": view.version, "html": render_turn(self.pages, view),
                     "title": render_title(self.pages, view.row)}  # fmt: skip
            yield Event(name, json.dumps(facts), f"{floor}-{revision}")

    def state_event(self, session: sqlite3.Row) -> Event:
        return Event("state", json.dumps({"html": self.pages.render("badge.html", {"session": session})}))


class SessionsTopic:
    """New sessions, and what changed of those on the first page."""

    key = "sessions"

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.told: dict[str, str] = {}

    def news(self, connection: sqlite3.Connection) -> list[Event]:
        rows = session_pages.page_sessions(connection, limit=SESSIONS)
        changed = [row for row in rows if self.told.get(row["id"]) != version_of(row)]
        self.told = {row["id"]: version_of(row) for row in rows}
        return [self.event(row) for row in reversed(changed)]

    def since(self, connection: sqlite3.Connection, last_id: str) -> list[Event]:
        return [self.event(row) for row in reversed(session_pages.page_sessions(connection, limit=SESSIONS))]

    def event(self, row: sqlite3.Row) -> Event:
        html = self.pages.render("session.html", {"session": row, "version": version_of(row)})
        return Event("session", json.dumps({"id": row["id"], "version": version_of(row), "html": html}))


def version_of(row: sqlite3.Row) -> str:
    """Changes when what the list shows of a session does."""
    return format(hash_of(row[name] for name in SHOWN), "x")


SHOWN = ("name", "status", "state", "state_reason", "turns", "last_turn_at", "last_end_at", "last_status", "last_prompt", "agent",
         "pane_id", "branch", "ended_at", "unseen", "tags")  # fmt: skip


def session_row(connection: sqlite3.Connection, session_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM sessions WHERE id = ?", (session_id,)).fetchone()
    return row
