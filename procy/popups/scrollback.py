"""A session as one would like to scroll back in it: what was said and done, without the agent's drawing."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.rule import Rule
from rich.text import Text

from procy.store import read
from procy.ui import words

AT_ONCE = 50  # turns
RESULT = 6  # lines
COLOURS = {"human": "green", "procy": "magenta"}
STATUS = {"open": "blue", "interrupted": "yellow", "error": "red"}


def conversation(connection: sqlite3.Connection, session: sqlite3.Row, width: int, colour: bool) -> Iterator[str]:
    """Text with colours, a part to each turn."""
    seq = 0
    while turns := read.list_turns(connection, session["id"], after=seq, limit=AT_ONCE):
        calls = read.tool_calls(connection, [turn["id"] for turn in turns])
        for turn in turns:
            yield drawn(turn_parts(turn, calls[turn["id"]], session["cwd"]), width, colour)
        seq = turns[-1]["seq"]


def terminal(connection: sqlite3.Connection, session_id: str) -> Iterator[str]:
    """What stood on the terminal, line by line."""
    for (text,) in connection.execute("SELECT text FROM terminal_texts WHERE session_id = ? ORDER BY offset, id", (session_id,)):
        yield words.printable(text) + "\n"


def drawn(parts: Iterator[RenderableType], width: int, colour: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="256" if colour else None, highlight=False)
    for part in parts:
        console.print(part)
    return out.getvalue()


def turn_parts(turn: sqlite3.Row, calls: Sequence[sqlite3.Row], cwd: str | None) -> Iterator[RenderableType]:
    colour = COLOURS.get(turn["origin"], "cyan")
    yield Rule(heading(turn), align="left", style="bright_black")
    yield Text(words.printable(turn["prompt"]), style=f"bold {colour}")
    yield ""
    written = 0
    for call in calls:
        yield from answer(turn["response"][written : call["response_at"]])
        written = call["response_at"]
        yield from call_parts(call, cwd)
    yield from answer(turn["response"][written:])
    if turn["error"]:
        yield Text(words.printable(turn["error"]), style="red")
        yield ""


def heading(turn: sqlite3.Row) -> Text:
    text = Text(f"{turn['seq']}  {words.stamp(turn['started_at'])}", style="bold")
    took = words.duration(words.between_ms(turn["started_at"], turn["ended_at"]))
    text.append(f"  {took}" if took else "", style="bright_black")
    if turn["status"] != "done":
        text.append(f"  {turn['status']}", style=STATUS.get(turn["status"], ""))
    return text


def answer(text: str) -> Iterator[RenderableType]:
    if text.strip():
        yield Markdown(words.printable(text.strip("\n")), code_theme="ansi_dark", hyperlinks=False)
        yield ""


def call_parts(call: sqlite3.Row, cwd: str | None) -> Iterator[RenderableType]:
    status = "" if call["status"] == "ok" else f"  {call['status']}"
    line = Text(f"▸ {call['name']} ", style="blue")
    line.append(words.printable(words.brief(call["input"], cwd)))
    line.append(f"  {words.duration(call['duration_ms'])}".rstrip(), style="bright_black")
    line.append(status, style="red")
    yield line
    lines = words.printable(call["result"] or "").strip("\n").split("\n")
    shown = lines[:RESULT] if len(lines) > RESULT + 1 else lines
    for one in shown if any(lines) else ():
        yield Text(f"  {one}", style="bright_black", no_wrap=True, overflow="ellipsis")
    if len(shown) < len(lines):
        yield Text(f"  … {len(lines) - len(shown)} more lines", style="bright_black")
    yield ""
