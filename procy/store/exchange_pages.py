"""Calls of the gateway as pages and commands list them. Bodies are read for a single call only."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

COLUMNS = (
    "id, session_id, turn_id, service, upstream, wire, method, path, model, client, status, outcome, error, started_at, "
    "waited_ms, first_byte_ms, duration_ms, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, "
    "reasoning_tokens, cost_usd, changes IS NOT NULL AS modified, attempts IS NOT NULL AS retried"
)
GROUPS = {  # what sums are made by
    "upstream": "coalesce(upstream, '')",
    "model": "coalesce(model, '')",
    "day": "date(started_at, 'localtime')",
    "session": "coalesce(session_id, '')",
}
SEARCHED = ("model", "upstream", "path", "error", "client", "status")


@dataclass(frozen=True, slots=True)
class Wanted:
    """``words``: each has to be in one of ``SEARCHED``. ``before``: the id of a call; older ones are wanted."""

    words: str = ""
    service: str = ""
    failed: bool = False
    session_id: str = ""
    before: str = ""


def calls(connection: sqlite3.Connection, wanted: Wanted, limit: int) -> list[sqlite3.Row]:
    """Newest first, by their ids, which begin with the time."""
    conditions, values = ["1"], list[object]()
    for word in wanted.words.split()[:8]:
        conditions.append("(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in SEARCHED) + ")")
        values += ["%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"] * len(SEARCHED)
    for name, value in (("service = ?", wanted.service), ("session_id = ?", wanted.session_id), ("id < ?", wanted.before)):
        if value:
            conditions.append(name)
            values.append(value)
    if wanted.failed:
        conditions.append("outcome <> 'ok'")
    sql = f"SELECT {COLUMNS} FROM exchanges WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?"
    return connection.execute(sql, (*values, limit)).fetchall()


def call(connection: sqlite3.Connection, exchange_id: str) -> sqlite3.Row | None:
    """Every column of one call, with the screen of its turn if there is one."""
    sql = """SELECT exchanges.*, turns.seq AS turn_seq, turns.terminal_from, sessions.name AS session_name, sessions.cwd
             FROM exchanges LEFT JOIN turns ON turns.id = turn_id LEFT JOIN sessions ON sessions.id = exchanges.session_id
             WHERE exchanges.id = ?"""
    found: sqlite3.Row | None = connection.execute(sql, (exchange_id,)).fetchone()
    return found


def usage(connection: sqlite3.Connection, by: str, since: str, limit: int = 50) -> list[sqlite3.Row]:
    """Sums since a time, the largest first; by day the newest. ``by``: a key of ``GROUPS``."""
    order = "name DESC" if by == "day" else "input + output + cache_read + cache_write DESC, calls DESC"
    sql = f"""SELECT {GROUPS[by]} AS name, count(*) AS calls, sum(outcome <> 'ok') AS failed,
                     coalesce(sum(input_tokens), 0) AS input, coalesce(sum(output_tokens), 0) AS output,
                     coalesce(sum(cache_read_tokens), 0) AS cache_read, coalesce(sum(cache_write_tokens), 0) AS cache_write,
                     coalesce(sum(reasoning_tokens), 0) AS reasoning, sum(cost_usd) AS cost
              FROM exchanges WHERE started_at >= ? GROUP BY 1 ORDER BY {order} LIMIT ?"""
    return connection.execute(sql, (since, limit)).fetchall()


def session_names(connection: sqlite3.Connection, ids: list[str]) -> dict[str, str]:
    marks = ", ".join("?" * len(ids))
    rows = connection.execute(f"SELECT id, coalesce(nullif(name, ''), cwd, id) FROM sessions WHERE id IN ({marks})", ids)
    return dict(rows.fetchall())
