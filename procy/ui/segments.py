"""A recording of any length for the player, in segments that it loads as it needs them. Pure but for reading the recording.

The form is asciinema-player's ``format: "segmented"`` (in 3.17.0, in no document of theirs): an index with the times of all
segments and marks, and for each segment the screen at its beginning and its events. Times do not decrease, a segment's first
event has its time and the last one of all that of the end; pauses are shortened here, because the player cannot.
"""

from __future__ import annotations

import codecs
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, repeat
from operator import sub
from typing import Any

from procy.parse.edges import LONGEST, unfinished
from procy.recording.cast import CLEAR, Mark
from procy.recording.terminal import TerminalLog
from procy.store.blobs import BLOCK_BYTES, READ, unpack
from procy.types import Read
from procy.ui.clips import Clip

NO_LIMIT = 1 << 62
Reads = tuple[Sequence[int], Sequence[int], int]  # when they came (ns), their lengths, the offset of the first


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes ``start`` to ``end``; the first of its reads is shown at ``at_ns``, the last at ``last_ns``.

    ``back_ns``: how much earlier its first read has its time than some read before it. Until clocks have caught up, there is no
    pause.
    """

    start: int
    end: int
    at_ns: int
    last_ns: int
    back_ns: int


@dataclass(frozen=True, slots=True)
class Replay:
    """The segments of a clip, and when each of its marks is reached."""

    segments: list[Segment]
    marks: list[tuple[int, Mark]]

    @property
    def end_ns(self) -> int:
        return self.segments[-1].last_ns if self.segments else 0


def seconds(ns: int) -> float:
    """As the player gets it; the same for the index and in a segment."""
    return ns // 1000 / 1e6


def idle_ns(idle_ms: int) -> int:
    """The longest pause; 0 ms: as long as it was."""
    return idle_ms * 1_000_000 if idle_ms else NO_LIMIT


def plan(log: TerminalLog, clip: Clip, marks: Sequence[Mark], idle_ms: int) -> Replay:
    """``marks`` are those of the clip, in order."""
    found: list[Segment] = []
    placed: list[tuple[int, Mark]] = []
    waiting = list(marks)
    clock = at = 0
    for times, lengths, start in reads_in(log, clip):
        shown = shown_at(times, clock, at, idle_ns(idle_ms)) if found else shown_at(times, times[0], 0, idle_ns(idle_ms))
        ends = list(accumulate(lengths, initial=start))[1:]
        while waiting and waiting[0].offset <= ends[-1]:
            place = bisect_left(ends, waiting[0].offset)
            placed.append((0 if waiting[0].offset <= clip.start else shown[place], waiting.pop(0)))
        back = max(clock - times[0], 0)
        segment = Segment(max(start, clip.start), min(ends[-1], clip.end), shown[0], shown[-1], back)
        clock, at = max(clock, max(times)), shown[-1]
        add(found, segment)
    if len(found) > 1 and found[-1].at_ns // 1000 == found[-1].last_ns // 1000:  # the last one must not be a moment only
        last = found.pop()
        found[-1] = replace(found[-1], end=last.end, last_ns=last.last_ns)
    return Replay(found, placed + [(at, mark) for mark in waiting])


def add(found: list[Segment], segment: Segment) -> None:
    """The player wants a segment to begin later than all that was before it; else it is one with the one before."""
    if found and segment.at_ns // 1000 <= found[-1].last_ns // 1000:
        found[-1] = replace(found[-1], end=segment.end, last_ns=segment.last_ns)
    else:
        found.append(segment)


def shown_at(times: Sequence[int], clock: int, at: int, most: int) -> list[int]:
    """When each read is shown, the one before them at ``at``; no pause is longer than ``most``."""
    clocks = list(accumulate(times, max, initial=clock))
    return list(accumulate(map(min, map(sub, clocks[1:], clocks), repeat(most)), initial=at))[1:]


def reads_in(log: TerminalLog, clip: Clip) -> Iterator[Reads]:
    """Those of each block of a clip, and of what is in no block yet; the first and last may reach out of it."""
    rows = log.connection.execute(
        "SELECT start, started_ns, reads FROM terminal_blocks WHERE session_id = ? AND end > ? AND start < ? ORDER BY start",
        (log.session_id, clip.start, clip.end),
    ).fetchall()
    for start, started_ns, index in rows:
        after, lengths, _, _ = zip(*READ.iter_unpack(unpack(index)), strict=True)
        yield from within([started_ns + one for one in after], lengths, start, clip)
    end = log.durable_end()
    if end < clip.end:
        for some in batches(log.spooled(max(end, clip.start))):
            yield from within([one.time_ns for one in some], [len(one.data) for one in some], some[0].offset, clip)


def within(times: Sequence[int], lengths: Sequence[int], start: int, clip: Clip) -> Iterator[Reads]:
    """Without the reads that are all outside."""
    ends = list(accumulate(lengths, initial=start))
    first, last = bisect_left(ends, clip.start + 1, 1) - 1, min(bisect_left(ends, clip.end), len(times))
    if first < last:
        yield times[first:last], lengths[first:last], ends[first]


def batches(reads: Iterable[Read]) -> Iterator[list[Read]]:
    some: list[Read] = []
    for one in reads:
        some.append(one)
        if one.end - some[0].offset >= BLOCK_BYTES:
            yield some
            some = []
    if some:
        yield some


def offset_at(log: TerminalLog, clip: Clip, idle_ms: int, at_ns: int) -> int:
    """What had been shown after so long."""
    clock = at = 0
    place = clip.start
    for times, lengths, start in reads_in(log, clip):
        shown = shown_at(times, clock or times[0], at, idle_ns(idle_ms))
        count = bisect_left(shown, at_ns + 1000)
        place = start + sum(lengths[:count]) if count else place
        if count < len(times):
            break
        clock, at = max(clock, max(times)), shown[-1]
    return min(max(place, clip.start), clip.end)


# -- what the player gets -----------------------------------------------------------------------------------------------


def index(log: TerminalLog, clip: Clip, found: Replay, query: str) -> dict[str, Any]:
    """The index of a clip; addresses are relative to its own, and end in ``query``."""
    picture = log.picture_at(clip.start)
    return {
        "version": 1, "term": {"cols": picture.columns, "rows": picture.rows}, "duration": seconds(found.end_ns),
        "markers": [[seconds(at), mark.label] for at, mark in found.marks],
        "segments": [
            {
                "start": seconds(one.at_ns),
                "url": f"segment.json?from={one.start}&to={one.end}&at={one.at_ns}&back={one.back_ns}&{query}"
                + ("&first=1" if one.start == clip.start else ""),
            }
            for one in found.segments
        ],
    }  # fmt: skip


def segment(log: TerminalLog, one: Segment, marks: Sequence[Mark], idle_ms: int) -> dict[str, Any]:
    """The screen at the beginning of a segment, and its events; ``marks`` are those that it reaches."""
    picture = log.picture_at(one.start)
    before = b"".join(read.data for read in log.reads(max(one.start - LONGEST, 0), one.start))
    begun = before[len(before) - unfinished(before) :]
    reads = list(log.reads(one.start, one.end))
    clock = reads[0].time_ns + one.back_ns if reads else 0
    shown = shown_at([read.time_ns for read in reads], clock, one.at_ns, idle_ns(idle_ms))
    snapshot = {"cols": picture.columns, "rows": picture.rows, "init": picture.escapes.decode("utf-8", "replace")}
    return {"snapshot": snapshot, "events": list(events(reads, shown, marks, (picture.columns, picture.rows), begun))}


def events(
    reads: Sequence[Read], shown: Sequence[int], marks: Sequence[Mark], size: tuple[int, int], begun: bytes
) -> Iterator[list[Any]]:
    """``[seconds, code, data]``, at least one for the first read and the last one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting = list(marks)
    text = decoder.decode(begun)
    for place, (read, at_ns) in enumerate(zip(reads, shown, strict=True)):
        at = seconds(at_ns)
        while waiting and waiting[0].offset <= read.offset:
            yield from mark_events(waiting.pop(0), at)
        if (read.columns, read.rows) != size:
            size = (read.columns, read.rows)
            yield [at, "r", f"{size[0]}x{size[1]}"]
        text += decoder.decode(read.data)
        if text or place in (0, len(reads) - 1):
            yield [at, "o", text]
        text = ""
        while waiting and waiting[0].offset <= read.end:
            mark = waiting.pop(0)
            yield from mark_events(mark, at)
            size = (mark.picture.columns, mark.picture.rows) if mark.picture else size
    for mark in waiting if shown else []:
        yield from mark_events(mark, seconds(shown[-1]))


def mark_events(mark: Mark, at: float) -> Iterator[list[Any]]:
    yield [at, "m", mark.label]
    if mark.picture:
        yield [at, "r", f"{mark.picture.columns}x{mark.picture.rows}"]
        yield [at, "o", CLEAR + mark.picture.escapes.decode("utf-8", "replace")]
