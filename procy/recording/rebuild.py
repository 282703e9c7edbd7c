"""Deriving a session again from its raw rows: the same turns, calls, keyframes and texts, by the same readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from procy.parse.redact import mask
from procy.parse.rules import check
from procy.parse.terminal import TerminalReader
from procy.recording.replay import SPOOL_DAMAGED, replay, stored_events
from procy.recording.terminal import EMPTY
from procy.recording.timeline import load_timeline
from procy.recording.transcripts import SEED_ENDING, reader_for, replay_conversation, transcripts_of, writers_of
from procy.recording.turnbook import TurnBook
from procy.recording.wire import Calls
from procy.settings import Settings
from procy.store import write
from procy.store.blobs import unpack, unpack_block
from procy.store.db import from_iso
from procy.store.exchanges import has_bodies
from procy.store.forgotten import starts_of
from procy.store.turn_sources import RANKS
from procy.types import Picture, Read, Turn


def rebuild(connection: sqlite3.Connection, session_id: str, settings: Settings) -> int:
    """Replace the derived rows of one session in one transaction; returns how many turns it has.

    What came from raw rows that are not there, or not all of them (pruned, dropped), is left alone.
    """
    with write.transaction(connection):
        derive_again(connection, session_id, settings)
    return int(connection.execute("SELECT count(*) FROM turns WHERE session_id = ?", (session_id,)).fetchone()[0])


def derive_again(connection: sqlite3.Connection, session_id: str, settings: Settings) -> None:
    """The same inside a transaction."""
    check()
    sources = sources_of(connection, session_id)
    reader = read_terminal(connection, session_id)
    turns = [turn for turn in derive_turns(connection, session_id, reader) if turn.source in sources]
    write.forget_derived(connection, session_id, sources)
    for turn in sorted(turns, key=lambda turn: -RANKS[turn.source]):
        write.put_turn(connection, session_id, turn, mask, settings.cost(turn.model, turn.usage))
    for offset, picture in list(keyframes(connection, session_id, ends_of_turns(connection, session_id))):
        write.put_keyframe(connection, session_id, offset, picture)
    for one in reader.texts.take() if "screen" in sources else ():
        write.add_terminal_text(connection, session_id, one.offset, one.text, mask)


def sources_of(connection: sqlite3.Connection, session_id: str) -> list[str]:
    """The sources of turns whose raw rows are all there."""
    if is_pruned(connection, session_id):
        return []
    return [
        source
        for source, has in (("screen", has_screen), ("wire", has_bodies), ("transcript", has_lines), ("stream", has_lines))
        if has(connection, session_id)
    ]


def is_pruned(connection: sqlite3.Connection, session_id: str) -> bool:
    return bool(connection.execute("SELECT pruned_at FROM sessions WHERE id = ?", (session_id,)).fetchone()[0])


def has_terminal(connection: sqlite3.Connection, session_id: str) -> bool:
    """Whether the terminal's bytes are all there that were told of, from the first on."""
    query = (
        "SELECT min(start) = 0 AND NOT EXISTS (SELECT 1 FROM pane_events WHERE session_id = :id AND kind = 'gap' "
        "AND detail ->> 'cause' = :cause) FROM terminal_blocks WHERE session_id = :id"
    )
    return bool(connection.execute(query, {"id": session_id, "cause": SPOOL_DAMAGED}).fetchone()[0])


def has_screen(connection: sqlite3.Connection, session_id: str) -> bool:
    """Whether what tells of the screen is there: the terminal, or what the first procy had read off it."""
    is_seed = any(one.path.endswith(SEED_ENDING) for one in transcripts_of(connection, session_id))
    return has_lines(connection, session_id) if is_seed else has_terminal(connection, session_id)


def has_lines(connection: sqlite3.Connection, session_id: str) -> bool:
    """Whether every transcript of the session is there from its first line on."""
    rows = connection.execute(
        "SELECT (SELECT min(offset) FROM transcript_lines WHERE transcript_id = transcript_sessions.transcript_id) "
        "FROM transcript_sessions WHERE session_id = ?",
        (session_id,),
    ).fetchall()
    return bool(rows) and all(row[0] == 0 for row in rows)


def tell_untold(connection: sqlite3.Connection, session_id: str, settings: Settings) -> None:
    """Where an agent had the pane that keeps transcripts, and none was found: take its turns from the screen."""
    agents = [
        event for event in stored_events(connection, session_id) if event.kind == "foreground" and event.detail.get("agent")
    ]
    hidden = any(not event.detail.get("reads_turns", True) for event in agents)
    if hidden and has_terminal(connection, session_id) and not transcripts_of(connection, session_id):
        derive_again(connection, session_id, settings)


def read_terminal(connection: sqlite3.Connection, session_id: str) -> TerminalReader:
    reader = TerminalReader(EMPTY)
    replay(connection, session_id, reader, untold=not transcripts_of(connection, session_id))
    reader.rest(reader.last_ns + 60_000_000_000)
    reader.texts.end(reader.offset)
    return reader


def derive_turns(connection: sqlite3.Connection, session_id: str, reader: TerminalReader) -> list[Turn]:
    """Every turn of the session, from its transcripts or its calls, and from its screen, by time."""
    book = TurnBook(load_timeline(connection, session_id))
    for began_ns in starts_of(connection, session_id):
        book.begin(began_ns)
    for transcript in transcripts_of(connection, session_id):
        conversation = reader_for(transcript)
        replay_conversation(connection, transcript.id, conversation)
        writers = writers_of(connection, transcript.id)
        book.put(turn for turn in conversation.changed() if writers.at(turn.started_ns) == session_id)
    if not book.known:
        book.put(Calls(connection, session_id).read())
    book.put(reader.changed())
    session = connection.execute("SELECT started_at, ended_at FROM sessions WHERE id = ?", (session_id,)).fetchone()
    states = [event for event in stored_events(connection, session_id) if event.kind == "state"]
    if states and states[-1].detail.get("state") == "idle":
        book.idle_since(states[-1].at_ns)
    ended_ns = reader.last_ns or from_iso(session[1] or session[0])
    return sorted(book.close(ended_ns), key=lambda turn: turn.started_ns)


def ends_of_turns(connection: sqlite3.Connection, session_id: str) -> set[int]:
    """The offsets where turns begin and end."""
    rows = connection.execute("SELECT terminal_from, terminal_to FROM turns WHERE session_id = ?", (session_id,))
    return {offset for row in rows for offset in row if offset is not None}


def fill_keyframes(connection: sqlite3.Connection, session_id: str) -> None:
    """Add the screens at ends of turns that are missing: their bytes had left the sidecar's memory when the end was known."""
    there = {offset for (offset,) in connection.execute("SELECT offset FROM keyframes WHERE session_id = ?", (session_id,))}
    for offset, picture in keyframes(connection, session_id, ends_of_turns(connection, session_id) - there):
        write.put_keyframe(connection, session_id, offset, picture)


def keyframes(connection: sqlite3.Connection, session_id: str, places: set[int]) -> Iterator[tuple[int, Picture]]:
    """The screens at these offsets, each from the block that holds it."""
    offsets = sorted(places)
    edges = connection.execute(
        "SELECT start, end FROM terminal_blocks WHERE session_id = ? ORDER BY start", (session_id,)
    ).fetchall()
    starts = {start for start, _ in edges}
    for start, end in edges:
        inside = [offset for offset in offsets if start <= offset < end or (offset == end and end not in starts)]
        if inside:
            columns, rows, screen, *block = connection.execute(
                "SELECT columns, rows, screen, start, started_ns, bytes, reads FROM terminal_blocks "
                "WHERE session_id = ? AND start = ?",
                (session_id, start),
            ).fetchone()
            yield from pictures_in(Picture(columns, rows, unpack(screen)), list(unpack_block(*block)), inside)


def pictures_in(before: Picture, reads: list[Read], offsets: list[int]) -> Iterator[tuple[int, Picture]]:
    """The screens at some offsets of one block, in order."""
    from procy.parse.screen import Screen  # late: the emulator takes a sixth of a second to import

    screen = Screen(before.columns, before.rows)
    screen.feed(before.escapes)
    for read in reads:
        while offsets and offsets[0] < read.end:
            here = offsets.pop(0) - read.offset
            screen.resize(read.columns, read.rows)
            screen.feed(read.data[:here])
            read = read._replace(offset=read.offset + here, data=read.data[here:])
            yield read.offset, Picture(*screen.size, screen.escapes())
        screen.resize(read.columns, read.rows)
        screen.feed(read.data)
    for offset in offsets:
        yield offset, Picture(*screen.size, screen.escapes())
