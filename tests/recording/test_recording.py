"""Recordings read back: casts, places in time, turns as they settle."""

from __future__ import annotations

import dataclasses
import json

from procy.recording.cast import Mark, cast
from procy.recording.timeline import Timeline
from procy.recording.transcripts import Writers
from procy.recording.turnbook import LATE_NS, SETTLE_NS, TurnBook
from procy.types import Picture, Read, Turn

SECOND = 1_000_000_000
FIRST = Picture(80, 24, b"\x1b[Hstart")


def reads() -> list[Read]:
    text = "漢字 and 👍".encode()
    return [
        Read(10 * SECOND, 0, 80, 24, b"hello "),
        Read(11 * SECOND, 6, 80, 24, text[:1]),
        Read(11 * SECOND + 5, 7, 80, 24, text[1:]),
        Read(20 * SECOND, 6 + len(text), 100, 30, b"wide\xff"),
    ]


def lines(**options: object) -> list[list[object]]:
    return [json.loads(line) for line in cast(reads(), options.pop("marks", []), FIRST, {"title": "x"}, **options)]  # type: ignore[arg-type]


def test_cast_is_asciicast_v3() -> None:
    header, *events = lines()
    assert header == {"version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm-256color"}, "title": "x"}
    assert events[0] == [0.0, "o", "\x1b[Hstart"]
    assert [event[1] for event in events] == ["o", "o", "o", "r", "o"]
    assert events[3] == [9.0, "r", "100x30"]
    assert "".join(str(event[2]) for event in events if event[1] == "o") == "\x1b[Hstarthello 漢字 and 👍wide\ufffd"
    assert sum(float(str(event[0])) for event in events) == 10.0


def test_pauses_can_be_shortened_and_marks_stand_at_their_place() -> None:
    picture = Picture(60, 20, b"other screen")
    marks = [Mark(6, 0, "1: first"), Mark(6 + len("漢字 and 👍".encode()), 0, "gap: taken", picture)]
    _, *events = lines(idle_s=0.5, marks=marks)
    assert max(float(str(event[0])) for event in events) == 0.5
    place = [event[2] for event in events].index("1: first")
    assert events[place - 1][2] == "hello " and events[place + 1][2] == "漢字 and 👍"
    gap = [event[2] for event in events].index("gap: taken")
    assert events[gap + 1] == [0.0, "r", "60x20"] and str(events[gap + 2][2]).endswith("other screen")


def test_secrets_typed_key_by_key_are_starred_in_a_cast() -> None:
    secret = "sk-ant-api03-" + "Zz9" * 12
    typed = [Read(n * SECOND, n, 80, 24, key.encode()) for n, key in enumerate(f"$ login {secret} ok")]
    out = "".join(json.loads(line)[2] for line in list(cast(typed, [], Picture(80, 24, b""), {}))[1:])
    assert out == f"$ login {'*' * len(secret)} ok"
    plain = "".join(json.loads(line)[2] for line in list(cast(typed, [], Picture(80, 24, b""), {}, redact=False))[1:])
    assert secret in plain


def test_timeline_finds_places_even_when_the_clock_was_set_back() -> None:
    line = Timeline()
    for time_s, offset in ((10, 0), (11, 5), (9, 10), (12, 15)):
        line.add(Read(time_s * SECOND, offset, 80, 24, b"12345"))
    assert line.offset_at(9 * SECOND) is None
    assert line.offset_at(10 * SECOND) == 5
    assert line.offset_at(11 * SECOND) == 15
    assert line.offset_at(99 * SECOND) == 20


def test_a_turn_is_of_the_last_session_that_wrote_before_it() -> None:
    writers = Writers((100, 200), ("first", "second"))
    assert [writers.at(time) for time in (50, 100, 199, 200, 999)] == ["first", "first", "first", "second", "second"]
    assert Writers((), ()).at(5) == ""


def turn(key: str, start_s: float, end_s: float | None = None, **changes: object) -> Turn:
    ended = None if end_s is None else round(end_s * SECOND)
    one = Turn(key=key, prompt=key, started_ns=round(start_s * SECOND), ended_ns=ended, status="done" if end_s else "open")
    return dataclasses.replace(one, **changes)  # type: ignore[arg-type]


def book() -> TurnBook:
    line = Timeline()
    for second in range(100):
        line.add(Read(second * SECOND, second * 10, 80, 24, b"1234567890"))
    return TurnBook(line)


def test_a_turn_is_told_at_once_and_again_when_it_has_settled() -> None:
    turns = book()
    turns.put([turn("a", 10)])
    assert [(entry.turn.terminal_from, entry.settled) for entry in turns.take(10 * SECOND)] == [(110, False)]
    assert turns.take(11 * SECOND) == []
    turns.put([turn("a", 10, 20)])
    assert [entry.settled for entry in turns.take(20 * SECOND)] == [False]
    assert turns.take(20 * SECOND + SETTLE_NS + LATE_NS) == []
    (entry,) = turns.take(20 * SECOND + SETTLE_NS + LATE_NS + 1)
    assert entry.settled and entry.turn.terminal_to == 220
    assert turns.take(99 * SECOND) == []


def test_a_turn_ends_where_the_next_begins() -> None:
    turns = book()
    turns.put([turn("a", 10, 20), turn("b", 20.5)])
    first, second = turns.take(50 * SECOND)
    assert (first.turn.terminal_to, second.turn.terminal_from) == (210, 210)


def test_an_idle_agent_leaves_no_open_turn() -> None:
    turns = book()
    turns.put([turn("a", 10), turn("later", 40)])
    turns.take(11 * SECOND)
    turns.idle_since(30 * SECOND)
    (entry,) = turns.take(50 * SECOND)
    assert (entry.turn.key, entry.turn.status, entry.turn.ended_ns) == ("a", "interrupted", 30 * SECOND)
    assert [(one.key, one.status) for one in turns.close(60 * SECOND)] == [("later", "interrupted")]


def test_a_turn_that_may_be_answered_is_done_when_the_agent_is_idle_or_gone() -> None:
    turns = book()
    turns.put([turn("a", 10, ends_as="done"), turn("later", 40, ends_as="done")])
    turns.idle_since(30 * SECOND)
    (entry,) = [entry for entry in turns.take(50 * SECOND) if entry.settled]
    assert (entry.turn.key, entry.turn.status, entry.turn.ended_ns) == ("a", "done", 30 * SECOND)
    assert [(one.key, one.status) for one in turns.close(60 * SECOND)] == [("later", "done")]


def test_a_turn_learned_of_late_ends_the_one_before_it() -> None:
    """The next prompt came at once, and its agent told of it when the first turn had settled."""
    turns = book()
    turns.put([turn("a", 10, 20)])
    (entry,) = turns.take(30 * SECOND)
    assert entry.settled and entry.turn.terminal_to == 220
    turns.put([turn("b", 20.5)])
    assert {entry.turn.key: entry.turn.terminal_to for entry in turns.take(31 * SECOND)} == {"a": 210, "b": None}
