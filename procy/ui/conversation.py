"""A turn as its page shows it: what was said and which tools were used in between, in order, shortened to what one reads.

A *step* is a piece of the answer or a run of tool calls. Steps are numbered within their turn, so a page can ask for one
that it has only in short. Pure but for ``load``.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from procy.store import changes, correction_pages, marks, session_pages, tags, turn_sources
from procy.ui import words

LAST_TEXT = 8_000  # characters of the last piece of an answer that a page shows at once
OTHER_TEXT = 2_500  # of the pieces before it
SPARE = 500  # a text that is longer by so little is not cut
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
TOKENS = (
    ("input_tokens", "in"), ("cache_read_tokens", "cached"), ("cache_write_tokens", "to cache"), ("output_tokens", "out"),
    ("reasoning_tokens", "reasoning"),
)  # fmt: skip
ALWAYS = ("input_tokens", "output_tokens")  # told even where they are 0


@dataclass(frozen=True, slots=True)
class File:
    """A file that the turn changed. ``path`` is relative where the file lies in the session's directory."""

    path: str
    change: str
    diff: bool
    why: str = ""  # there is none


@dataclass(frozen=True, slots=True)
class TurnView:
    """``row`` is the turn as ``session_pages.page_turns`` gives it."""

    row: sqlite3.Row
    steps: tuple[Step, ...]
    files: tuple[File, ...]
    version: str
    tags: tuple[str, ...] = ()
    bookmarked: bool = False
    corrections: tuple[sqlite3.Row, ...] = ()  # newest first, deleted ones too
    sources: tuple[str, ...] = ()  # who told of it, the best first
    notes: tuple[str, ...] = ()  # about the files

    @property
    def corrected(self) -> sqlite3.Row | None:
        """The correction that counts."""
        return next((one for one in self.corrections if one["state"] == "standing"), None)

    @property
    def accent(self) -> str:
        return "procy" if self.row["origin"] == "procy" else "human"

    @property
    def facts(self) -> list[str]:
        """Model, time, tokens and dollars, as far as they are known."""
        row = self.row
        told = [f"{words.tokens(row[name])} {word}" for name, word in TOKENS if row[name] or (row[name] == 0 and name in ALWAYS)]
        took = words.duration(words.between_ms(row["started_at"], row["ended_at"]))
        told_by = f"told by {' and '.join(self.sources)}" if len(self.sources) > 1 else ""
        return [fact for fact in (row["model"], took, *told, words.dollars(row["cost_usd"]), told_by) if fact]


def load(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row], cwd: str | None) -> list[TurnView]:
    """The views of turns that ``session_pages.page_turns`` gave."""
    keys = [row["id"] for row in rows]
    calls = session_pages.page_calls(connection, keys)
    files = session_pages.page_files(connection, keys)
    labels, bookmarked = tags.of(connection, "turn", keys), marks.bookmarked(connection, "turn", keys)
    kept = correction_pages.in_short(connection, keys)
    told = turn_sources.names_of(connection, keys)
    views = (
        view(row, calls[row["id"]], files[row["id"]], cwd, kept[row["id"]], changes.notes(connection, row["id"])) for row in rows
    )
    return [
        replace(labelled(one, labels[one.row["id"]], one.row["id"] in bookmarked), sources=told[one.row["id"]]) for one in views
    ]


def view(
    row: sqlite3.Row,
    calls: Sequence[sqlite3.Row],
    files: Sequence[sqlite3.Row],
    cwd: str | None,
    kept: Sequence[sqlite3.Row] = (),
    notes: Sequence[str] = (),
) -> TurnView:
    changed = tuple(
        File(words.below(file["path"], cwd), file["change"], bool(file["diff_length"]), changes.WHY.get(file["why"], ""))
        for file in files
    )
    steps = tuple(shortened(all_steps(row["response"], calls, cwd)))
    version = version_of(row, calls, kept, [*changed, *notes])
    return TurnView(row, steps, changed, version, corrections=tuple(kept), notes=tuple(notes))


def labelled(view: TurnView, labels: Sequence[str], bookmarked: bool) -> TurnView:
    """The view with what somebody put on its turn."""
    if not (labels or bookmarked):
        return view
    version = format(hash_of([view.version, *labels, bookmarked]), "x")
    return replace(view, tags=tuple(labels), bookmarked=bookmarked, version=version)


def version_of(
    row: sqlite3.Row, calls: Sequence[sqlite3.Row], kept: Sequence[sqlite3.Row] = (), others: Sequence[object] = ()
) -> str:
    """Changes when what is shown of the turn does."""
    last = calls[-1] if calls else None
    facts = [row["seq"], row["status"], row["ended_at"], len(row["response"]), row["reasoning_length"], row["tool_count"],
             row["output_tokens"], row["terminal_from"], row["terminal_to"], row["origin"], row["error"], row["try_id"],
             row["source"], sum(call["status"] == "unknown" for call in calls), last["duration_ms"] if last else None,
             *((one["id"], one["revision"]) for one in kept), *others]  # fmt: skip
    return format(hash_of(facts), "x")


def hash_of(facts: Iterable[object]) -> int:
    from zlib import crc32

    return crc32(repr(list(facts)).encode())


def all_steps(response: str, calls: Sequence[sqlite3.Row], cwd: str | None) -> list[Step]:
    """Every step, whole."""
    steps: list[Step] = []
    run: list[sqlite3.Row] = []
    written = 0
    for call in calls:
        text = response[written : call["response_at"]]
        if text.strip():
            if run:
                steps.append(calls_step(len(steps), run, cwd))
                run = []
            steps.append(Said(len(steps), text.strip("\n")))
        written = max(written, call["response_at"])
        run.append(call)
    if run:
        steps.append(calls_step(len(steps), run, cwd))
    rest = response[written:]
    if rest.strip():
        steps.append(Said(len(steps), rest.strip("\n")))
    return steps


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
        more = len(step.text) - limit
        return Said(step.number, step.text[:limit], more) if more > SPARE else step
    if isinstance(step, Calls) and step.count > INLINE_CALLS:
        return Calls(step.number, step.count, step.names, step.failed, step.duration_ms, (), True)
    return step
