"""asciicast v2 and v3 as the reads of a terminal. https://docs.asciinema.org/manual/asciicast/ Pure.

A line is a JSON array ``[time, code, data]``; time is seconds since the beginning in v2, since the event before in v3, where
lines that begin with ``#`` are comments. ``o`` is output, ``r`` a new size (``80x24``); the rest is not the terminal's.

In the header of a cast that procy wrote, ``procy`` says whether the first output is the screen that the recording began with,
and which program had the terminal from where on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from procy.types import Read

LATEST_S = 9_000_000_000  # in the year 2255; as ns it still fits into 64 bits
SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")


class Change(NamedTuple):
    """Another program has the terminal, behind so many bytes and seconds."""

    offset: int
    seconds: float
    detail: dict[str, Any]


class Header(NamedTuple):
    """``started_ns`` is None where the cast does not say. ``has_picture``: its first output is a screen."""

    version: int
    columns: int
    rows: int
    started_ns: int | None
    title: str
    command: str
    has_picture: bool = False
    changes: tuple[Change, ...] = ()


def read_header(line: str) -> Header:
    """Raises ValueError where it is none of v2 or v3."""
    try:
        fields = json.loads(line)
    except RecursionError as error:
        raise ValueError("its header is nested too deeply") from error
    if not isinstance(fields, dict) or fields.get("version") not in (2, 3):
        raise ValueError("it is no asciicast of version 2 or 3")
    term = fields.get("term") if fields["version"] == 3 else {"cols": fields.get("width"), "rows": fields.get("height")}
    columns, rows = (term.get(name) if isinstance(term, dict) else None for name in ("cols", "rows"))
    if not (isinstance(columns, int) and isinstance(rows, int) and 0 < columns < 10_000 and 0 < rows < 10_000):
        raise ValueError("its header has no size")
    started = fields.get("timestamp")
    started_ns = int(started * 1000) * 1_000_000 if isinstance(started, (int, float)) and 0 <= started < LATEST_S else None
    title, command = (str(fields.get(name) or "") for name in ("title", "command"))
    found = fields.get("procy")
    ours: dict[str, Any] = found if isinstance(found, dict) else {}
    changes = tuple(change for one in ours.get("programs") or () if (change := read_change(one)))
    return Header(fields["version"], columns, rows, started_ns, title, command, bool(ours.get("picture")), changes)


def read_change(found: object) -> Change | None:
    offset, seconds, detail = found if isinstance(found, list) and len(found) == 3 else (None, None, None)
    if not isinstance(offset, int) or not isinstance(seconds, (int, float)) or not isinstance(detail, dict):
        return None
    if not -LATEST_S < seconds < LATEST_S:
        return None
    return Change(offset, float(seconds), detail)


def read_events(lines: Iterable[str], header: Header, started_ns: int) -> Iterator[Read | int]:
    """The reads in order; for a line that is no event its number, where the header is line 1."""
    size, time_ns, offset = (header.columns, header.rows), started_ns, 0
    for number, line in enumerate(lines, 2):
        if not line.strip() or line.startswith("#"):
            continue
        event = read_event(line)
        if event is None:
            yield number
            continue
        seconds, code, text = event
        time_ns = (time_ns if header.version == 3 else started_ns) + round(seconds * 1e9)
        if code == "r" and (match := SIZE.fullmatch(text)) and int(match[1]) and int(match[2]):
            size = (int(match[1]), int(match[2]))
        elif code == "o" and text:
            data = text.encode("utf-8", "surrogatepass")
            yield Read(time_ns, offset, *size, data)
            offset += len(data)


def read_event(line: str) -> tuple[float, str, str] | None:
    try:
        event: Any = json.loads(line)
        seconds, code, text = event
        is_event = isinstance(code, str) and isinstance(text, str) and -LATEST_S < float(seconds) < LATEST_S
        return (max(float(seconds), 0.0), code, text) if is_event else None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
