"""Telling a reader again what the database holds of a session, in the order in which it happened."""

import json
import logging
import sqlite3
from collections.abc import Iterator
from functools import cache

from procy import plugins
from procy.errors import PluginError
from procy.parse.marks import DEFAULT, Marks
from procy.parse.terminal import TerminalReader
from procy.plugins import profile_named
from procy.store.blobs import unpack, unpack_block
from procy.types import PaneEvent, Picture, Read

log = logging.getLogger("procy.sidecar")

SPOOL_DAMAGED = "the spool was damaged"  # cause of a gap where bytes may have been told of before they were lost
FORGOTTEN = "forgotten"  # cause of a gap where bytes were made unreadable; nothing is missing from the screen's point of view


def stored_events(connection: sqlite3.Connection, session_id: str) -> list[PaneEvent]:
    rows = connection.execute(
        "SELECT at_ns, offset, kind, detail, screen FROM pane_events WHERE session_id = ? ORDER BY offset, at_ns", (session_id,)
    )
    events = []
    for at_ns, offset, kind, text, screen in rows:
        detail = json.loads(text or "{}")
        picture = Picture(detail["columns"], detail["rows"], unpack(screen)) if screen else None
        events.append(PaneEvent(at_ns, offset, kind, detail, picture))
    return events


def stored_reads(connection: sqlite3.Connection, session_id: str, start: int = 0, end: int | None = None) -> Iterator[Read]:
    """The reads of the blocks that hold the stream from ``start`` to ``end``, whole blocks at a time."""
    rows = connection.execute(
        "SELECT start, started_ns, bytes, reads FROM terminal_blocks "
        "WHERE session_id = ? AND end > ? AND start < ? ORDER BY start",
        (session_id, start, end if end is not None else 1 << 62),
    )
    for row in rows.fetchall():
        yield from unpack_block(*row)


def tell(reader: TerminalReader, event: PaneEvent, untold: bool = False) -> None:
    """What an event of the pane means to the reader of its screen. ``untold``: no agent's transcript is there to tell turns."""
    if event.picture or event.kind == "gap":
        reader.rest(event.at_ns)
    if event.picture:
        reader.reset(event.picture, event.at_ns)
    elif event.kind == "gap" and event.detail.get("cause") != FORGOTTEN:
        reader.lose(event.at_ns)
    if event.kind == "foreground":
        reader.rest(event.at_ns)
        detail = event.detail
        reads_turns = bool(detail.get("reads_turns", True)) or (untold and bool(detail.get("agent")))
        program = str(detail.get("program", ""))
        since_ns = int(detail.get("since_ns", event.at_ns))
        reader.foreground(detail.get("shell_waits"), reads_turns, program, since_ns, marks_of(str(detail.get("agent", ""))))


@cache
def marks_of(agent: str) -> Marks:
    """By what that agent's screen is read; of a profile with a mistake in them, as if it had none."""
    try:
        return plugins.call(f"reading the marks of {agent}", DEFAULT.with_more, getattr(profile_named(agent), "marks", {}))
    except PluginError as error:
        log.error("%s", error)
        return DEFAULT


def replay(
    connection: sqlite3.Connection, session_id: str, reader: TerminalReader, untold: bool = False, has_texts: int = 0
) -> list[PaneEvent]:
    """Feed every read that the database has, and the events among them; returns the events that come after.

    ``has_texts``: up to that offset the database has the texts, and the reader gives out those behind it.
    """
    events = stored_events(connection, session_id)
    end = 0
    for read in stored_reads(connection, session_id):
        while events and events[0].offset <= read.offset:
            tell(reader, events.pop(0), untold)
        reader.feed(read)
        if end < has_texts <= read.end:
            reader.texts.skip(reader.screen, read.end)
        end = read.end
    while events and events[0].offset <= end:
        tell(reader, events.pop(0), untold)
    return events


def last_text(connection: sqlite3.Connection, session_id: str) -> int:
    """Up to where the database has what stood on the terminal."""
    row = connection.execute("SELECT max(offset) FROM terminal_texts WHERE session_id = ?", (session_id,)).fetchone()
    return row[0] or 0
