"""A session as one JSON document, written turn by turn so that it may be of any length. Described in docs/exports.md."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from procy import __version__
from procy.parse.redact import mask
from procy.store import read
from procy.store.turn_sources import links_of

FORMAT, VERSION = "procy-session", 1
AT_ONCE = 50  # turns read at a time
HIDDEN = {"n", "session_id", "turn_id"}  # numbers of an index, and what the place in the document says

Clean = Callable[[str], str]


def session_json(connection: sqlite3.Connection, session: sqlite3.Row, redact: bool = True) -> Iterator[str]:
    """The document in pieces. ``redact`` False leaves keys and tokens in."""
    clean: Clean = mask if redact else str
    head = {"format": FORMAT, "version": VERSION, "procy": __version__, "redacted": redact, "session": plain(session, clean)}
    yield f"{text_of(head)[:-1]},\n"
    yield '"turns": ['
    comma, after = "", 0
    while rows := read.list_turns(connection, session["id"], after, limit=AT_ONCE):
        for turn in turns_of(connection, rows, clean):
            yield f"{comma}\n{text_of(turn)}"
            comma = ","
        after = rows[-1]["seq"]
    loose = connection.execute(
        "SELECT * FROM exchanges WHERE session_id = ? AND turn_id IS NULL ORDER BY id", (session["id"],)
    ).fetchall()
    yield '\n],\n"exchanges": ['
    yield ",".join(f"\n{text_of(exchange(row, clean))}" for row in loose)
    yield "\n]}\n"


def turns_of(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row], clean: Clean) -> Iterator[dict[str, Any]]:
    keys = [row["id"] for row in rows]
    calls, files = read.tool_calls(connection, keys), read.turn_files(connection, keys)
    sources = links_of(connection, keys)
    exchanges, corrections = by_turn(connection, "exchanges", keys), by_turn(connection, "corrections", keys)
    for row in rows:
        key = row["id"]
        yield {
            **plain(row, clean),
            "sources": sources[key],
            "tool_calls": [plain(one, clean) for one in calls[key]],
            "files": [plain(one, clean) for one in files[key]],
            "exchanges": [exchange(one, clean) for one in exchanges[key]],
            "corrections": [plain(one, clean) for one in corrections[key] if not one["deleted_at"]],
        }


def by_turn(connection: sqlite3.Connection, table: str, keys: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
    found: dict[str, list[sqlite3.Row]] = {key: [] for key in keys}
    marks = ",".join("?" * len(keys))
    for row in connection.execute(f"SELECT * FROM {table} WHERE turn_id IN ({marks}) ORDER BY turn_id, id", tuple(keys)):
        found[row["turn_id"]].append(row)
    return found


def exchange(row: sqlite3.Row, clean: Clean) -> dict[str, Any]:
    """Without its bodies; what is JSON in it as such."""
    values = plain(row, clean)
    for name in ("attempts", "usage", "changes"):
        if values[name]:
            values[name] = json.loads(values[name])
    return values


def plain(row: sqlite3.Row, clean: Clean) -> dict[str, Any]:
    """A row as JSON has it: blobs left out."""
    pairs = {name: row[name] for name in row.keys() if name not in HIDDEN}  # noqa: SIM118  a Row is no mapping
    return {
        name: clean(value) if isinstance(value, str) else value for name, value in pairs.items() if not isinstance(value, bytes)
    }


def text_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
