"""Which rows a proxy model could learn from, and why the others are left out: one place for pages, exports and training.

Four categories: prompts that a human typed, prompts that a human corrected, prompts that a proposer wrote, and pairs of which
one was better by measurement. The rules are simple ones on the text and on what is known of the row; they drop, and never change.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from procy.store import training

CATEGORIES = ("human", "corrected", "proxy", "preferences")
REASONS = {
    "empty": "empty",
    "command": "a /command or !command",
    "answer": "answers a dialog only",
    "corrected": "was corrected: the correction counts",
    "deleted": "deleted",
    "replaced": "a later correction replaced it",
    "same": "changes nothing",
    "open": "its try is not finished",
    "edited": "a human changed it before it was sent",
    "mixed": "a human took part in its try",
    "unjudged": "its try failed for another reason",
    "undecided": "the measurement cannot tell which is better",
    "duplicate": "the same text as a newer one",
}
ANSWER = re.compile(r"(\d{1,2}|y|yes|n|no|a|always|ok|okay|esc)[.!)]?", re.IGNORECASE)
COMMAND = re.compile(r"/[A-Za-z][\w:.-]*(\s|$)")
JUDGED = ("invalid", "crash", "timeout", "tampered", "unchanged")  # statuses without a score that still say something of a prompt


@dataclass(frozen=True, slots=True)
class Row:
    """``text``: what should be written; ``against``: what should not, of a pair. ``reason``: a key of ``REASONS`` for a row that
    is left out, None for a usable one. ``source``: all that is known of it (``store.training``)."""

    id: str
    text: str
    against: str | None
    reason: str | None
    source: sqlite3.Row


def rows_of(connection: sqlite3.Connection, category: str, limit: int | None = None) -> Iterator[Row]:
    """The rows of a category, newest first, each with its verdict; ``limit`` None: all of them."""
    return judged(category, training.candidates(connection, category, limit))


@dataclass(frozen=True, slots=True)
class Look:
    """What there is of a category. ``dropped``: how many for which reason. ``cut``: there are rows that were not looked at.
    ``rows``: those that were asked for."""

    total: int
    usable: int
    dropped: dict[str, int]
    cut: bool
    rows: list[Row]


def look(connection: sqlite3.Connection, category: str, limit: int | None, only: str, skip: int, size: int) -> Look:
    """Count the newest ``limit`` rows of a category (None: all), and return ``size`` of them after the first ``skip``: every
    row, or with ``only`` those of one reason, or "usable" ones."""
    counts: Counter[str] = Counter()
    shown: list[Row] = []
    rows = rows_of(connection, category, None if limit is None else limit + 1)
    for row in islice(rows, limit):
        verdict = row.reason or "usable"
        counts[verdict] += 1
        if only in ("", verdict):
            if skip <= 0 and len(shown) < size:
                shown.append(row)
            skip -= 1
    cut = limit is not None and next(rows, None) is not None
    return Look(counts.total(), counts["usable"], {one: counts[one] for one in REASONS if counts[one]}, cut, shown)


def judged(category: str, sources: Iterable[sqlite3.Row]) -> Iterator[Row]:
    """Rows from newest to oldest with their verdicts: of one text the newest usable row is kept."""
    seen: set[bytes] = set()
    for source in sources:
        text, against = source["text"] or "", source["against"] if "against" in source.keys() else None  # noqa: SIM118
        reason = RULES[category](source)
        if reason is None:
            key = key_of(text, against)
            reason = "duplicate" if key in seen else None
            seen.add(key)
        yield Row(source["id"], text, against, reason, source)


def key_of(text: str, against: str | None) -> bytes:
    """What a row is known by: its words, however they are spaced."""
    words = "\0".join(" ".join(one.split()) for one in (text, against or ""))
    return hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=16).digest()


def of_human(row: sqlite3.Row) -> str | None:
    text = (row["text"] or "").strip()
    if not text:
        return "empty"
    if row["kind"] != "prompt" or COMMAND.match(text):
        return "command"
    if ANSWER.fullmatch(text):
        return "answer"
    return "corrected" if row["corrected"] else None


def of_correction(row: sqlite3.Row) -> str | None:
    if row["deleted_at"]:
        return "deleted"
    return "replaced" if row["replaced_by"] else of_pair(row)


def of_pair(row: sqlite3.Row) -> str | None:
    better, worse = (row["text"] or "").strip(), (row["against"] or "").strip()
    if not better or not worse:
        return "empty"
    return "same" if better == worse else None


def of_try(row: sqlite3.Row) -> str | None:
    if not (row["text"] or "").strip():
        return "empty"
    if row["verdict"] == "vetoed":
        return None
    if row["verdict"] == "edited":
        return "edited"
    if row["step"] != "done":
        return "open"
    if row["mixed"]:
        return "mixed"
    return None if row["score"] is not None or row["status"] in JUDGED else "unjudged"


def of_preference(row: sqlite3.Row) -> str | None:
    return of_pair(row) if row["preferred"] else "undecided"


RULES: dict[str, Callable[[sqlite3.Row], str | None]] = {
    "human": of_human,
    "corrected": of_correction,
    "proxy": of_try,
    "preferences": of_preference,
}
