"""A session as one HTML file that needs nothing else, and a turn as a piece of HTML to paste: secrets masked.

A file is written turn by turn, so its session may be of any length. Neither holds a script, and neither asks any host.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from procy.parse.redact import mask
from procy.recording.coloured import screen_html
from procy.recording.terminal import TerminalLog
from procy.store import corrections, read, session_pages
from procy.store.read import short
from procy.ui import prose, words
from procy.ui.assets import plugins_folder
from procy.ui.conversation import TurnView

AT_ONCE = 20  # turns read at a time
RESULT = 200_000  # characters of a tool's result
CLEAN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # what HTML cannot hold

Mask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of the answer."""

    html: Markup


@dataclass(frozen=True, slots=True)
class Used:
    """One use of a tool; ``more`` characters of its result are left out."""

    name: str
    brief: str
    status: str
    duration_ms: int | None
    arguments: tuple[tuple[str, str], ...]
    result: str | None
    more: int


@dataclass(frozen=True, slots=True)
class Told:
    """A turn with everything in it. ``files``: (path, change, diff). ``screen`` is HTML, "" where there is none."""

    row: sqlite3.Row
    prompt: str
    steps: tuple[Words | Used, ...]
    files: tuple[tuple[str, str, str], ...]
    error: str
    correction: tuple[str, str] | None  # the better prompt, and the note on it
    screen: Markup
    facts: tuple[str, ...]


class Source:
    """Reads turns of one session. ``redact`` False leaves keys and tokens in."""

    def __init__(self, connection: sqlite3.Connection, spool: str, session: sqlite3.Row, redact: bool = True) -> None:
        self.connection, self.session, self.redact = connection, session, redact
        self.log = TerminalLog(connection, spool, session["id"])
        self.clean: Mask = (lambda text: CLEAN.sub("", mask(text))) if redact else (lambda text: CLEAN.sub("", text))

    def turns(self) -> Iterator[Told]:
        after = 0
        while rows := read.list_turns(self.connection, self.session["id"], after, limit=AT_ONCE):
            yield from self.told(rows)
            after = rows[-1]["seq"]

    def told(self, rows: Sequence[sqlite3.Row]) -> Iterator[Told]:
        keys = [row["id"] for row in rows]
        calls, files = read.tool_calls(self.connection, keys), read.turn_files(self.connection, keys)
        for row in rows:
            yield self.one(row, calls[row["id"]], files[row["id"]])

    def one(self, row: sqlite3.Row, calls: Sequence[sqlite3.Row], files: Sequence[sqlite3.Row]) -> Told:
        found = corrections.standing(self.connection, row["id"], None)
        changed = ((words.below(file["path"], self.session["cwd"]), file["change"], file["diff"] or "") for file in files)
        return Told(
            row, self.clean(row["prompt"]), tuple(self.steps(row, calls)),
            tuple((self.clean(path), change, self.clean(diff)) for path, change, diff in changed),
            self.clean(row["error"] or ""),
            (self.clean(found["chosen"]), self.clean(found["note"] or "")) if found else None,
            self.screen(row), tuple(facts_of(row)),
        )  # fmt: skip

    def steps(self, row: sqlite3.Row, calls: Sequence[sqlite3.Row]) -> Iterator[Words | Used]:
        written = 0
        for call in calls:
            yield from self.said(row, written, call["response_at"])
            written = max(written, call["response_at"])
            brief, result = words.brief(call["input"], self.session["cwd"]), call["result"]
            yield Used(
                self.clean(call["name"]), self.clean(brief), call["status"], call["duration_ms"],
                tuple((self.clean(name), self.clean(value)) for name, value in words.arguments(call["input"])),
                None if result is None else self.clean(result)[:RESULT], max(len(result or "") - RESULT, 0),
            )  # fmt: skip
        yield from self.said(row, written, None)

    def said(self, row: sqlite3.Row, start: int, end: int | None) -> Iterator[Words]:
        text = self.clean(row["response"][start:end]).strip("\n")
        if text.strip():
            screen = row["source"] == "screen"
            yield Words(Markup('<pre class="code">{}</pre>').format(text) if screen else prose.prose(text))

    def screen(self, row: sqlite3.Row) -> Markup:
        """The screen at the end of the turn."""
        if row["terminal_to"] is None:
            return Markup("")
        return Markup(CLEAN.sub("", screen_html(self.log.picture_at(row["terminal_to"]), self.redact)))


def facts_of(row: sqlite3.Row) -> list[str]:
    return TurnView(row, (), (), "").facts


def environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(plugins_folder() / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    found.filters |= {
        "stamp": words.stamp, "clock": words.clock, "tokens": words.tokens, "duration": words.duration, "short": short,
        "one_line": words.one_line, "home": lambda path: words.home_short(path, os.path.expanduser("~")),
    }  # fmt: skip
    found.globals["diff_lines"] = prose.diff_lines
    return found


def document(connection: sqlite3.Connection, spool: str, session: sqlite3.Row, redact: bool = True) -> Iterator[str]:
    """The file, in pieces."""
    source, templates = Source(connection, spool, session, redact), environment()
    style = (plugins_folder() / "static" / "offline.css").read_text(encoding="utf-8")
    facts: dict[str, Any] = {
        name: source.clean(str(session[name] or "")) for name in ("name", "agent", "cwd", "branch", "started_at", "ended_at")
    }
    head = {"session": facts, "id": session["id"], "style": Markup(style), "redact": redact}
    yield templates.get_template("offline_head.html").render(**head, total=session_pages.turn_range(connection, session["id"])[0])
    for titles in batches(connection, session["id"]):
        yield "".join(
            templates.get_template("offline_title.html").render(turn=row, prompt=source.clean(row["prompt"])) for row in titles
        )
    yield "</ol></nav>\n<main>\n"
    template = templates.get_template("offline_turn.html")
    for told in source.turns():
        yield template.render(told=told, turn=told.row)
    yield "</main>\n</div>\n</body>\n</html>\n"


def batches(connection: sqlite3.Connection, session_id: str) -> Iterator[list[sqlite3.Row]]:
    after = 0
    while rows := session_pages.turn_titles(connection, session_id, after, limit=200):
        yield rows
        after = rows[-1]["seq"]


# -- one turn -----------------------------------------------------------------------------------------------------------

MONO = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12.5px"
INLINE = {  # what prose makes, which has its look from a style sheet elsewhere
    '<pre class="code grid">': f'<pre style="{MONO};background:#f4f4f1;padding:8px 10px;margin:6px 0;overflow:auto">',
    '<pre class="code">': f'<pre style="{MONO};background:#f4f4f1;padding:8px 10px;margin:6px 0;white-space:pre-wrap">',
    '<div class="text">': '<div style="white-space:pre-wrap;margin:0 0 .6em">',
    "<code>": f'<code style="{MONO};background:#f4f4f1">',
}


def fragment(connection: sqlite3.Connection, spool: str, turn: sqlite3.Row) -> str:
    """A turn as HTML whose styles are all inline, masked: for a mail, a document, a comment."""
    session = session_pages.page_session(connection, turn["session_id"])
    [told] = Source(connection, spool, session).told([turn])
    return environment().get_template("fragment.html").render(told=told, turn=turn, inlined=inlined, mono=Markup(MONO))


def inlined(html: Markup) -> Markup:
    """The same with its look inline. Text in there is escaped, so what looks like a tag is one of ours."""
    text = str(html)
    for plain, styled in INLINE.items():
        text = text.replace(plain, styled)
    return Markup(text)
