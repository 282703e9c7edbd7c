"""Writing a stream down. It never fails the stream: what cannot be written is counted, and said once."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import Any

from procy.capture import lines
from procy.capture.lines import LineSpool
from procy.parse.streams.odd import LONGEST
from procy.parse.streams.stamp import GOES_ON, HALF, STRUCK, head

Clock = Callable[[], int]
AT_ONCE = 1000  # pieces; the system takes 1024
HELD = 1 << 20  # bytes of a line that wait for more of it; to hold a long one whole costs more than to write it


class Side:
    """One side's line that has not ended."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []  # not written yet
        self.held = 0  # bytes in them
        self.size = 0  # bytes of the line so far
        self.begun = False  # a part of it is written
        self.missed = False  # a part of it could not be: it is not recorded
        self.too_long = False


class Recorder:
    """Takes the chunks of all sides, from several threads, and appends their lines; long ones in parts, as they come."""

    def __init__(self, spool: LineSpool, clock: Clock, complain: Callable[[str], None]) -> None:
        self.spool, self.clock, self.complain = spool, clock, complain
        self.guard = threading.Lock()
        self.sides = {side: Side() for side in "<>!"}
        self.generation = 1
        self.last_ns = 0
        self.file = -1
        self.start, self.size = 0, 0  # of the segment
        self.missed = 0  # bytes since the last write that succeeded
        self.missed_ever = 0
        self.torn = False  # a write was cut off within a line
        self.struck: list[str] = []  # sides of whose lines parts are written that nobody shall read

    def chunk(self, side: str, data: bytes) -> None:
        """Some bytes of one side."""
        with self.guard:
            kept = self.sides[side]
            end = data.rfind(b"\n") + 1
            if end:
                first = data.index(b"\n") + 1 if kept.size else 0
                if first:
                    self._end(side, kept, data[:first])
                    kept = self.sides[side]
                self._lines(side, data[first:end])
            if end < len(data):
                self._keep(side, kept, data[end:])

    def end(self, side: str) -> None:
        """No more will come of it: half a line is written as it is."""
        with self.guard:
            self._end(side, self.sides[side], b"\n", HALF)

    def note(self, note: str, **fields: Any) -> None:
        """Something that procy did or saw."""
        with self.guard:
            self._note(note, **fields)

    def close(self) -> None:
        with self.guard:
            if self.file >= 0:
                os.close(self.file)
                self.file = -1

    # -- under the guard ----------------------------------------------------------------------------------------------

    def _note(self, note: str, **fields: Any) -> None:
        self._append(self._noted(note, **fields))

    def _noted(self, note: str, **fields: Any) -> bytes:
        body = json.dumps({"note": note, **fields}, ensure_ascii=False).encode("utf-8", "surrogateescape")
        return head(self._now(), "#", self.generation) + body + b"\n"

    def _keep(self, side: str, kept: Side, data: bytes) -> None:
        """Some of a line whose end is to come."""
        kept.size += len(data)
        if kept.missed:
            self._miss(len(data))
        elif kept.too_long:
            pass
        elif kept.size > LONGEST:
            if kept.begun:
                self._strike(side)
            kept.too_long = True
            kept.parts, kept.held = [], 0
        else:
            kept.parts.append(data)
            kept.held += len(data)
            if kept.held >= HELD:
                self._part(side, kept, b"\n", GOES_ON)
            elif len(kept.parts) >= AT_ONCE:
                kept.parts = [b"".join(kept.parts)]

    def _end(self, side: str, kept: Side, rest: bytes, mark: str = "") -> None:
        """The end of a line, with its newline. Its parts are never put together here."""
        self.sides[side] = Side()
        if kept.missed:
            self._miss(len(rest))
        elif kept.too_long:
            size = kept.size if mark == HALF else kept.size + len(rest)
            self._note("left out", side=side, bytes=size)
        elif kept.size:
            self._part(side, kept, rest, mark)

    def _part(self, side: str, kept: Side, rest: bytes, mark: str) -> None:
        """What is held of a line, and what stands behind it."""
        if self._append(head(self._now(), side, self.generation, mark), *kept.parts, rest):
            kept.begun = True
        else:
            kept.missed = True
            self._miss(kept.size - kept.held)
            if kept.begun or mark == GOES_ON:  # a failed write may have written a piece
                self.struck.append(side)
        kept.parts, kept.held = [], 0

    def _strike(self, side: str) -> None:
        """Nobody shall read what is written of a line."""
        self.struck.append(side)
        self._append()

    def _lines(self, side: str, whole: bytes) -> None:
        """Whole lines. The agent's are stamped together, by one pass in C; each that it was sent has a time of its own."""
        if not whole:
            return
        if side == ">":
            body = b"".join(head(self._now(), side, self.generation) + line + b"\n" for line in whole[:-1].split(b"\n"))
        else:
            front = head(self._now(), side, self.generation)
            body = front + whole[:-1].replace(b"\n", b"\n" + front) + b"\n"
        self._append(body)

    def _now(self) -> int:
        self.last_ns = max(self.clock(), self.last_ns + 1)
        return self.last_ns

    def _append(self, *parts: bytes) -> bool:
        """Write that, and first what must be known before it. False where it could not be written, which is counted."""
        try:
            self._write([*self._front(), *parts])
        except OSError as error:
            if not self.missed_ever:
                self.complain(f"cannot write {self.spool.path}: {error.strerror}; the stream goes on unrecorded")
            self._miss(sum(map(len, parts)))
            return False
        self.missed, self.torn, self.struck = 0, False, []
        return True

    def _front(self) -> list[bytes]:
        """What became of earlier writes."""
        front = [b"\n"] if self.torn else []
        if self.missed:
            front.append(self._noted("missed", bytes=self.missed))
        return front + [head(self._now(), side, self.generation, STRUCK) + b"\n" for side in self.struck]

    def _miss(self, size: int) -> None:
        self.missed += size
        self.missed_ever += size

    def _write(self, parts: list[bytes]) -> None:
        """All of them, whatever the system takes at a time. A new file begins with a line."""
        if self.file < 0 or (self.size >= lines.SEGMENT and not self.torn):
            following = self.start + self.size
            file = os.open(self.spool.segment(following), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if self.file >= 0:
                os.close(self.file)
            self.file, self.start, self.size = file, following, 0
        left = sum(map(len, parts))
        while left:
            written = os.writev(self.file, parts)
            self.size += written
            left -= written
            self.torn = True
            while parts and written >= len(parts[0]):
                written -= len(parts.pop(0))
            if written:
                parts[0] = parts[0][written:]
