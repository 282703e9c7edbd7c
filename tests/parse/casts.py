"""Recorded terminals (asciicast v3) as the reads of a tap."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from procy.parse.terminal import TerminalReader
from procy.types import Picture, Read, Turn

RECORDINGS = Path(__file__).parent.parent / "recordings"


Foreground = dict[str, Any]  # arguments of ``TerminalReader.foreground``
Story = list[Read | Foreground]


def load(name: str) -> tuple[Picture, list[Read]]:
    """The screen at the beginning (the cast's first event) and the reads."""
    picture, story = load_story(name)
    return picture, [item for item in story if isinstance(item, Read)]


def load_story(name: str) -> tuple[Picture, Story]:
    """The same, and among the reads which program has the terminal from there on (the cast's markers)."""
    header, first, *events = (json.loads(line) for line in (RECORDINGS / name).read_text().splitlines())
    columns, rows = header["term"]["cols"], header["term"]["rows"]
    time_ns, offset = header["timestamp"] * 1_000_000_000, 0
    story: Story = []
    for interval, code, text in events:
        time_ns += round(interval * 1e9)
        if code == "o":
            data = text.encode()
            story.append(Read(time_ns, offset, columns, rows, data))
            offset += len(data)
        elif code == "m":
            story.append(json.loads(text))
    return Picture(columns, rows, first[2].encode()), story


def tell(picture: Picture, reads: Iterable[Read | Foreground], shell_waits: bool | None = None) -> TerminalReader:
    """A reader that was fed everything, and then nothing for a minute."""
    reader = TerminalReader(picture)
    reader.shell_waits = shell_waits
    last_ns = 0
    for read in reads:
        if not isinstance(read, Read):
            reader.foreground(**read)
            continue
        if not reader.last_ns:
            reader.rest(read.time_ns - 1)
        reader.feed(read)
        last_ns = read.time_ns
    reader.rest(last_ns + 60_000_000_000)
    return reader


def turns(reader: TerminalReader) -> list[Turn]:
    return sorted({turn.key: turn for turn in reader.changed()}.values(), key=lambda turn: turn.started_ns)
