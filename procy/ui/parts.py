"""What a page loads when it is asked for: a call's input and result, a diff, the steps that were left out, a text in full."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

from procy.errors import HandleError
from procy.store import read, session_pages
from procy.ui import words
from procy.ui.conversation import Call, Calls, Said, Step, all_steps

RESULT = 400_000  # characters of a tool's result that a browser is given
NAME = re.compile(r"(prompt|reasoning|step|steps|call|file)(?:-(\d{1,9}))?(?:-(\d{1,9}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """``kind`` says which of the other fields are filled: text, plain, steps, lines, call or diff."""

    kind: str
    title: str
    text: str = ""
    steps: tuple[Step, ...] = ()
    lines: tuple[Call, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    result: str | None = None
    more: int = 0


def find_part(connection: sqlite3.Connection, turn: sqlite3.Row, name: str) -> Part:
    """A part by its name: ``prompt``, ``reasoning``, ``step-3``, ``steps-3-40``, ``call-7``, ``file-0``. Raises HandleError."""
    match = NAME.fullmatch(name)
    kind, first, last = (match[1], int(match[2] or 0), int(match[3] or 0)) if match else ("", 0, 0)
    title = f"Turn {turn['seq']}"
    if kind == "prompt":
        return Part(kind="plain", title=f"{title}, prompt", text=turn["prompt"])
    if kind == "reasoning":
        return Part(kind="text", title=f"{title}, reasoning", text=turn["reasoning"])
    if kind == "call":
        return call_part(connection, turn, first)
    if kind == "file":
        files = read.turn_files(connection, [turn["id"]])[turn["id"]]
        if first < len(files):
            return Part(kind="diff", title=f"{title}, {files[first]['path']}", text=files[first]["diff"] or "")
    if kind in ("step", "steps"):
        return steps_part(connection, turn, title, first, last if kind == "steps" else first)
    raise HandleError(f"turn {turn['seq']} has no part {name!r}", "Load its page again")


def call_part(connection: sqlite3.Connection, turn: sqlite3.Row, seq: int) -> Part:
    row = session_pages.tool_call(connection, turn["id"], seq, RESULT)
    if row is None:
        raise HandleError(f"turn {turn['seq']} has no tool call {seq}", "Load its page again")
    more = (row["result_length"] or 0) - len(row["result"] or "")
    return Part(
        kind="call", title=f"Turn {turn['seq']}, {row['name']}", arguments=tuple(words.arguments(row["input"])),
        result=row["result"], more=more,
    )  # fmt: skip


def steps_part(connection: sqlite3.Connection, turn: sqlite3.Row, title: str, first: int, last: int) -> Part:
    calls = session_pages.page_calls(connection, [turn["id"]])[turn["id"]]
    steps = all_steps(turn["response"], calls, cwd_of(connection, turn))[first : last + 1]
    if not steps:
        raise HandleError(f"turn {turn['seq']} has no step {first}", "Load its page again")
    if len(steps) == 1 and isinstance(steps[0], Said):
        return Part(kind="text", title=title, text=steps[0].text)
    if len(steps) == 1 and isinstance(steps[0], Calls):
        return Part(kind="lines", title=title, lines=steps[0].lines)
    return Part(kind="steps", title=title, steps=tuple(steps))


def cwd_of(connection: sqlite3.Connection, turn: sqlite3.Row) -> str | None:
    row = connection.execute("SELECT cwd FROM sessions WHERE id = ?", (turn["session_id"],)).fetchone()
    return row["cwd"] if row else None
