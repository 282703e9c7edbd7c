"""Exports of training data, as rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def add(connection: sqlite3.Connection, values: Mapping[str, Any], sessions: Iterable[str]) -> None:
    """``values``: as the columns; the manifest is no text yet. ``sessions``: ids of those whose words are in it."""
    row = {**values, "manifest": json.dumps(values["manifest"], ensure_ascii=False)}
    names = ", ".join(row)
    connection.execute(f"INSERT INTO datasets ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    connection.executemany(
        "INSERT INTO dataset_sessions (dataset_id, session_id) VALUES (?, ?)", ((row["id"], one) for one in sessions)
    )


def id_at(connection: sqlite3.Connection, path: str) -> str | None:
    """Of the newest that was written to a folder or file."""
    row = connection.execute("SELECT id FROM datasets WHERE path = ? ORDER BY created_at DESC LIMIT 1", (path,)).fetchone()
    return str(row[0]) if row else None


def exported_until(connection: sqlite3.Connection, method: str) -> str:
    """When the newest row of the last incremental export was made; "" before the first."""
    row = connection.execute("SELECT max(latest) FROM datasets WHERE is_incremental AND method = ?", (method,)).fetchone()
    return row[0] or ""


def with_sessions(connection: sqlite3.Connection, sessions: Sequence[str]) -> list[tuple[str, str, str]]:
    """(method, path, when) of the exports that have words of these sessions, oldest first."""
    marks = ", ".join("?" * len(sessions))
    rows = connection.execute(
        "SELECT DISTINCT method, path, created_at FROM dataset_sessions JOIN datasets ON datasets.id = dataset_id "
        f"WHERE session_id IN ({marks}) ORDER BY created_at",
        tuple(sessions),
    )
    return [(method, path, at) for method, path, at in rows]


def incremental(connection: sqlite3.Connection, limit: int) -> list[sqlite3.Row]:
    """The newest of those that only have what was new."""
    return connection.execute(
        "SELECT id, method, path, rows, created_at FROM datasets WHERE is_incremental ORDER BY created_at DESC LIMIT ?", (limit,)
    ).fetchall()


def newest(connection: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """Of all kinds; the manifest read."""
    rows = connection.execute(
        "SELECT id, method, path, rows, sha256, is_incremental, manifest, created_at FROM datasets "
        "ORDER BY created_at DESC LIMIT ?",
        (limit,),
    )
    names = [column[0] for column in rows.description]
    found = [dict(zip(names, values, strict=True)) for values in rows]
    return [{**row, "manifest": json.loads(row["manifest"])} for row in found]
