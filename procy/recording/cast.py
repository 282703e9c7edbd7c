"""asciicast v3, the format of asciinema's players. https://docs.asciinema.org/manual/asciicast/v3/

An event is ``[seconds since the event before, code, data]``; codes used here: o output, r resize, m marker, x exit.
"""

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from procy.parse.redact import star
from procy.types import Picture, Read

CLEAR = "\x1b[0m\x1b[2J\x1b[3J\x1b[H"


class Mark(NamedTuple):
    """A label at a place in the stream: a turn's prompt, a gap's cause.

    ``picture``: the screen is another one from here on. ``turn``: the seq of the turn that begins here.
    """

    offset: int
    time_ns: int
    label: str
    picture: Picture | None = None
    turn: int | None = None


def cast(
    reads: Iterable[Read],
    marks: Sequence[Mark],
    first: Picture,
    header: dict[str, Any],
    idle_s: float | None = None,
    redact: bool = True,
) -> Iterator[str]:
    """The lines of a cast, each with its newline. ``first`` is the screen before the first read.

    ``idle_s`` shortens every pause to at most that many seconds (real times stay in the recording).
    """
    yield line({"version": 3, "term": {"cols": first.columns, "rows": first.rows, "type": "xterm-256color"}, **header})
    found = events(reads, marks, first, idle_s)
    for event in redacted(found) if redact else found:
        yield line(event)


def redacted(found: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """The same events with secrets starred, found across events."""
    kept: list[list[Any]] = []

    def texts() -> Iterator[str]:
        for event in found:
            kept.append(event)
            yield event[2]

    for text in star(texts()):
        interval, code, _ = kept.pop(0)
        yield [interval, code, text]


def events(reads: Iterable[Read], marks: Sequence[Mark], first: Picture, idle_s: float | None = None) -> Iterator[list[Any]]:
    """``[interval, code, data]`` in order."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting = list(marks)
    size = (first.columns, first.rows)
    last_ns: int | None = None
    owed = 0.0  # seconds that passed without an event
    if first.escapes:
        yield [0.0, "o", first.escapes.decode("utf-8", "replace")]
    for read in reads:
        last_ns = read.time_ns if last_ns is None else last_ns
        while waiting and waiting[0].offset <= read.offset:
            mark = waiting.pop(0)
            yield [0.0, "m", mark.label]
            if mark.picture:
                size = (mark.picture.columns, mark.picture.rows)
                yield [0.0, "r", f"{size[0]}x{size[1]}"]
                yield [0.0, "o", CLEAR + mark.picture.escapes.decode("utf-8", "replace")]
        pause = max(read.time_ns - last_ns, 0) / 1e9
        pause = owed + (min(pause, idle_s) if idle_s is not None else pause)
        last_ns = max(read.time_ns, last_ns)
        if (read.columns, read.rows) != size:
            size = (read.columns, read.rows)
            yield [round(pause, 6), "r", f"{size[0]}x{size[1]}"]
            pause = 0.0
        text = decoder.decode(read.data)
        owed = 0.0 if text else pause
        if text:
            yield [round(pause, 6), "o", text]
    rest = decoder.decode(b"", final=True)
    if rest:
        yield [0.0, "o", rest]
    for mark in waiting:
        yield [0.0, "m", mark.label]


def line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
