"""A turn as its page shows it: what was said and which tools were used in between, in order, shortened to what one reads.

A *step* is a piece of the answer or a run of tool calls. Steps are numbered within their turn, so a page can ask for one
that it has only in short. Pure but for ``load``.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from procy.store import read
from procy.ui import words

LAST_TEXT = 8_000  # characters of the last piece of an answer that a page shows at once
OTHER_TEXT = 2_500  # of the pieces before it
PROMPT = 4_000
FIRST_STEPS, LAST_STEPS = 3, 9  # shown of a turn with more than both and MIDDLE
MIDDLE = 4
LOOSE_CALLS = 3  # a run of more tool calls is folded into one line
INLINE_CALLS = 30  # a folded run of more calls is loaded when it is opened


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the answer. ``more`` characters of it are not here."""

    number: int
    text: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a tool in one line."""

    seq: int
    name: str
    brief: str
    status: str
    duration_ms: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Calls:
    """A run of tool calls. ``lines`` is empty where they are loaded later."""

    number: int
    count: int
    names: str
    failed: int
    duration_ms: int
    lines: tuple[Call, ...]
    folded: bool


@dataclass(frozen=True, slots=True)
class Between:
    """Steps ``first`` to ``last`` that are loaded later."""

    first: int
    last: int
    calls: int
    failed: int


Step = Said | Calls | Between


@dataclass(frozen=True, slots=True)
class TurnView:
    """``row`` is the turn as ``read.page_turns`` gives it."""

    row: sqlite3.Row
    steps: tuple[Step, ...]
    files: tuple[sqlite3.Row, ...]
    version: str

    @property
    def accent(self) -> str:
        return "procy" if self.row["origin"] == "procy" else "human"

    @property
    def took_ms(self) -> float | None:
        return words.between_ms(self.row["started_at"], self.row["ended_at"])


class Answer:
    """The response of a turn, of which a very long one's middle is not at hand."""

    def __init__(self, head: str, tail: str, length: int) -> None:
        self.head, self.tail, self.length = head, tail, length

    def piece(self, start: int, end: int) -> str:
        """Characters ``start`` to ``end``, or as many of them as there are at hand."""
        if end <= len(self.head) or not self.tail:
            return self.head[start:end]
        begin = self.length - len(self.tail)
        if start >= begin:
            return self.tail[start - begin : end - begin]
        return self.head[start:]


def load(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row], cwd: str | None) -> list[TurnView]:
    """The views of turns that ``read.page_turns`` gave."""
    keys = [row["id"] for row in rows]
    calls = read.page_calls(connection, keys)
    files = read.page_files(connection, keys)
    return [view(row, calls[row["id"]], files[row["id"]], cwd) for row in rows]


def view(row: sqlite3.Row, calls: Sequence[sqlite3.Row], files: Sequence[sqlite3.Row], cwd: str | None) -> TurnView:
    return TurnView(row, tuple(shortened(all_steps(row, calls, cwd))), tuple(files), version_of(row, calls))


def version_of(row: sqlite3.Row, calls: Sequence[sqlite3.Row]) -> str:
    """Changes when what is shown of the turn does."""
    last = calls[-1] if calls else None
    facts = [row["seq"], row["status"], row["ended_at"], row["response_length"], row["reasoning_length"], row["tool_count"],
             row["output_tokens"], row["terminal_from"], row["terminal_to"], row["origin"], row["error"],
             sum(call["status"] == "unknown" for call in calls), last["duration_ms"] if last else None]  # fmt: skip
    return format(hash_of(facts), "x")


def hash_of(facts: Iterable[object]) -> int:
    from zlib import crc32

    return crc32(repr(list(facts)).encode())


def all_steps(row: sqlite3.Row, calls: Sequence[sqlite3.Row], cwd: str | None) -> list[Step]:
    """Every step, whole."""
    answer = Answer(row["response"], row["response_tail"], row["response_length"])
    steps: list[Step] = []
    run: list[sqlite3.Row] = []
    written = 0
    for call in calls:
        text = answer.piece(written, call["response_at"]) if call["response_at"] > written else ""
        if text.strip():
            if run:
                steps.append(calls_step(len(steps), run, cwd))
                run = []
            steps.append(said(len(steps), text, call["response_at"] - written))
        written = max(written, call["response_at"])
        run.append(call)
    if run:
        steps.append(calls_step(len(steps), run, cwd))
    rest = answer.piece(written, answer.length)
    if rest.strip():
        steps.append(said(len(steps), rest, answer.length - written))
    return steps


def said(number: int, text: str, length: int) -> Said:
    return Said(number, text.strip("\n"), max(length - len(text), 0))


def calls_step(number: int, run: Sequence[sqlite3.Row], cwd: str | None) -> Calls:
    names = Counter(call["name"] for call in run).most_common(4)
    failed = sum(call["status"] in ("error", "denied") for call in run)
    took = sum(call["duration_ms"] or 0 for call in run)
    listed = ", ".join(f"{name} {count}" if count > 1 else name for name, count in names)
    return Calls(number, len(run), listed, failed, took, tuple(call_line(call, cwd) for call in run), len(run) > LOOSE_CALLS)


def call_line(call: sqlite3.Row, cwd: str | None) -> Call:
    length = (call["input_length"] or 0) + (call["result_length"] or 0)
    return Call(call["seq"], call["name"], words.brief(call["input"], cwd), call["status"], call["duration_ms"], length)


def shortened(steps: list[Step]) -> list[Step]:
    """What a page shows at once: long texts cut, long runs without their lines, the middle of a long turn left out."""
    short = [short_step(step, last=step is steps[-1]) for step in steps]
    if len(steps) <= FIRST_STEPS + MIDDLE + LAST_STEPS:
        return short
    middle = steps[FIRST_STEPS : len(steps) - LAST_STEPS]
    runs = [step for step in middle if isinstance(step, Calls)]
    between = Between(FIRST_STEPS, len(steps) - LAST_STEPS - 1, sum(run.count for run in runs), sum(run.failed for run in runs))
    return [*short[:FIRST_STEPS], between, *short[len(steps) - LAST_STEPS :]]


def short_step(step: Step, last: bool) -> Step:
    if isinstance(step, Said):
        limit = LAST_TEXT if last else OTHER_TEXT
        return (
            Said(step.number, step.text[:limit], step.more + max(len(step.text) - limit, 0)) if len(step.text) > limit else step
        )
    if isinstance(step, Calls) and step.count > INLINE_CALLS:
        return Calls(step.number, step.count, step.names, step.failed, step.duration_ms, (), True)
    return step
