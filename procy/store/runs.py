"""Runs of the loop and their tries: rows in and out. What is JSON in a column is a plain value here."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from procy.errors import HandleError
from procy.store.db import iso
from procy.store.read import short

RUN_JSON = ("budget", "options", "claim")
TRY_JSON = ("metrics", "comparison", "notes")
OPEN = ("running", "paused", "stopped")  # can be gone on with

Row = dict[str, Any]


def add_run(connection: sqlite3.Connection, run_id: str, now_ns: int, values: Mapping[str, Any]) -> None:
    insert(connection, "runs", {"id": run_id, "started_at": iso(now_ns), **encoded(values, RUN_JSON)})


def change_run(connection: sqlite3.Connection, run_id: str, values: Mapping[str, Any]) -> None:
    change(connection, "runs", run_id, encoded(values, RUN_JSON))


def run_by_id(connection: sqlite3.Connection, run_id: str) -> Row:
    """Raises HandleError."""
    row = connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise HandleError(f"there is no run {short(run_id)}", "See them: procy evolve status")
    return decoded(row, RUN_JSON)


def find_run(connection: sqlite3.Connection, handle: str = "last", kind: str = "evolve", cwd: str = "") -> Row:
    """The run under a handle: ``last``, ``-2``, or the beginning or the end of its id, of whatever kind. ``last`` is that of
    the work tree around ``cwd``, where there is one. Raises HandleError."""
    if handle == "last":
        rows = list_runs(connection, -1, kind)
        if not rows:
            raise HandleError("there is no run yet", "Begin one: procy evolve 5")
        return next((row for row in rows if cwd and Path(cwd).is_relative_to(row["root"])), rows[0])
    where, values = ("kind = ?", (kind,)) if is_place(handle) else ("1", ())
    return decoded(one_of(connection, "runs", handle, where, values, "procy evolve status --all"), RUN_JSON)


def list_runs(connection: sqlite3.Connection, limit: int = 20, kind: str = "evolve") -> list[Row]:
    """Newest first."""
    rows = connection.execute("SELECT * FROM runs WHERE kind = ? ORDER BY started_at DESC, id DESC LIMIT ?", (kind, limit))
    return [decoded(row, RUN_JSON) for row in rows]


def add_try(connection: sqlite3.Connection, try_id: str, now_ns: int, values: Mapping[str, Any]) -> None:
    insert(connection, "tries", {"id": try_id, "started_at": iso(now_ns), **encoded(values, TRY_JSON)})


def change_try(connection: sqlite3.Connection, try_id: str, values: Mapping[str, Any]) -> None:
    change(connection, "tries", try_id, encoded(values, TRY_JSON))


def begin_anew(connection: sqlite3.Connection, run_id: str, steps: Iterable[str]) -> None:
    """Tries that are at one of these steps begin with a fresh checkout when the run is resumed."""
    for step in steps:
        connection.execute("UPDATE tries SET step = 'checkout' WHERE run_id = ? AND step = ?", (run_id, step))


def try_by_id(connection: sqlite3.Connection, try_id: str) -> Row:
    row = connection.execute("SELECT * FROM tries WHERE id = ?", (try_id,)).fetchone()
    if row is None:
        raise HandleError(f"there is no try {short(try_id)}", "See them: procy evolve status")
    return decoded(row, TRY_JSON)


def tries_of(connection: sqlite3.Connection, run_id: str) -> list[Row]:
    """In the order in which they began."""
    rows = connection.execute("SELECT * FROM tries WHERE run_id = ? ORDER BY seq", (run_id,))
    return [decoded(row, TRY_JSON) for row in rows]


def find_try(connection: sqlite3.Connection, handle: str, run: Row | None = None) -> Row:
    """A try: its number in ``run`` (``3``, ``#3``), ``best``, ``last``, or the beginning or end of its id. Raises HandleError."""
    number = handle.removeprefix("#")
    if run is not None and number.isdigit():
        row = connection.execute("SELECT * FROM tries WHERE run_id = ? AND seq = ?", (run["id"], int(number))).fetchone()
        if row is None:
            raise HandleError(f"run {short(run['id'])} has no try {number}", f"See them: procy evolve status {short(run['id'])}")
        return decoded(row, TRY_JSON)
    if run is not None and handle == "best":
        if not run["best_try_id"]:
            raise HandleError(f"run {short(run['id'])} has no best try", "Nothing was kept so far")
        return try_by_id(connection, run["best_try_id"])
    where, values = ("run_id = ?", (run["id"],)) if run is not None and handle == "last" else ("1", ())
    return decoded(one_of(connection, "tries", handle, where, values, "procy evolve status"), TRY_JSON)


def is_place(handle: str) -> bool:
    """``last``, ``-2``: so far from the end."""
    return handle == "last" or (handle.startswith("-") and handle[1:].isdigit())


def asked(row: Row) -> str:
    """What a try asked for: as a human made it, else as it was proposed, without the account that goes before it."""
    return (row["prompt"] if row["verdict"] == "edited" else row["proposed"] or row["prompt"]) or ""


def one_of(
    connection: sqlite3.Connection, table: str, handle: str, where: str, values: tuple[Any, ...], list_them: str
) -> sqlite3.Row:
    """The one row that a handle means. Raises HandleError for none and for several."""
    what = {"runs": "run", "tries": "try"}[table]
    if is_place(handle):
        place = 0 if handle == "last" else max(int(handle[1:]) - 1, 0)
        query = f"SELECT * FROM {table} WHERE {where} ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET ?"
        rows = connection.execute(query, (*values, place)).fetchall()
    else:
        like = handle.upper().replace("%", "").replace("_", "")
        query = f"SELECT * FROM {table} WHERE {where} AND (id LIKE ? OR id LIKE ?) LIMIT 3"
        rows = connection.execute(query, (*values, f"{like}%", f"%{like}")).fetchall() if like else []
    if len(rows) != 1:
        raise HandleError(
            f"{'several' if rows else 'no'} {what} {'are' if rows else 'is'} called {handle!r}", f"See: {list_them}"
        )
    found: sqlite3.Row = rows[0]
    return found


def forget(connection: sqlite3.Connection, condition: str, value: str, words: str) -> list[str]:
    """Take the prompts and answers out that are those of turns for which ``condition``, which holds one ``?``, is true, or of
    replays of their corrections; and goals that are one of these prompts. Returns where git keeps the code and the prompts of
    these tries: work tree and ref."""
    turns = f"SELECT id FROM turns WHERE {condition}"
    replayed = [f"SELECT {which} FROM corrections WHERE turn_id IN ({turns})" for which in ("rejected_try_id", "chosen_try_id")]
    rows = connection.execute(
        "SELECT tries.id, root, run_id, tries.seq FROM tries JOIN runs ON runs.id = run_id "
        f"WHERE tries.turn_id IN ({turns}) OR tries.id IN ({' UNION '.join(replayed)})",
        (value,) * 3,
    ).fetchall()
    goals = f"SELECT prompt FROM turns WHERE {condition}"
    connection.execute(f"UPDATE runs SET goal = ? WHERE goal IN ({goals})", (words, value))
    for try_id, *_ in rows:
        connection.execute("UPDATE tries SET prompt = ?, proposed = NULL, response = NULL WHERE id = ?", (words, try_id))
        connection.execute("DELETE FROM corrections WHERE try_id = ?", (try_id,))
    return [f"{root}: refs/procy/{run_id.lower()}/try/{seq}" for _, root, run_id, seq in rows]


def usage_of_run(connection: sqlite3.Connection, run_id: str) -> tuple[int, float]:
    """Tokens, cached ones included, and US dollars: of all turns that the run's prompts began, here and on hosts, and of what a
    model used to write the prompts, as far as it says so."""
    row = connection.execute(
        "SELECT coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0) + coalesce(cache_read_tokens, 0) "
        "+ coalesce(cache_write_tokens, 0)), 0), coalesce(sum(cost_usd), 0) FROM turns WHERE id IN "
        "(SELECT turn_id FROM tries WHERE run_id = ? AND turn_id IS NOT NULL)",
        (run_id,),
    ).fetchone()
    noted = connection.execute(
        "SELECT coalesce(sum(coalesce(json_extract(notes, '$.elsewhere.tokens'), 0) "
        "+ coalesce(json_extract(notes, '$.proposal.input_tokens'), 0) "
        "+ coalesce(json_extract(notes, '$.proposal.output_tokens'), 0)), 0), "
        "coalesce(sum(json_extract(notes, '$.elsewhere.usd')), 0) FROM tries WHERE run_id = ?",
        (run_id,),
    ).fetchone()
    return int(row[0] + noted[0]), float(row[1] + noted[1])


def evaluator_seconds(connection: sqlite3.Connection, run_id: str) -> float:
    row = connection.execute(
        "SELECT coalesce(sum(duration_ms), 0) FROM evaluations WHERE for_try_id IN (SELECT id FROM tries WHERE run_id = ?)",
        (run_id,),
    ).fetchone()
    return float(row[0]) / 1000


# -- rows as values --------------------------------------------------------------------------------------------------------


def encoded(values: Mapping[str, Any], columns: Iterable[str]) -> Row:
    wanted = set(columns)
    return {
        name: json.dumps(value, ensure_ascii=False) if name in wanted and value is not None else value
        for name, value in values.items()
    }


def decoded(row: sqlite3.Row, columns: Iterable[str]) -> Row:
    found = dict(row)
    return {**found, **{name: json.loads(found[name]) if found[name] else {} for name in columns}}


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))


def change(connection: sqlite3.Connection, table: str, row_id: str, values: Mapping[str, Any]) -> None:
    updates = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE {table} SET {updates} WHERE id = ?", (*values.values(), row_id))
