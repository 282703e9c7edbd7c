"""Server-sent events, read from bytes that may be cut anywhere.

Source of the form: the HTML standard, "Server-sent events": lines end in LF, CRLF or CR; an empty line ends an event; a first
byte order mark is none of it; several ``data`` lines are joined by LF.
"""

from __future__ import annotations

from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
GAPS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class Event(NamedTuple):
    """``name`` is "" where the stream gives none."""

    name: str
    data: bytes


class Parser:
    """Feed it pieces; it gives the events that they complete."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of a line that has no end yet
        self._at_start = True
        self._after_cr = False  # an LF that comes next belongs to the CR before it
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        if self._after_cr and data:
            data, self._after_cr = data.removeprefix(b"\n"), False
        if b"\n" not in data and b"\r" not in data:
            self._pieces.append(data)
            return []
        self._after_cr = data.endswith(b"\r")
        whole = b"".join([*self._pieces, data])
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = whole.split(b"\n")
        self._pieces = [rest]
        return [event for line in lines if (event := self._line(line))]

    def end(self) -> list[Event]:
        """The event at whose end the stream broke off, where it has a whole line of data."""
        last = self._line(b"".join(self._pieces))
        self._pieces = []
        return [event for event in (last, self._line(b"")) if event]

    def _line(self, line: bytes) -> Event | None:
        if self._at_start:
            line, self._at_start = line.removeprefix(BOM), False
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        return Event(name, b"\n".join(data)) if data else None


def complete_part(data: bytes) -> int:
    """How many of these bytes are whole events, with the empty line behind them."""
    ends = [data.rfind(gap) + len(gap) for gap in GAPS if gap in data]
    return max(ends, default=0)
