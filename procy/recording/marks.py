"""Where turns begin and gaps lie in a session's terminal bytes."""

import sqlite3

from procy.recording.cast import Mark
from procy.recording.terminal import TerminalLog
from procy.store.db import from_iso

LABEL = 60  # characters


def marks_of(connection: sqlite3.Connection, log: TerminalLog) -> list[Mark]:
    """Turns and gaps, in the order of the stream."""
    marks = [
        Mark(offset, from_iso(started_at), f"{seq}: {label(prompt)}", turn=seq)
        for seq, prompt, offset, started_at in connection.execute(
            "SELECT seq, substr(prompt, 1, 200), terminal_from, started_at FROM turns "
            "WHERE session_id = ? AND terminal_from IS NOT NULL ORDER BY terminal_from",
            (log.session_id,),
        )
    ]
    return sorted([*marks, *gaps_of(log)], key=lambda mark: mark.offset)


def places_of(connection: sqlite3.Connection, log: TerminalLog) -> list[Mark]:
    """The same without words and times, for who only counts them: of 10,000 turns in a fifth of the time."""
    rows = connection.execute(
        "SELECT terminal_from, 0, '', NULL, seq FROM turns "
        "WHERE session_id = ? AND terminal_from IS NOT NULL ORDER BY terminal_from",
        (log.session_id,),
    )
    return sorted([*(Mark(*row) for row in rows), *gaps_of(log)], key=lambda mark: mark.offset)


def gaps_of(log: TerminalLog) -> list[Mark]:
    """Where the recording begins again with another screen."""
    return [
        Mark(event.offset, event.at_ns, f"gap: {event.detail.get('cause', 'attached again')}", event.picture)
        for event in log.events()
        if event.picture and event.offset
    ]


def label(prompt: str) -> str:
    first = " ".join(prompt.split())
    return first[: LABEL - 1] + "…" if len(first) > LABEL else first
