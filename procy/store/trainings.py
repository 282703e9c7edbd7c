"""Trainings, their steps and the adapters that came of them, as rows. What is JSON in a column is a plain value here."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from procy.errors import HandleError

OPEN = ("waiting", "running")
TRAINING_JSON = ("arguments", "job", "progress")
ADAPTER_JSON = ("canary", "held_out", "versions")

Row = dict[str, Any]


def add(connection: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    insert(connection, "trainings", encoded(values, TRAINING_JSON))


def change(connection: sqlite3.Connection, training_id: str, values: Mapping[str, Any]) -> None:
    row = encoded(values, TRAINING_JSON)
    names = ", ".join(f"{name} = ?" for name in row)
    connection.execute(f"UPDATE trainings SET {names} WHERE id = ?", (*row.values(), training_id))


def change_open(connection: sqlite3.Connection, training_id: str, values: Mapping[str, Any]) -> bool:
    """The same where it has not ended; whether it had not."""
    row = encoded(values, TRAINING_JSON)
    names = ", ".join(f"{name} = ?" for name in row)
    done = connection.execute(
        f"UPDATE trainings SET {names} WHERE id = ? AND status IN ('waiting', 'running')", (*row.values(), training_id)
    )
    return done.rowcount > 0


def by_id(connection: sqlite3.Connection, training_id: str) -> Row:
    """Raises HandleError."""
    row = one(connection, "SELECT * FROM trainings WHERE id = ?", (training_id,))
    if row is None:
        raise HandleError("there is no such training", "See them: procy train list")
    return decoded(row, TRAINING_JSON)


def find(connection: sqlite3.Connection, handle: str = "last") -> Row:
    """The training under a handle: ``last``, ``-2``, or the beginning or the end of its id. Raises HandleError."""
    return decoded(meant(connection, "trainings", "training", "started_at", handle, "procy train list"), TRAINING_JSON)


def newest(connection: sqlite3.Connection, limit: int = 20) -> list[Row]:
    """Newest first."""
    rows = all_of(connection, "SELECT * FROM trainings ORDER BY started_at DESC, id DESC LIMIT ?", (limit,))
    return [decoded(row, TRAINING_JSON) for row in rows]


def still_open(connection: sqlite3.Connection) -> list[Row]:
    rows = all_of(connection, "SELECT * FROM trainings WHERE status IN ('waiting', 'running') ORDER BY started_at")
    return [decoded(row, TRAINING_JSON) for row in rows]


# -- steps --------------------------------------------------------------------------------------------------------------


def add_steps(connection: sqlite3.Connection, training_id: str, lines: Iterable[tuple[int, str, Mapping[str, Any]]]) -> None:
    """``lines``: number, time and value. One that is there already stays."""
    connection.executemany(
        "INSERT OR IGNORE INTO training_steps (training_id, seq, at, line) VALUES (?, ?, ?, ?)",
        [(training_id, seq, at, json.dumps(line, ensure_ascii=False)) for seq, at, line in lines],
    )


def steps(connection: sqlite3.Connection, training_id: str, after: int = 0) -> list[Row]:
    """``seq``, ``at`` and the values of the line, in order."""
    rows = all_of(
        connection,
        "SELECT seq, at, line FROM training_steps WHERE training_id = ? AND seq > ? ORDER BY seq",
        (training_id, after),
    )
    return [{**json.loads(row["line"]), "seq": row["seq"], "at": row["at"]} for row in rows]


def last_step(connection: sqlite3.Connection, training_id: str) -> int:
    found = one(connection, "SELECT coalesce(max(seq), 0) AS seq FROM training_steps WHERE training_id = ?", (training_id,))
    return int(found["seq"]) if found else 0


# -- adapters -----------------------------------------------------------------------------------------------------------


def add_adapter(connection: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    """Raises sqlite3.IntegrityError where a living one has the name."""
    insert(connection, "adapters", encoded(values, ADAPTER_JSON))


def find_adapter(connection: sqlite3.Connection, handle: str = "last") -> Row:
    """A living one: by its name, else as ``find``. Raises HandleError."""
    row = one(connection, "SELECT * FROM adapters WHERE name = ? AND deleted_at IS NULL", (handle,))
    if row is None:
        row = meant(connection, "adapters", "adapter", "created_at", handle, "procy train list", "deleted_at IS NULL")
    return decoded(row, ADAPTER_JSON)


def adapters(connection: sqlite3.Connection, limit: int = 20) -> list[Row]:
    """The living, newest first."""
    rows = all_of(
        connection, "SELECT * FROM adapters WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT ?", (limit,)
    )
    return [decoded(row, ADAPTER_JSON) for row in rows]


def free_name(connection: sqlite3.Connection, wanted: str) -> str:
    """``wanted``, else ``wanted-2`` and so on: the first that no living adapter has."""
    rows = all_of(connection, "SELECT name FROM adapters WHERE deleted_at IS NULL")
    taken = {row["name"] for row in rows}
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def delete_adapter(connection: sqlite3.Connection, adapter_id: str, at: str) -> None:
    """Its name is free from now on; its files are the caller's."""
    connection.execute("UPDATE adapters SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL", (at, adapter_id))


# -- rows ---------------------------------------------------------------------------------------------------------------


def meant(
    connection: sqlite3.Connection, table: str, what: str, by: str, handle: str, list_them: str, where: str = "1"
) -> sqlite3.Row:
    """The one row that a handle means. Raises HandleError for none and for several."""
    if handle == "last" or (handle.startswith("-") and handle[1:].isdigit()):
        place = 0 if handle == "last" else max(int(handle[1:]) - 1, 0)
        found = all_of(connection, f"SELECT * FROM {table} WHERE {where} ORDER BY {by} DESC, id DESC LIMIT 1 OFFSET ?", (place,))
    else:
        like = handle.upper().replace("%", "").replace("_", "")
        query = f"SELECT * FROM {table} WHERE {where} AND (id LIKE ? OR id LIKE ?) LIMIT 3"
        found = all_of(connection, query, (f"{like}%", f"%{like}")) if like else []
    if len(found) != 1:
        several = f"several {what}s are" if found else f"no {what} is"
        raise HandleError(f"{several} called {handle!r}", f"See: {list_them}")
    return found[0]


def one(connection: sqlite3.Connection, query: str, values: tuple[Any, ...] = ()) -> sqlite3.Row | None:
    return next(iter(all_of(connection, query, values)), None)


def all_of(connection: sqlite3.Connection, query: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(query, values).fetchall()


def insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def encoded(values: Mapping[str, Any], columns: Iterable[str]) -> Row:
    row = dict(values)
    for name in columns:
        if row.get(name) is not None:
            row[name] = json.dumps(row[name], ensure_ascii=False)
    return row


def decoded(row: sqlite3.Row, columns: Iterable[str]) -> Row:
    values = dict(row)
    for name in columns:
        if values[name] is not None:
            values[name] = json.loads(values[name])
    return values
