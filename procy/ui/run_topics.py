"""What open pages of the loop listen to: one run and its newest tries, or the list of runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from procy.errors import HandleError
from procy.store import run_pages
from procy.ui.live import Event
from procy.ui.pages import Pages
from procy.ui.run_window import Piece, RunWindow, look, run_line, version_of

RUNS = 50


class RunTopic:
    """How a run goes: its state, its head, its lineage, its newest tries."""

    def __init__(self, pages: Pages, run_id: str) -> None:
        self.pages = pages
        self.run_id = run_id
        self.key = f"run {run_id}"
        self.seen: list[tuple[Any, ...]] = []
        self.told: dict[str, str] = {}

    def news(self, connection: sqlite3.Connection) -> list[Event]:
        try:
            seen = look(connection, self.run_id)
        except HandleError:  # it was forgotten
            return []
        if seen.facts == self.seen:
            return []
        self.seen = seen.facts
        events = list(all_events(RunWindow(self.pages, seen)))
        changed = [event for key, event in events if self.told.get(key) != event.data]
        self.told = {key: event.data for key, event in events}
        return changed

    def since(self, connection: sqlite3.Connection, last_id: str) -> list[Event]:
        """All of it: a page knows by the versions what is new."""
        return [event for _, event in all_events(RunWindow(self.pages, look(connection, self.run_id)))]


def all_events(window: RunWindow) -> Iterable[tuple[str, Event]]:
    """Oldest try first, so that each new one is put above what is there already."""
    yield "state", Event("state", json.dumps({"html": window.state()}))
    head = window.head()
    yield "head", Event("head", json.dumps({"html": head, "version": version_of(head)}))
    tree = window.tree()
    yield "tree", Event("tree", json.dumps({"html": tree, "version": version_of(tree)}))
    for piece in reversed(window.tries()):
        yield piece.id, Event("try", facts_of(piece))


def facts_of(piece: Piece) -> str:
    return json.dumps({"id": piece.id, "seq": piece.seq, "version": piece.version, "html": piece.html})


class RunsTopic:
    """New runs, and what changed of those on the first page."""

    key = "runs"

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.told: dict[str, str] = {}

    def news(self, connection: sqlite3.Connection) -> list[Event]:
        lines = self.lines(connection)
        changed = [line for line in lines if self.told.get(line.id) != line.version]
        self.told = {line.id: line.version for line in lines}
        return [Event("run", facts_of(line)) for line in reversed(changed)]

    def since(self, connection: sqlite3.Connection, last_id: str) -> list[Event]:
        return [Event("run", facts_of(line)) for line in reversed(self.lines(connection))]

    def lines(self, connection: sqlite3.Connection) -> list[Piece]:
        return [run_line(self.pages, row) for row in run_pages.page_runs(connection, limit=RUNS)]
