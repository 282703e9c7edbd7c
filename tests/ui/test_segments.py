"""A recording in segments plays as it does in one piece, wherever one begins."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from procy.parse.screen import Screen
from procy.recording.cast import Mark
from procy.recording.terminal import TerminalLog
from procy.store.blobs import pack_block
from procy.types import Picture, Read
from procy.ui import segments
from procy.ui.clips import Clip

from .sample import NOW

PIECES = (
    "plain ",
    "Größe 日本 🙂\r\n",
    "\x1b[31mred\x1b[0m\r\n",
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b[5;3Hhere",
    "x" * 50 + "\r\n",
)


@st.composite
def recordings(draw: st.DrawFn) -> list[list[Read]]:
    """Blocks of reads, cut anywhere; clocks may be set back. The window keeps its size: a picture knows no wrapped lines."""
    stream = "".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=30))).encode()
    blocks: list[list[Read]] = []
    offset, time_ns = 0, NOW
    while offset < len(stream):
        block = []
        for _ in range(draw(st.integers(1, 4))):
            length = draw(st.integers(1, 30))
            if data := stream[offset : offset + length]:
                block.append(Read(time_ns, offset, 40, 12, data))
                offset += len(data)
                time_ns += draw(st.sampled_from((0, 400, 5_000_000, 3_000_000_000, -2_000_000_000)))
        if block:
            blocks.append(block)
    return blocks


def check(found: dict[str, Any], loaded: list[dict[str, Any]]) -> None:
    """What asciinema-player 3.17.0 refuses."""
    starts = [one["start"] for one in found["segments"]]
    assert starts[0] == 0 and all(a < b for a, b in pairwise(starts))
    assert len(starts) == 1 or starts[-1] < found["duration"]
    labels = []
    for number, one in enumerate(loaded):
        times = [event[0] for event in one["events"]]
        assert times == sorted(times) and (number == 0 or times[0] == starts[number])
        assert times[-1] < starts[number + 1] if number + 1 < len(starts) else times[-1] == found["duration"]
        labels += [[event[0], event[2]] for event in one["events"] if event[1] == "m"]
    assert labels == found["markers"]


@settings(max_examples=40, deadline=None)
@given(recordings(), st.lists(st.integers(0, 400), max_size=5), st.sampled_from((0, 1000)))
def test_segments_are_what_the_player_wants_and_show_what_was_shown(
    blocks: list[list[Read]], places: list[int], idle: int
) -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.executescript(SCHEMA)
    screen = Screen(40, 12)
    for block in blocks:
        packed = pack_block(block, Picture(40, 12, screen.escapes()))
        connection.execute("INSERT INTO terminal_blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ("S", *packed))
        for read in block:
            screen.feed(read.data)
    end = blocks[-1][-1].end
    log = TerminalLog(connection, "/nowhere", "S")
    clip = Clip(0, end)
    marks = [Mark(place, 0, f"{number}") for number, place in enumerate(sorted(place for place in places if place <= end))]
    plan = segments.plan(log, clip, marks, idle)
    found = segments.index(log, clip, plan, "")
    loaded = []
    for one in plan.segments:
        own = [mark for mark in marks if (one.start == 0 or mark.offset > one.start) and mark.offset <= one.end]
        loaded.append(segments.segment(log, one, own, idle))
    check(found, loaded)
    last = loaded[-1]
    played = Screen(last["snapshot"]["cols"], last["snapshot"]["rows"])
    played.feed(last["snapshot"]["init"].encode())
    for _, code, data in last["events"]:
        if code == "o":
            played.feed(data.encode())
    assert played.lines() == screen.lines()
    times = [event[0] for one in loaded for event in one["events"]]
    assert not idle or all(after - before <= 1.00001 for before, after in pairwise(times))
    half = plan.end_ns // 2
    offset = segments.offset_at(log, clip, idle, half)
    [(at, _)] = segments.plan(log, clip, [Mark(offset, 0, "")], idle).marks
    assert at <= half + 1000


SCHEMA = """
CREATE TABLE terminal_blocks (session_id, start, end, started_ns, ended_ns, bytes, reads, columns, rows, screen);
CREATE TABLE keyframes (session_id, offset, columns, rows, screen);
CREATE TABLE pane_events (session_id, at_ns, offset, kind, detail, screen);
"""
