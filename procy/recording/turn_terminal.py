"""The terminal bytes of one turn made unreadable, and every stored screen drawn again from what is left."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from procy.parse.blank import blanked
from procy.parse.redact import raw_place, visible
from procy.recording.replay import FORGOTTEN, stored_events, stored_reads
from procy.recording.terminal import cut, picture_after
from procy.recording.timeline import load_timeline
from procy.recording.traces import Traces, strings
from procy.store import write
from procy.store.blobs import pack_block, unpack, unpack_block
from procy.store.db import from_iso
from procy.types import PaneEvent, Picture, Read

Span = tuple[int, int]
OVERLAP = 2_000  # bytes in which a piece and its colours find room


def span_of(connection: sqlite3.Connection, turn_id: str) -> Span | None:
    """Where the turn stands in its session's bytes, from the moment when its prompt could be typed; None without a terminal."""
    session_id, start, end, seq = connection.execute(
        "SELECT session_id, terminal_from, terminal_to, seq FROM turns WHERE id = ?", (turn_id,)
    ).fetchone()
    if start is None:
        return None
    began = connection.execute(
        "SELECT max(offset) FROM pane_events WHERE session_id = ? AND offset <= ? "
        "AND (screen IS NOT NULL OR kind = 'foreground')",
        (session_id, start),
    ).fetchone()[0]
    last = connection.execute("SELECT max(end) FROM terminal_blocks WHERE session_id = ?", (session_id,)).fetchone()[0]
    before = end_before(connection, session_id, seq, start)
    return min(max(before, began or 0), start), end if end is not None else last or start


def end_before(connection: sqlite3.Connection, session_id: str, seq: int, start: int) -> int:
    """Where the turn before one with that number and start was over.

    The second in which a terminal shows the end of an answer is the next prompt's where that was typed at once.
    """
    row = connection.execute(
        "SELECT terminal_from, terminal_to, ended_at FROM turns "
        "WHERE session_id = ? AND seq < ? AND terminal_from IS NOT NULL ORDER BY seq DESC LIMIT 1",
        (session_id, seq),
    ).fetchone()
    if row is None:
        return 0
    first, last, ended_at = row
    if last is not None and last < start:
        return int(last)
    return max(first, load_timeline(connection, session_id).offset_at(from_iso(ended_at)) or 0) if ended_at else int(first)


def take_bytes(connection: sqlite3.Connection, session_id: str, span: Span) -> None:
    """Blank the bytes of the span in their blocks, and draw the screens at the beginning of later blocks again."""
    start, end = span
    parts = [part for read in stored_reads(connection, session_id, start, end) if (part := cut(read, start, end))]
    unreadable = blanked(b"".join(part.data for part in parts))
    pictures = {event.offset: event.picture for event in stored_events(connection, session_id) if event.picture}
    rows = connection.execute(
        "SELECT columns, rows, screen, start, started_ns, bytes, reads FROM terminal_blocks "
        "WHERE session_id = ? AND end > ? ORDER BY start",
        (session_id, start),
    ).fetchall()
    before = Picture(rows[0][0], rows[0][1], unpack(rows[0][2])) if rows else None
    for *_, offset, started_ns, data, index in rows:
        reads = [overlaid(read, start, unreadable) for read in unpack_block(offset, started_ns, data, index)]
        before = pictures.get(offset, before)
        assert before is not None
        connection.execute("DELETE FROM terminal_blocks WHERE session_id = ? AND start = ?", (session_id, offset))
        write.add_block(connection, session_id, pack_block(reads, before))
        before = picture_after(before, reads)


def overlaid(read: Read, start: int, data: bytes) -> Read:
    """The read with its part of ``data``, which stands at stream offset ``start``."""
    first, last = max(start, read.offset), min(start + len(data), read.end)
    if first >= last:
        return read
    inside = data[first - start : last - start]
    return read._replace(data=read.data[: first - read.offset] + inside + read.data[last - read.offset :])


def clean_events(connection: sqlite3.Connection, session_id: str, traces: Traces, after: int) -> None:
    """Take the turn's words out of what was noted beside the bytes, and out of pictures that were taken later."""
    for event in stored_events(connection, session_id):
        detail = traces.without(dict(event.detail))
        picture = event.picture
        if picture and event.offset >= after and traces.in_picture(picture):
            picture = replace(picture, escapes=blanked(picture.escapes))
        if (detail, picture) != (event.detail, event.picture):
            connection.execute(
                "DELETE FROM pane_events WHERE session_id = ? AND at_ns = ? AND offset = ? AND kind = ?",
                (session_id, event.at_ns, event.offset, event.kind),
            )
            write.add_pane_event(connection, session_id, event._replace(detail=detail, picture=picture))


def clean_derived(connection: sqlite3.Connection, session_id: str, traces: Traces) -> None:
    """The same for screens and texts whose raw bytes are gone, so that nothing makes them again."""
    for offset, columns, rows, screen in connection.execute(
        "SELECT offset, columns, rows, screen FROM keyframes WHERE session_id = ?", (session_id,)
    ).fetchall():
        picture = Picture(columns, rows, unpack(screen))
        if traces.in_picture(picture):
            write.put_keyframe(connection, session_id, offset, replace(picture, escapes=blanked(picture.escapes)))
    for key, text in connection.execute("SELECT id, text FROM terminal_texts WHERE session_id = ?", (session_id,)).fetchall():
        if traces.in_text(text):
            connection.execute("DELETE FROM terminal_texts WHERE id = ?", (key,))


def mark(connection: sqlite3.Connection, session_id: str, span: Span, at_ns: int) -> None:
    """Say in the recording that something was taken out here."""
    detail = {"cause": FORGOTTEN, "bytes": span[1] - span[0]}
    write.add_pane_event(connection, session_id, PaneEvent(at_ns, span[0], "gap", detail))


def still_shown(connection: sqlite3.Connection, session_id: str, traces: Traces) -> list[int]:
    """Where in the terminal's bytes the words of the forgotten turn still stand, drawn at another time."""
    found = set(offsets_in_bytes(connection, session_id, traces))
    frames = connection.execute(
        "SELECT offset, columns, rows, screen FROM keyframes WHERE session_id = :id "
        "UNION ALL SELECT start, columns, rows, screen FROM terminal_blocks WHERE session_id = :id",
        {"id": session_id},
    )
    found |= {offset for offset, columns, rows, screen in frames if traces.in_picture(Picture(columns, rows, unpack(screen)))}
    texts = connection.execute("SELECT offset, text FROM terminal_texts WHERE session_id = ?", (session_id,))
    found |= {offset for offset, text in texts if traces.in_text(text)}
    return sorted(found)


def offsets_in_bytes(connection: sqlite3.Connection, session_id: str, traces: Traces) -> Iterator[int]:
    """Where a piece begins in what is drawn, whatever colours and cursor moves stand between its letters."""
    needles = [piece.encode().decode("latin-1") for piece in traces.pieces]
    before = b""
    for start, data in blocks_of(connection, session_id):
        plain, places = visible((before + data).decode("latin-1"))
        hits = [place for needle in needles if (place := plain.find(needle)) >= 0]
        yield from (start - len(before) + raw_place(places, place) for place in hits)
        before = data[-OVERLAP:]


def blocks_of(connection: sqlite3.Connection, session_id: str) -> Iterator[tuple[int, bytes]]:
    """(start, bytes) of each block."""
    rows = connection.execute("SELECT start, bytes FROM terminal_blocks WHERE session_id = ? ORDER BY start", (session_id,))
    for start, data in rows:
        yield start, unpack(data)


def clean_hooks(connection: sqlite3.Connection, session_id: str, traces: Traces, began_ns: int, ended_ns: int) -> None:
    """Delete what hooks told in the turn's time, or of it."""
    for key, at_ns, payload in connection.execute(
        "SELECT id, at_ns, payload FROM hook_events WHERE session_id = ?", (session_id,)
    ).fetchall():
        if began_ns <= at_ns <= ended_ns or traces.in_text(readable(payload)):
            connection.execute("DELETE FROM hook_events WHERE id = ?", (key,))


def readable(payload: str) -> str:
    """The strings of a JSON text, one after another."""
    try:
        return "\n".join(strings(json.loads(payload)))
    except ValueError:
        return payload
