"""Calls of the gateway: their rows, and their bodies in pieces. Writers belong inside one ``transaction``."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import zstandard

from procy.store.blobs import unpack
from procy.store.parts import pack_ids, unpack_ids

LEVEL = 3  # of zstd: the gateway's own time counts
REMEMBERED = 20_000  # pieces whose ids the writer knows by heart


def put_exchange(connection: sqlite3.Connection, exchange_id: str, values: Mapping[str, Any]) -> None:
    """Insert a call, or complete it: a value that is None leaves what is there."""
    columns = ["id", *values]
    updates = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in values if name not in ONCE)
    connection.execute(
        f"INSERT INTO exchanges ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT (id) DO UPDATE SET {updates}",
        (exchange_id, *values.values()),
    )


ONCE = ("service", "method", "path", "started_at", "session_id", "agent_session_id")  # the triggers may know better meanwhile


def claim(connection: sqlite3.Connection, turn_id: str) -> None:
    """The calls that began in the turn's time are its own, and not of the turn before it, which they were tied to."""
    rows = connection.execute(IN_ITS_TIME, {"turn": turn_id}).fetchall()
    connection.executemany("UPDATE exchanges SET turn_id = ? WHERE id = ?", [(turn_id, row[0]) for row in rows])
    before = connection.execute(BEFORE_IT, {"turn": turn_id}).fetchall()
    losers = {row[1] for row in rows if row[1]} | {row[0] for row in before}
    connection.executemany(SUM_AGAIN, [{"turn": loser} for loser in sorted(losers)])


IN_ITS_TIME = """
SELECT exchanges.id, exchanges.turn_id FROM turns JOIN exchanges ON exchanges.session_id = turns.session_id
WHERE turns.id = :turn AND exchanges.turn_id IS NOT :turn AND exchanges.started_at >= turns.started_at
AND exchanges.started_at < coalesce((SELECT min(started_at) FROM turns AS later
    WHERE later.session_id = turns.session_id AND later.started_at > turns.started_at), '9999')
"""
BEFORE_IT = """
SELECT earlier.id FROM turns JOIN turns AS earlier ON earlier.session_id = turns.session_id
WHERE turns.id = :turn AND earlier.started_at < turns.started_at ORDER BY earlier.started_at DESC, earlier.seq DESC LIMIT 1
"""
SUM_AGAIN = """
UPDATE turns SET (input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd) = (
    SELECT sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens), sum(reasoning_tokens),
           sum(cost_usd) FROM exchanges WHERE turn_id = :turn)
WHERE id = :turn AND usage_from = 'wire'
"""


def has_bodies(connection: sqlite3.Connection, session_id: str) -> bool:
    """Whether the session has calls, and the bodies of all of them are here."""
    row = connection.execute("SELECT count(*), count(bodies) FROM exchanges WHERE session_id = ?", (session_id,)).fetchone()
    return bool(row[0]) and not row[1]


def calls_since(connection: sqlite3.Connection, session_id: str, since: str) -> list[sqlite3.Row]:
    """id, wire, agent_session_id, started_at, duration_ms, outcome (None while it runs), error of the session's calls of a model
    that began then or later, in the order of their beginnings."""
    return connection.execute(
        "SELECT id, wire, agent_session_id, started_at, duration_ms, outcome, error FROM exchanges "
        "WHERE session_id = ? AND started_at >= ? AND wire IS NOT NULL ORDER BY started_at, id",
        (session_id, since),
    ).fetchall()


def end_orphans(connection: sqlite3.Connection) -> int:
    """Calls that no gateway will complete any more. Returns how many."""
    why = "the gateway ended before the call did"
    return connection.execute("UPDATE exchanges SET outcome = 'lost', error = ? WHERE outcome IS NULL", (why,)).rowcount


class Parts:
    """Puts bodies in. One a writer: it knows the pieces it has put."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._sweep: int | None = None
        self._compress = zstandard.ZstdCompressor(level=LEVEL).compress

    def check(self, connection: sqlite3.Connection) -> None:
        """Begin a transaction: what another program took out meanwhile is not known any more."""
        (last,) = connection.execute("SELECT max(id) FROM exchange_sweeps").fetchone()
        if last != self._sweep:
            self._known.clear()
            self._sweep = last

    def put(self, connection: sqlite3.Connection, exchange_id: str, side: str, pieces: Iterable[bytes]) -> None:
        ids = [self._id(connection, piece) for piece in pieces]
        connection.execute("INSERT OR REPLACE INTO exchange_bodies VALUES (?, ?, ?)", (exchange_id, side, pack_ids(ids)))

    def forget(self) -> None:
        """What was put was rolled back."""
        self._known.clear()

    def _id(self, connection: sqlite3.Connection, piece: bytes) -> int:
        sha = hashlib.sha256(piece).digest()[:16]
        known = self._known.get(sha)
        if known is not None:
            self._known.move_to_end(sha)
            return known
        insert = "INSERT INTO exchange_parts (sha, data) VALUES (?, ?) ON CONFLICT (sha) DO NOTHING RETURNING id"
        row = connection.execute(insert, (sha, self._compress(piece))).fetchone()
        if row is None:
            row = connection.execute("SELECT id FROM exchange_parts WHERE sha = ?", (sha,)).fetchone()
        number = int(row[0])
        self._known[sha] = number
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return number


def read_body(connection: sqlite3.Connection, exchange_id: str, side: str) -> bytes | None:
    """One side of a call, byte for byte as it was kept; None where it is not here. ``side``: see the table."""
    row = connection.execute(
        "SELECT parts FROM exchange_bodies WHERE exchange_id = ? AND side = ?", (exchange_id, side)
    ).fetchone()
    if row is None:
        return None
    ids = unpack_ids(row[0])
    data = {one: piece(connection, one) for one in dict.fromkeys(ids)}
    return b"".join(data[one] for one in ids)


def piece(connection: sqlite3.Connection, number: int) -> bytes:
    row = connection.execute("SELECT data FROM exchange_parts WHERE id = ?", (number,)).fetchone()
    return unpack(row[0]) if row else b""


def drop_bodies(connection: sqlite3.Connection, before: str) -> int:
    """Take out the bodies of calls that began before a time; their rows stay. Returns of how many calls."""
    old = "SELECT id FROM exchanges WHERE started_at < ? AND outcome IS NOT NULL AND bodies IS NULL"
    connection.execute(f"DELETE FROM exchange_bodies WHERE exchange_id IN ({old})", (before,))
    sql = "UPDATE exchanges SET bodies = 'aged' WHERE started_at < ? AND outcome IS NOT NULL AND bodies IS NULL"
    return connection.execute(sql, (before,)).rowcount


def drop_bodies_of(connection: sqlite3.Connection, session_id: str) -> None:
    """The same for the calls of a session."""
    own = "SELECT id FROM exchanges WHERE session_id = ?"
    connection.execute(f"DELETE FROM exchange_bodies WHERE exchange_id IN ({own})", (session_id,))
    connection.execute("UPDATE exchanges SET bodies = 'aged' WHERE session_id = ? AND bodies IS NULL", (session_id,))


def drop_loose_parts(connection: sqlite3.Connection) -> int:
    """Take out the pieces that no body is made of any more. Returns how many. Belongs into a transaction."""
    used = {one for (parts,) in connection.execute("SELECT parts FROM exchange_bodies") for one in unpack_ids(parts)}
    loose = [(one,) for (one,) in connection.execute("SELECT id FROM exchange_parts") if one not in used]
    connection.executemany("DELETE FROM exchange_parts WHERE id = ?", loose)
    if loose:
        connection.execute("INSERT INTO exchange_sweeps DEFAULT VALUES")
    return len(loose)
