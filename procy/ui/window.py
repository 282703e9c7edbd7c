"""The part of a conversation that one page shows, small enough to be quick whatever the session's length."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from procy.store import read
from procy.ui.conversation import TurnView, load
from procy.ui.pages import Pages

TURNS = 50
BYTES = 280_000  # of the turns on a page; at least one is shown
LATE = 2  # finished turns before the last that may still change: where their screens ended is known a second later
BEFORE_TURN = 6  # turns shown above one that a link leads to


@dataclass(frozen=True, slots=True)
class Window:
    """Turns ``first`` to ``last`` of ``total``. ``floor``: turns from there on may still change."""

    turns: tuple[Markup, ...]
    titles: tuple[Markup, ...]
    first: int
    last: int
    total: int
    earlier: bool
    later: bool
    floor: int


def window(pages: Pages, connection: sqlite3.Connection, session: sqlite3.Row, after: int | None, before: int | None) -> Window:
    """What follows ``after``, or comes before ``before``, or the newest turns; as many as fit."""
    total, first, last = read.turn_range(connection, session["id"])
    backwards = after is None
    end = None if not backwards else before if before is not None else last + 1
    rows = read.page_turns(connection, session["id"], after or 0, end, TURNS)
    views = load(connection, rows, session["cwd"])
    kept = fitting([(view, render_turn(pages, view)) for view in views], backwards)
    shown = [view for view, _ in kept]
    seqs = [view.row["seq"] for view in shown]
    return Window(
        tuple(html for _, html in kept), tuple(render_title(pages, view.row) for view in shown),
        seqs[0] if seqs else 0, seqs[-1] if seqs else 0, total,
        bool(seqs) and seqs[0] > first, bool(seqs) and seqs[-1] < last, floor_of(shown),
    )  # fmt: skip


def fitting(turns: list[tuple[TurnView, Markup]], backwards: bool) -> list[tuple[TurnView, Markup]]:
    """As many as fit, from the end where ``backwards`` is set."""
    kept: list[tuple[TurnView, Markup]] = []
    size = 0
    for one in reversed(turns) if backwards else turns:
        size += len(one[1].encode())
        if kept and size > BYTES:
            break
        kept.append(one)
    return kept[::-1] if backwards else kept


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
    return pages.render("title.html", {"turn": turn, "terminal": False})


def place_of(connection: sqlite3.Connection, turn: sqlite3.Row) -> str:
    """The query string and fragment of the conversation page on which a turn is."""
    _, _, last = read.turn_range(connection, turn["session_id"])
    query = f"?after={max(turn['seq'] - 1 - BEFORE_TURN, 0)}" if turn["seq"] <= last - TURNS // 2 else ""
    return f"{query}#t{turn['seq']}"
