"""Terminal recordings for the player: one turn, or the whole session. As recorded, unredacted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from procy.parse.screen import Screen
from procy.recording.cast import Mark, cast
from procy.recording.marks import gaps_of
from procy.recording.terminal import TerminalLog

LIMIT = 20 << 20  # bytes of terminal output that one page plays
IDLE_S = 1.0
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
            return Clip(turn["terminal_from"], min(stop, turn["terminal_from"] + LIMIT), at)
    return None if at is None else Clip(max(at - AROUND, 0), min(at + AROUND, end), at)


def clip_marks(log: TerminalLog, clip: Clip) -> list[Mark]:
    """Gaps in a clip, and the place in it to stop at."""
    marks = [mark for mark in gaps_of(log) if clip.start < mark.offset <= clip.end]
    if clip.at is not None:
        marks.append(Mark(clip.at, 0, "found"))
    return sorted(marks, key=lambda mark: mark.offset)


def clip_cast(log: TerminalLog, clip: Clip, marks: Sequence[Mark], title: str) -> Iterator[str]:
    """Begins with the exact screen at the clip's start."""
    reads = list(log.reads(clip.start, min(clip.end, clip.start + LIMIT)))
    began_ns = reads[0].time_ns if reads else 0
    header = {"timestamp": began_ns // 1_000_000_000, "title": title}
    return cast(iter(reads), marks, log.picture_at(clip.start), header, IDLE_S, redact=False)


def screen_text(log: TerminalLog, offset: int) -> list[str]:
    """The lines of the screen after that many bytes, without blank ones at the end."""
    picture = log.picture_at(offset)
    screen = Screen(picture.columns, picture.rows)
    screen.feed(picture.escapes)
    lines = screen.lines()
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
