"""What a stream says, as people read it: Markdown, colours for a terminal, or the lines themselves."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from typing import Literal

import click

from procy.parse.arguments import telling
from procy.parse.streams.dialects import Stream
from procy.parse.streams.events import Event
from procy.parse.streams.stamp import Stamped, read_stamped
from procy.parse.transcripts.shapes import read_record
from procy.stream.mirror import ENDS, shown
from procy.stream.normalize import event_line

Form = Literal["markdown", "colour", "raw", "events"]
LOOK_S = 0.2
MOST = 2000  # characters of a tool's result
LINES = (
    "SELECT offset, line FROM transcript_lines JOIN transcript_sessions USING (transcript_id) "
    "WHERE session_id = ? AND offset > ? ORDER BY offset"
)


class Teller:
    """Stamped lines of one stream to text, in one of the forms."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.stream = Stream()

    def tell(self, stamped: Stamped) -> str:
        """What is shown of a line, with its newline; "" for nothing."""
        if self.form == "raw":
            return stamped.line.decode("utf-8", "replace") + "\n" if stamped.side == "<" else ""
        record = read_record(stamped.line) if stamped.side in "<>" else None
        if record is None:
            return ""
        events = self.stream.sent(record) if stamped.side == ">" else self.stream.said(record)
        if self.form == "events":
            return "".join(event_line(event).decode() for event in events)
        return "".join(markdown(event) if self.form == "markdown" else coloured(event) for event in events)


def markdown(event: Event) -> str:
    if event.kind == "prompt":
        return f"## {clean(event.text)}\n\n" if "\n" not in event.text.strip() else f"## Prompt\n\n{quoted(event.text)}\n\n"
    if event.kind == "text":
        return clean(event.text) + ("" if event.delta else "\n\n")
    if event.kind == "thinking":
        return f"{quoted(event.text)}\n\n"
    if event.kind == "call":
        return f"**{event.name}** `{telling_of(event)}`\n\n"
    if event.kind == "result":
        fence = "````" if "```" in event.text else "```"
        return f"{fence}\n{clean(cut(event.text))}\n{fence}\n\n"
    if event.kind == "end":
        return f"*{event.status}{': ' + clean(event.text) if event.text else ''}*\n\n---\n\n"
    return ""


def coloured(event: Event) -> str:
    if event.kind == "prompt":
        return click.style(f"❯ {clean(event.text)}", fg="cyan", bold=True) + "\n"
    if event.kind == "text":
        return clean(event.text) + ("" if event.delta else "\n")
    if event.kind == "thinking":
        return click.style(clean(event.text), dim=True, italic=True) + "\n"
    if event.kind == "call":
        return click.style(f"● {event.name}", fg="blue", bold=True) + f" {telling_of(event)}\n"
    if event.kind == "result":
        return click.style(clean(cut(event.text)), fg="red" if event.status == "error" else None, dim=True) + "\n"
    if event.kind == "end":
        return (
            click.style(f"— {event.status} {clean(event.text)}".rstrip(), fg="green" if event.status == "done" else "red") + "\n"
        )
    return ""


def telling_of(event: Event) -> str:
    """The words of a call that tell the most."""
    try:
        words = telling(json.loads(event.text or "{}"))
    except ValueError:
        return ""
    return clean(ENDS.split(words)[0])


def cut(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]}\n… {len(text) - MOST} characters more"


def quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in clean(text).split("\n"))


def clean(text: str) -> str:
    """Without what would act on the reader's terminal."""
    return "\n".join(shown(line) for line in text.rstrip("\n").split("\n"))


def recorded(connection: sqlite3.Connection, session_id: str, count: int, follow: bool) -> Iterator[Stamped]:
    """The last ``count`` lines of a stream, and with ``follow`` those to come, until it ends."""
    rows = connection.execute(LINES, (session_id, -1)).fetchall()
    offset = rows[-1][0] if rows else -1
    yield from stamped_lines(rows, count)
    while follow:
        ended = connection.execute("SELECT status FROM sessions WHERE id = ?", (session_id,)).fetchone()[0] != "recording"
        rows = connection.execute(LINES, (session_id, offset)).fetchall()
        if rows:
            offset = rows[-1][0]
            yield from stamped_lines(rows, len(rows))
        elif ended:
            return
        else:
            time.sleep(LOOK_S)


def stamped_lines(rows: list[tuple[int, str | bytes]], count: int) -> list[Stamped]:
    lines = [line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line for _, line in rows]
    found = [stamped for line in lines if (stamped := read_stamped(line)) and stamped.side in "<>"]
    return found[-count:] if count else []
