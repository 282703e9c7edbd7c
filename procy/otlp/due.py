"""Which rows are to be told, and their spans, a few turns at a time."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procy import __version__
from procy.otlp.memory import Memory
from procy.otlp.span import Group, Span, Value, trace_id
from procy.otlp.spans import Place, Teller, place_of, told
from procy.store import read
from procy.store.db import from_iso, iso

AT_ONCE = 50  # turns read at a time
SETTLE_S = 3.0  # a row may still change so long after its end
BELOW = """WITH RECURSIVE tree (id) AS (SELECT value FROM json_each(:sessions) UNION SELECT sessions.id FROM sessions
JOIN tree ON parent_id = tree.id WHERE pane_id IS NULL) SELECT id FROM tree"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``since``: what began then or later. ``sessions``: ids; () means all. ``new``: only what the endpoint has not had."""

    since: str = ""
    sessions: tuple[str, ...] = ()
    new: bool = False
    content: bool = False


class Due:
    """Reads what is finished and wanted, as groups of spans."""

    def __init__(self, connection: sqlite3.Connection, memory: Memory, wanted: Wanted) -> None:
        self.connection, self.memory, self.wanted = connection, memory, wanted
        self.teller = Teller(wanted.content)
        self.base = base_resource(os.environ)
        memory.attach(connection)

    def groups(self) -> Iterator[Group]:
        """Exchanges last: whoever sees them may know their turn by then."""
        self.before = iso(time.time_ns() - round(SETTLE_S * 1e9))
        self.known: dict[str, tuple[Any, Place, dict[str, Value]]] = {}
        yield from self.turns()
        yield from self.sessions()
        yield from self.exchanges()

    def turns(self) -> Iterator[Group]:
        query = (
            "SELECT turns.id, session_id FROM turns WHERE ended_at IS NOT NULL AND status <> 'open' AND ended_at <= :before "
            + self.filter("turns", "session_id")
            + " ORDER BY session_id, seq"
        )
        rows = self.connection.execute(query, self.values()).fetchall()
        for session_id, keys in by_session(rows):
            session, place, resource = self.session(session_id)
            for start in range(0, len(keys), AT_ONCE):
                yield Group(resource, list(self.spans_of(keys[start : start + AT_ONCE], session, place)))

    def spans_of(self, keys: Sequence[str], session: Any, place: Place) -> Iterator[Span]:
        calls, files = read.tool_calls(self.connection, keys), read.turn_files(self.connection, keys)
        for row in self.rows_of("turns", keys):
            yield self.teller.turn(row, session, place, len(files[row["id"]]))
            yield from (self.teller.call(call, row, session, place) for call in calls[row["id"]])

    def sessions(self) -> Iterator[Group]:
        query = "SELECT sessions.id FROM sessions WHERE ended_at IS NOT NULL AND status IN ('ended', 'lost') "
        rows = self.connection.execute(query + self.filter("sessions", "id") + " ORDER BY id", self.values()).fetchall()
        for (key,) in rows:
            row, place, resource = self.session(key)
            (last,) = self.connection.execute("SELECT max(ended_at) FROM turns WHERE session_id = ?", (key,)).fetchone()
            ended = max(from_iso(at) for at in (row["ended_at"], last, row["started_at"]) if at)
            yield Group(resource, [self.teller.session(row, place, ended)])

    def exchanges(self) -> Iterator[Group]:
        query = "SELECT id, coalesce(session_id, '') FROM exchanges WHERE outcome IS NOT NULL AND started_at <= :before "
        rows = self.connection.execute(
            query + self.filter("exchanges", "session_id") + " ORDER BY 2, id", self.values()
        ).fetchall()
        for session_id, keys in by_session(rows):
            session, place, resource = self.session(session_id)
            for start in range(0, len(keys), AT_ONCE):
                found = self.rows_of("exchanges", keys[start : start + AT_ONCE])
                places = [place if session else Place(trace_id(row["id"])) for row in found]
                yield Group(resource, [self.teller.exchange(row, session, one) for row, one in zip(found, places, strict=True)])

    def rows_of(self, table: str, keys: Sequence[str]) -> list[Any]:
        """All at once: nothing is left open in the database while a collector is waited for."""
        marks = ",".join("?" * len(keys))
        return self.connection.execute(f"SELECT * FROM {table} WHERE id IN ({marks}) ORDER BY id", tuple(keys)).fetchall()

    def filter(self, table: str, session: str) -> str:
        parts = []
        if self.wanted.since:
            parts.append(f"AND {table}.started_at >= :since")
        if self.wanted.sessions:
            parts.append(f"AND {table}.{session} IN ({BELOW})")
        if self.wanted.new:
            sent = f"SELECT 1 FROM {self.memory.name}.sent WHERE endpoint = :endpoint AND sent.id = {table}.id"
            parts.append(f"AND NOT EXISTS ({sent})")
        return " ".join(parts)

    def values(self) -> dict[str, str]:
        sessions = '["' + '", "'.join(self.wanted.sessions) + '"]'
        return {"before": self.before, "since": self.wanted.since, "sessions": sessions, "endpoint": self.memory.endpoint}

    def session(self, session_id: str) -> tuple[Any, Place, dict[str, Value]]:
        """A session, where its spans hang and what resource they are of; remembered while one pass is made."""
        if session_id not in self.known:
            row = self.row(session_id)
            if row is None:
                return None, Place(trace_id(session_id)), self.base
            ancestors: list[Any] = []
            above = self.row(row["parent_id"])
            while above is not None and len(ancestors) < 32:
                ancestors.append(above)
                above = self.row(above["parent_id"])
            self.known[session_id] = (row, place_of(row, ancestors, self.turn_above(row)), self.base | resource_of(row))
        return self.known[session_id]

    def row(self, session_id: str | None) -> Any:
        return self.connection.execute("SELECT * FROM sessions WHERE id = ?", (session_id,)).fetchone()

    def turn_above(self, session: Any) -> str | None:
        """The parent's turn during which a sub-agent began."""
        row = self.connection.execute(
            "SELECT id FROM turns WHERE session_id = ? AND started_at <= ? ORDER BY started_at DESC LIMIT 1",
            (session["parent_id"], session["started_at"]),
        ).fetchone()
        return row[0] if row else None


def by_session(rows: Sequence[Any]) -> Iterator[tuple[str, list[str]]]:
    """Neighbouring rows (id, session) of one session together."""
    found: dict[str, list[str]] = {}
    for key, session_id in rows:
        found.setdefault(session_id, []).append(key)
    yield from found.items()


def base_resource(environment: Mapping[str, str]) -> dict[str, Value]:
    """Of every span; ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` go first, as everywhere."""
    from urllib.parse import unquote

    given: dict[str, Value] = {}
    for part in environment.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            given[name.strip()] = unquote(value.strip())
    if service := environment.get("OTEL_SERVICE_NAME"):
        given["service.name"] = service
    return {"service.name": "procy", "service.version": __version__, "host.name": platform.node() or "unknown", **given}


def resource_of(session: Any) -> dict[str, Value]:
    """The repository that a session works in."""
    return told(
        {
            "vcs.repository.name": os.path.basename(session["repo"]) if session["repo"] else None,
            "vcs.ref.head.name": session["branch"],
            "vcs.ref.head.revision": session["git_head"],
            "procy.repository": session["repo"],
            "procy.directory": session["cwd"],
        }
    )
