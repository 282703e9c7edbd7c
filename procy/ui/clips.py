"""Terminal recordings for the player: one turn, or the whole session. As recorded, unredacted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from procy.parse.screen import Screen
from procy.recording.cast import Mark, cast
from procy.recording.marks import gaps_of
from procy.recording.terminal import TerminalLog

LIMIT = 20 << 20  # bytes of terminal output that come in one piece
PLAIN = 512 << 10  # of which the player gets the whole in one piece; more comes in segments
IDLE_MS = 1_000
IDLES = (0, 300, IDLE_MS, 5_000)  # ms that one can choose from
FOUND = "found"  # label of the place to stop at
AROUND = 64 << 10  # bytes before and after a place that belongs to no turn


@dataclass(frozen=True, slots=True)
class Clip:
    """Bytes ``start`` to ``end`` of a session's terminal; ``at`` is a place in between to stop at."""

    start: int
    end: int
    at: int | None = None

    @property
    def query(self) -> str:
        return f"from={self.start}&to={self.end}" + (f"&at={self.at}" if self.at is not None else "")


def clip_of(log: TerminalLog, turn: sqlite3.Row | None, at: int | None) -> Clip | None:
    """The clip of a turn, or of what lies around a place outside of all turns."""
    end = log.end()
    if turn is not None and turn["terminal_from"] is not None:
        stop = turn["terminal_to"] if turn["terminal_to"] is not None else end
        if at is None or at <= stop:
            return Clip(turn["terminal_from"], stop, at)
    return None if at is None else Clip(max(at - AROUND, 0), min(at + AROUND, end), at)


def clip_marks(log: TerminalLog, clip: Clip) -> list[Mark]:
    """Gaps in a clip, and the place in it to stop at."""
    marks = [mark for mark in gaps_of(log) if clip.start < mark.offset <= clip.end]
    if clip.at is not None:
        marks.append(Mark(clip.at, 0, FOUND))
    return sorted(marks, key=lambda mark: mark.offset)


def clip_cast(log: TerminalLog, clip: Clip, marks: Sequence[Mark], title: str, idle_ms: int = IDLE_MS) -> Iterator[str]:
    """Begins with the exact screen at the clip's start. ``idle_ms`` is the longest pause, 0: as long as it was."""
    reads = list(log.reads(clip.start, min(clip.end, clip.start + LIMIT)))
    began_ns = reads[0].time_ns if reads else 0
    header = {"timestamp": began_ns // 1_000_000_000, "title": title}
    return cast(iter(reads), marks, log.picture_at(clip.start), header, idle_ms / 1000 if idle_ms else None, redact=False)


def screen_text(log: TerminalLog, offset: int) -> list[str]:
    """The lines of the screen after that many bytes, without blank ones at the end."""
    picture = log.picture_at(offset)
    screen = Screen(picture.columns, picture.rows)
    screen.feed(picture.escapes)
    lines = screen.lines()
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
