"""What is served as the proxy model: one row each time that something else is. At most one is ``ready``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from procy.store.db import iso

Row = dict[str, Any]
JSON = ("server", "arguments", "canary")


def add(connection: sqlite3.Connection, serving_id: str, now_ns: int, values: Mapping[str, Any]) -> None:
    row = texts({"id": serving_id, "status": "starting", "started_at": iso(now_ns), **values})
    connection.execute(f"INSERT INTO servings ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def change(connection: sqlite3.Connection, serving_id: str, values: Mapping[str, Any]) -> None:
    row = texts(values)
    updates = ", ".join(f"{name} = ?" for name in row)
    connection.execute(f"UPDATE servings SET {updates} WHERE id = ?", (*row.values(), serving_id))


def make_ready(connection: sqlite3.Connection, serving_id: str, now_ns: int, canary: Any) -> None:
    """From now on it is the proxy model; what was is ``replaced``."""
    now = iso(now_ns)
    connection.execute(
        "UPDATE servings SET status = 'replaced', ended_at = ? WHERE status = 'ready' AND id != ?", (now, serving_id)
    )
    change(connection, serving_id, {"status": "ready", "ready_at": now, "canary": canary})


def end(connection: sqlite3.Connection, serving_id: str, now_ns: int, status: str, reason: str) -> None:
    """``status``: stopped, failed or replaced."""
    change(connection, serving_id, {"status": status, "reason": reason, "ended_at": iso(now_ns)})


def current(connection: sqlite3.Connection) -> Row | None:
    """The one that is ready."""
    return one(connection, "status = 'ready'")


def starting(connection: sqlite3.Connection) -> list[Row]:
    rows = connection.execute("SELECT * FROM servings WHERE status = 'starting' ORDER BY started_at")
    return [row_of(rows, values) for values in rows.fetchall()]


def by_id(connection: sqlite3.Connection, serving_id: str) -> Row | None:
    return one(connection, "id = ?", serving_id)


def newest(connection: sqlite3.Connection, limit: int) -> list[Row]:
    rows = connection.execute("SELECT * FROM servings ORDER BY started_at DESC LIMIT ?", (limit,))
    return [row_of(rows, values) for values in rows.fetchall()]


def one(connection: sqlite3.Connection, condition: str, *values: Any) -> Row | None:
    rows = connection.execute(f"SELECT * FROM servings WHERE {condition} ORDER BY started_at DESC LIMIT 1", values)
    found = rows.fetchone()
    return row_of(rows, found) if found else None


def row_of(cursor: sqlite3.Cursor, values: Any) -> Row:
    """Also of a connection that gives plain tuples."""
    row = dict(zip([column[0] for column in cursor.description], values, strict=True))
    return {name: json.loads(value) if name in JSON and value else value for name, value in row.items()}


def texts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) if name in JSON and value is not None else value for name, value in values.items()}
