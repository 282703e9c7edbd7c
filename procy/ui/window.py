"""The part of a conversation that one page shows, small enough to be quick whatever the session's length."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from procy.store import session_pages
from procy.ui.conversation import TurnView, load
from procy.ui.pages import Pages

TURNS = 50
BYTES = 280_000  # of the turns on a page; at least one is shown
AT_ONCE = 10  # turns read at a time
LATE = 2  # finished turns before the last that may still change: where their screens ended is known a second later


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page lies: after a turn, before one, around one, or at the end; by seq."""

    after: int | None = None
    before: int | None = None
    around: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Turns ``first`` to ``last`` of ``total``. ``floor``: turns from there on may still change."""

    turns: tuple[Markup, ...]
    titles: tuple[Markup, ...]
    seqs: tuple[int, ...]
    first: int
    last: int
    total: int
    earlier: bool
    later: bool
    floor: int


def window(pages: Pages, connection: sqlite3.Connection, session: sqlite3.Row, place: Place) -> Window:
    """The turns of a place; as many as fit."""
    total, first, last = session_pages.turn_range(connection, session["id"])
    filling = Filling(pages, connection, session)
    if place.around is not None:
        filling.around(place.around)
    elif place.after is not None:
        filling.forwards(place.after)
    else:
        filling.backwards(place.before if place.before is not None else last + 1)
    views = [view for view, _ in filling.shown]
    titles = tuple(render_title(pages, view.row) for view in views)
    earlier, later = (filling.first > first, filling.last < last) if views else (False, False)
    turns = tuple(html for _, html in filling.shown)
    seqs = tuple(view.row["seq"] for view in views)
    return Window(turns, titles, seqs, filling.first, filling.last, total, earlier, later, floor_of(views))


class Filling:
    """The turns of a page in order, taken from either side until it is full."""

    def __init__(self, pages: Pages, connection: sqlite3.Connection, session: sqlite3.Row) -> None:
        self.pages, self.connection, self.session = pages, connection, session
        self.shown: list[tuple[TurnView, Markup]] = []
        self.bytes = 0

    @property
    def first(self) -> int:
        return self.shown[0][0].row["seq"] if self.shown else 0

    @property
    def last(self) -> int:
        return self.shown[-1][0].row["seq"] if self.shown else 0

    def around(self, seq: int) -> None:
        """The turn itself whatever its size, a third of the page above it, and what follows."""
        self.forwards(seq - 1, share=0)
        if self.shown:
            self.backwards(self.first, share=1 / 3)
            self.forwards(self.last)
            self.backwards(self.first)

    def forwards(self, after: int, share: float = 1) -> None:
        key = self.session["id"]
        while rows := session_pages.page_turns(self.connection, key, after, limit=AT_ONCE):
            for view in load(self.connection, rows, self.session["cwd"]):
                if not self.take(view, len(self.shown), share):
                    return
            after = rows[-1]["seq"]

    def backwards(self, before: int, share: float = 1) -> None:
        key = self.session["id"]
        while rows := session_pages.page_turns(self.connection, key, before=before, limit=AT_ONCE):
            for view in reversed(load(self.connection, rows, self.session["cwd"])):
                if not self.take(view, 0, share):
                    return
            before = rows[0]["seq"]

    def take(self, view: TurnView, at: int, share: float) -> bool:
        """Add a turn if that share of the page has room for it; it has for the first."""
        if self.shown and len(self.shown) >= TURNS * share:
            return False
        html = render_turn(self.pages, view)
        size = len(html.encode())
        if self.shown and self.bytes + size > BYTES * share:
            return False
        self.shown.insert(at, (view, html))
        self.bytes += size
        return True


def floor_of(views: Sequence[TurnView]) -> int:
    """From which turn on a page is to be told again what there is."""
    newest: int = views[-1].row["seq"] if views else 0
    opened: list[int] = [
        view.row["seq"] for view in views if view.row["status"] == "open" and view.row["seq"] > newest - TURNS // 2
    ]
    return max(min(newest, *opened) - LATE, 0) if opened else max(newest - LATE, 0)


def render_turn(pages: Pages, view: TurnView) -> Markup:
    return pages.render("turn.html", {"view": view, "turn": view.row})


def render_title(pages: Pages, turn: sqlite3.Row) -> Markup:
    return pages.render("title.html", {"turn": turn, "to_screen": False})


def place_of(turn: sqlite3.Row) -> str:
    """The query string and fragment of the conversation page on which a turn is."""
    return f"?around={turn['seq']}#t{turn['seq']}"
