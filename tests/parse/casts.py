"""Recorded terminals (asciicast v3) as the reads of a tap."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from procy.parse.terminal import TerminalReader
from procy.types import Picture, Read, Turn

RECORDINGS = Path(__file__).parent.parent / "recordings"


def load(name: str) -> tuple[Picture, list[Read]]:
    """The screen at the beginning (the cast's first event) and the reads."""
    header, first, *events = (json.loads(line) for line in (RECORDINGS / name).read_text().splitlines())
    columns, rows = header["term"]["cols"], header["term"]["rows"]
    time_ns, offset, reads = header["timestamp"] * 1_000_000_000, 0, []
    for interval, code, text in events:
        time_ns += round(interval * 1e9)
        if code == "o":
            data = text.encode()
            reads.append(Read(time_ns, offset, columns, rows, data))
            offset += len(data)
    return Picture(columns, rows, first[2].encode()), reads


def tell(picture: Picture, reads: Iterable[Read], shell_waits: bool | None = None) -> TerminalReader:
    """A reader that was fed everything, and then nothing for a minute."""
    reader = TerminalReader(picture)
    reader.shell_waits = shell_waits
    last_ns = 0
    for read in reads:
        if not reader.last_ns:
            reader.rest(read.time_ns - 1)
        reader.feed(read)
        last_ns = read.time_ns
    reader.rest(last_ns + 60_000_000_000)
    return reader


def turns(reader: TerminalReader) -> list[Turn]:
    return sorted({turn.key: turn for turn in reader.changed()}.values(), key=lambda turn: turn.started_ns)
