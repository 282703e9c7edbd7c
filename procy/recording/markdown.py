"""A session as Markdown, to read, to send, to attach to a pull request."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence


def markdown(
    session: sqlite3.Row,
    turns: Sequence[sqlite3.Row],
    calls: Mapping[str, Sequence[sqlite3.Row]],
    files: Mapping[str, Sequence[sqlite3.Row]],
) -> Iterator[str]:
    """The lines, with newlines."""
    yield f"# {session['name'] or session['agent']}\n\n"
    facts = (("Agent", "agent"), ("Directory", "cwd"), ("Branch", "branch"), ("Started", "started_at"), ("Ended", "ended_at"))
    yield (
        "".join(f"- {name}: {session[column]}\n" for name, column in facts if session[column]) + f"- Session: {session['id']}\n\n"
    )
    for turn in turns:
        yield from turn_markdown(turn, calls[turn["id"]], files[turn["id"]])


def turn_markdown(turn: sqlite3.Row, calls: Sequence[sqlite3.Row], files: Sequence[sqlite3.Row]) -> Iterator[str]:
    status = "" if turn["status"] == "done" else f" ({turn['status']})"
    yield f"## {turn['seq']}. {turn['started_at'][:19].replace('T', ' ')}{status}\n\n"
    yield "".join(f"> {line}\n" for line in turn["prompt"].split("\n")) + "\n"
    written = 0
    for call in calls:
        yield paragraph(turn["response"][written : call["response_at"]])
        written = call["response_at"]
        yield f"**{call['name']}** ({call['status']})\n\n" + fenced(call["input"] or "", "json")
        if call["result"]:
            yield fenced(call["result"])
    yield paragraph(turn["response"][written:])
    if turn["error"]:
        yield f"*{turn['error']}*\n\n"
    for file in files:
        yield f"*{file['change']}* `{file['path']}`\n\n" + (fenced(file["diff"], "diff") if file["diff"] else "")


def paragraph(text: str) -> str:
    text = text.strip("\n")
    return f"{text}\n\n" if text else ""


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n\n"
