"""The whole of a session's terminal, in parts that one page can play. Pure but for ``titles``."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from procy.recording.cast import Mark
from procy.store import session_pages
from procy.ui.clips import Clip

TURNS = 500  # that one page lists
LIMIT = 512 << 20  # bytes that one page plays


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of the recording, and the marks in them."""

    clip: Clip
    marks: tuple[Mark, ...]

    @property
    def numbers(self) -> dict[int, int]:
        """Which of the marks each turn is, by the turn's seq."""
        return {mark.turn: number for number, mark in enumerate(self.marks) if mark.turn is not None}


def split(marks: Sequence[Mark], end: int) -> list[Part]:
    """The parts in order, cut where turns begin wherever that can be; one that is empty for an empty recording."""
    turns = [mark.offset for mark in marks if mark.turn is not None]
    offsets = [mark.offset for mark in marks]
    found: list[Part] = []
    start = 0
    while start < end or not found:
        limit = start + LIMIT
        within = turns[bisect_right(turns, start) : bisect_right(turns, limit)]
        fits = limit >= end and len(within) < TURNS
        stop = end if fits else [min(limit, end), *within[:TURNS]][-1]
        last = bisect_left(offsets, stop) if stop < end else bisect_right(offsets, end)
        found.append(Part(Clip(start, stop), tuple(marks[bisect_left(offsets, start) : last])))
        start = stop
    return found


def marks_in(marks: Sequence[Mark], clip: Clip, end: int) -> tuple[Mark, ...]:
    """The marks of a clip; those at the recording's end are the last one's."""
    return tuple(mark for mark in marks if clip.start <= mark.offset < clip.end or mark.offset == clip.end == end)


def part_with(parts: Sequence[Part], seq: int) -> int:
    """The number, from 1, of the part in which a turn is marked; 1 for none."""
    return next((number for number, part in enumerate(parts, 1) if seq in part.numbers), 1)


def titles(connection: sqlite3.Connection, session_id: str, parts: Sequence[Part], number: int) -> list[sqlite3.Row]:
    """Titles of the turns from the first one that is marked in a part to the first one of the next part."""
    firsts = [min(part.numbers) for part in parts[number:] if part.numbers]
    own = parts[number - 1].numbers
    after = min(own) - 1 if own and number > 1 else 0
    return session_pages.turn_titles(connection, session_id, after, min(firsts) if firsts else None, TURNS + 1)
