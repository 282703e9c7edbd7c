"""Where in a turn the words stand that were searched for, and what has to be unfolded to see them."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from procy.store import read, session_pages
from procy.ui.conversation import FIRST_STEPS, LAST_STEPS, LOOSE_CALLS, MIDDLE, Between, Calls, Said, Step, all_steps
from procy.ui.parts import cwd_of

TOKEN = re.compile(r"[^\W_]+")  # as the index cuts text into words
FOLDS = 30  # names told of one turn


class Word(NamedTuple):
    """A word as the index has it; ``prefix``: or any that begins so."""

    text: str
    prefix: bool


def words_of(query: str) -> list[Word]:
    """The words of a query, each once."""
    found: dict[Word, None] = {}
    for one in read.FTS_WORD.findall(query):
        tokens = TOKEN.findall(plain(one))
        for place, token in enumerate(tokens, 1):
            found[Word(token, one.endswith("*") and place == len(tokens))] = None
    return list(found)


def plain(text: str) -> str:
    """Without accents and capitals."""
    return "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one)).lower()


def holds(text: str | None, wanted: Iterable[Word]) -> bool:
    """Whether any of the words is in the text."""
    whole = {word.text for word in wanted if not word.prefix}
    starts = tuple(word.text for word in wanted if word.prefix)
    return any(token in whole or (starts and token.startswith(starts)) for token in TOKEN.findall(plain(text or "")))


def folds_of(connection: sqlite3.Connection, turn: sqlite3.Row, wanted: list[Word]) -> list[str]:
    """Names of what is to be opened on the page, from the outside in: ``steps-3-40``, ``s7``, ``r8``, ``call-12``.

    Texts that are cut come under ``data-key``, everything else under ``data-part`` or ``data-key``.
    """
    found = ["p"] if holds(turn["prompt"], wanted) else []
    steps = all_steps(turn["response"], session_pages.page_calls(connection, [turn["id"]])[turn["id"]], cwd_of(connection, turn))
    calls = {row["seq"]: row["input"] for row in read.tool_calls(connection, [turn["id"]])[turn["id"]]}
    last = len(steps) - LAST_STEPS - 1
    between = f"steps-{FIRST_STEPS}-{last}" if len(steps) > FIRST_STEPS + MIDDLE + LAST_STEPS else ""
    for step in steps:
        if (inside := list(step_folds(step, calls, wanted))) and not isinstance(step, Between):
            found += [between] * bool(between and FIRST_STEPS <= step.number <= last) + inside
    return list(dict.fromkeys(found))[:FOLDS]


def step_folds(step: Step, calls: dict[int, str | None], wanted: list[Word]) -> Iterator[str]:
    if isinstance(step, Said) and holds(step.text, wanted):
        yield f"s{step.number}"
    if isinstance(step, Calls):
        names = [f"call-{line.seq}" for line in step.lines if holds(calls.get(line.seq), wanted)]
        yield from [f"r{step.number}"] * (bool(names) and step.count > LOOSE_CALLS) + names
