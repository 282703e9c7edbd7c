"""Keeping a correction: the prompt that was sent, or would have been, beside the one that should have been.

Of each prompt the newest correction that is not deleted counts. None is ever overwritten or lost: a later one replaces an
earlier one, and deleting it makes the one before it count again. Connections are in a transaction (``store.write.written``).
"""

from __future__ import annotations

import secrets
import sqlite3
from typing import Any, NamedTuple

from procy import ids
from procy.errors import HandleError, ProcyError
from procy.parse.redact import mask
from procy.parse.rules import check
from procy.store import corrections
from procy.store.corrections import Pair, Prompt


class Words(NamedTuple):
    """What a human says that it should have been, and what was wrong with it."""

    chosen: str
    note: str = ""


def keep(connection: sqlite3.Connection, now_ns: int, pair: Pair) -> str:
    """Keep a pair, its texts masked; it replaces an earlier one of the same prompt. Returns its id."""
    correction_id = ids.new_id(now_ns, secrets.token_bytes(10))
    check()
    masked = pair._replace(rejected=mask(pair.rejected), chosen=mask(pair.chosen), note=mask(pair.note))
    corrections.add(connection, correction_id, now_ns, masked)
    return correction_id


def correct(
    connection: sqlite3.Connection, now_ns: int, prompt: Prompt, words: Words, author: str, over: str | None = None
) -> str:
    """Keep what somebody wrote beside a prompt. Returns its id.

    ``over``: the correction that counted when they began, "" for none, None where that does not matter.
    Raises ProcyError where nothing was changed, or where somebody else was faster.
    """
    standing = corrections.standing(connection, prompt.turn_id, prompt.try_id)
    found = standing["id"] if standing else ""
    if over is not None and over != found:
        raise ProcyError(f"this prompt was corrected meanwhile{by(standing)}", "Save again to replace that")
    check()
    chosen, note = mask(words.chosen).rstrip(), mask(words.note).strip()
    if not chosen.strip():
        raise ProcyError("the corrected prompt is empty", "Write what it should have been")
    if standing and (chosen.strip(), note) == (standing["chosen"].strip(), standing["note"] or ""):
        raise ProcyError("nothing was changed", "Change the prompt or the note first")
    if chosen.strip() == prompt.text.strip() and not (standing and standing["chosen"].strip() == chosen.strip()):
        remedy = "To take a correction back, delete it" if standing else "Change the prompt first"
        raise ProcyError("that is the prompt as it was sent", remedy)
    rejected = prompt.text
    if standing and chosen.strip() == prompt.text.strip():  # it was corrected before it was sent, and the note is new
        rejected = standing["rejected"]
    return keep(connection, now_ns, Pair(prompt.turn_id, prompt.try_id, rejected, chosen, note, author))


def by(standing: Any) -> str:
    return f" by {standing['author']}" if standing and standing["author"] else ", or its correction deleted" * (not standing)


def delete(connection: sqlite3.Connection, now_ns: int, correction_id: str) -> None:
    """Let a correction count no more. It stays in the prompt's history. Raises HandleError."""
    known(connection, correction_id)
    corrections.set_deleted(connection, correction_id, now_ns)


def restore(connection: sqlite3.Connection, correction_id: str) -> None:
    """Take a deletion back: it counts again where no later one does. Raises HandleError."""
    known(connection, correction_id)
    corrections.set_deleted(connection, correction_id, None)


def known(connection: sqlite3.Connection, correction_id: str) -> None:
    if connection.execute("SELECT 1 FROM corrections WHERE id = ?", (correction_id,)).fetchone() is None:
        raise HandleError(f"there is no correction {correction_id!r}", "Load the page again")
