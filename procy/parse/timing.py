"""When the bytes of a bare terminal stream came, by the timing file of util-linux's ``script``. Pure.

Classic form, ``script --timing``: ``<seconds since the one before> <bytes>`` a line. Multi-stream form, ``--log-timing`` with
``--logging-format advanced``: ``<kind> <seconds> <rest>``, where ``O`` has bytes of output, ``I`` of input, ``S`` a signal
(``SIGWINCH ROWS=24 COLS=80``) and ``H`` a header (``COLUMNS 80``, ``LINES 24``, ``START_TIME 2026-11-20 12:00:00+00:00``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from procy.types import Read

CLASSIC = re.compile(r"\s*(\d{1,9}(?:\.\d{1,12})?)\s+(\d{1,18})\s*$")
ADVANCED = re.compile(r"([OISH])\s+(\d{1,9}(?:\.\d{1,12})?)\s+(.*)$")
WINCH = re.compile(r"SIGWINCH\s+ROWS=(\d{1,4})\s+COLS=(\d{1,4})")


class Timing(NamedTuple):
    """Steps are (seconds since the step before, bytes of output, new size or None)."""

    steps: list[tuple[float, int, tuple[int, int] | None]]
    size: tuple[int, int] | None = None  # columns, rows at the beginning
    started_ns: int | None = None


def read_timing(lines: Iterable[str]) -> Timing:
    """Raises ValueError that names the first line of neither form."""
    steps: list[tuple[float, int, tuple[int, int] | None]] = []
    headers: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if match := CLASSIC.match(line):
            steps.append((float(match[1]), int(match[2]), None))
        elif match := ADVANCED.match(line):
            kind, seconds, rest = match[1], float(match[2]), match[3].strip()
            if kind == "H":
                name, _, value = rest.partition(" ")
                headers[name] = value.strip()
            elif kind == "O":
                if not re.fullmatch(r"[0-9]{1,18}", rest):
                    raise ValueError(f"line {number} has no number of bytes: {line.strip()[:60]!r}")
                steps.append((seconds, int(rest), None))
            else:
                winch = WINCH.match(rest)
                steps.append((seconds, 0, (int(winch[2]), int(winch[1])) if winch and int(winch[1]) and int(winch[2]) else None))
        else:
            raise ValueError(f"line {number} is no timing: {line.strip()[:60]!r}")
    return Timing(steps, size_in(headers), start_in(headers))


def size_in(headers: dict[str, str]) -> tuple[int, int] | None:
    columns, rows = headers.get("COLUMNS", ""), headers.get("LINES", "")
    is_size = re.fullmatch(r"[1-9][0-9]{0,3}", columns) and re.fullmatch(r"[1-9][0-9]{0,3}", rows)
    return (int(columns), int(rows)) if is_size else None


def start_in(headers: dict[str, str]) -> int | None:
    try:
        return int(datetime.fromisoformat(headers["START_TIME"]).timestamp() * 1000) * 1_000_000
    except (KeyError, ValueError):
        return None


def timed_reads(pieces: Iterable[bytes], timing: Timing, started_ns: int, size: tuple[int, int]) -> Iterator[Read]:
    """The stream cut as it came. What the timing does not speak of comes with its last step."""
    waiting, source = bytearray(), iter(pieces)
    time_ns, offset = started_ns, 0
    for seconds, count, change in timing.steps:
        time_ns += round(seconds * 1e9)
        size = change or size
        while len(waiting) < count and (more := next(source, b"")):
            waiting += more
        if data := bytes(waiting[:count]):
            del waiting[:count]
            yield Read(time_ns, offset, *size, data)
            offset += len(data)
    for data in (bytes(waiting), *source):
        if data:
            yield Read(time_ns, offset, *size, data)
            offset += len(data)
