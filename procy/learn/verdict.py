"""What a human says of a prompt that a run with ``--ask`` wants to send: as it is, another one, or not at all."""

from __future__ import annotations

import getpass
import sqlite3
import time

from procy.errors import HandleError
from procy.learn.correct import keep
from procy.places import Places
from procy.store import runs
from procy.store.corrections import Pair
from procy.store.runs import Row
from procy.store.write import written

WORDS = {"approved": "sent as it is", "edited": "sent as you wrote it; kept as a correction", "vetoed": "vetoed"}


def waiting(row: Row) -> Row:
    """The try itself. Raises HandleError where it does not wait for a word."""
    if row["step"] != "ask" or row["verdict"]:
        raise HandleError(f"try {row['seq']} does not wait for a word", "See the run: procy evolve status")
    return row


def longest_waiting(connection: sqlite3.Connection) -> Row:
    """The try that has waited longest. Raises HandleError where none does."""
    found = connection.execute(
        "SELECT tries.id FROM tries JOIN runs ON runs.id = run_id "
        "WHERE step = 'ask' AND verdict IS NULL AND runs.status = 'running' ORDER BY tries.started_at LIMIT 1"
    ).fetchone()
    if found is None:
        raise HandleError("no prompt waits for a word", "Runs ask when they are begun with --ask")
    return runs.try_by_id(connection, found[0])


def give(places: Places, row: Row, verdict: str, to: str = "", note: str = "") -> str:
    """Write the verdict down; an edited prompt that is none, or the same, is sent as it is. Returns what was done, in words.

    ``row`` is the try as whoever decides has seen it. Raises HandleError where it waits no more.
    """
    if verdict == "edited" and to.strip() in ("", row["prompt"].strip()):
        verdict = "approved"
    with written(places.db) as connection:
        step, given = connection.execute("SELECT step, verdict FROM tries WHERE id = ?", (row["id"],)).fetchone()
        if step != "ask" or given:
            raise HandleError(f"try {row['seq']} waits no more", "See the run: procy evolve status")
        runs.change_try(connection, row["id"], changes(verdict, to, note))
        if verdict == "edited":
            keep(connection, time.time_ns(), Pair(None, row["id"], row["prompt"], to, note, getpass.getuser()))
    return WORDS[verdict]


def changes(verdict: str, to: str, note: str) -> Row:
    if verdict == "edited":
        return {"verdict": verdict, "prompt": to, "prompt_source": "human"}
    return {"verdict": verdict, **({"reason": f"vetoed: {note}"} if verdict == "vetoed" and note else {})}
