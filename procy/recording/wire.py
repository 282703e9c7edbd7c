"""Turns that the calls of a session tell, where no transcript does: read from what the gateway has recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from procy.parse.wire.turns import Exchange, WireReader, groups
from procy.store.db import from_iso, iso
from procy.store.exchanges import calls_since, read_body
from procy.types import Turn


class Calls:
    """Follows the calls of one session. ``read`` gives the turns that have changed."""

    def __init__(self, connection: sqlite3.Connection, session_id: str) -> None:
        self.connection, self.session_id = connection, session_id
        self.reader = WireReader()
        self.since = ""  # when the last calls that were read began
        self.known: set[str] = set()  # of those

    def read(self, most: int = 1 << 30) -> Sequence[Turn]:
        """Calls that overlap are read when all of them have ended; at most so many such groups, the others next time."""
        rows = [row for row in calls_since(self.connection, self.session_id, self.since) if row[0] not in self.known]
        running = min((row[3] for row in rows if row[5] is None), default="9")
        whole = [exchange_of(row) for row in rows if row[5] is not None]
        for group in groups(whole)[:most]:
            if iso(max(call.ended_ns for call in group)) >= running:
                break
            self.reader.feed(map(self.whole, group))
            self.since = iso(max(call.started_ns for call in group))
            self.known |= {call.id for call in group}
        return self.reader.changed()

    def whole(self, call: Exchange) -> Exchange:
        """With its bodies."""
        request, response = (read_body(self.connection, call.id, side) or b"" for side in ("request", "response"))
        return call._replace(request=request, response=response)


def exchange_of(row: sqlite3.Row) -> Exchange:
    """Without its bodies."""
    key, wire, conversation, started_at, duration_ms, outcome, error = row
    started_ns = from_iso(started_at)
    ended_ns = started_ns + round((duration_ms or 0) * 1_000_000)
    return Exchange(key, wire, conversation or "", started_ns, ended_ns, outcome, error or "", b"", b"")
