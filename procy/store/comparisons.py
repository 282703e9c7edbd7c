"""Adapters that were measured against their base or another adapter."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from procy.store.db import iso

Row = dict[str, Any]


def add(connection: sqlite3.Connection, comparison_id: str, now_ns: int, values: Mapping[str, Any]) -> None:
    """``values``: as the columns; the result is no text yet."""
    row = {"id": comparison_id, "created_at": iso(now_ns), **values, "result": json.dumps(values["result"])}
    connection.execute(f"INSERT INTO comparisons ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def newest(connection: sqlite3.Connection, adapter: str, against: str = "", limit: int = 1) -> list[Row]:
    """Of an adapter by its name; ``against``: only with that one."""
    rows = connection.execute(
        "SELECT * FROM comparisons WHERE adapter = ? AND (? = '' OR against = ?) ORDER BY created_at DESC LIMIT ?",
        (adapter, against, against, limit),
    )
    names = [column[0] for column in rows.description]
    found = [dict(zip(names, values, strict=True)) for values in rows]
    return [{**row, "result": json.loads(row["result"])} for row in found]
