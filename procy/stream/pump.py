"""Bytes from one end to the other: a chunk is passed on before anybody looks at it, and never decoded."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable

CHUNK = 256 << 10
LOOK_MS = 200  # how often a pump whose agent is gone asks whether more will come

Change = Callable[[bytes], bytes]
Look = Callable[[bytes], None]


def write_all(fd: int, data: bytes) -> None:
    """Blocks as long as the reader does: that is how a slow reader slows the writer. Raises OSError (EPIPE) when it is gone."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # somebody who shares the descriptor has made it so
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()


class Pump(threading.Thread):
    """Copies ``source`` to ``sink`` until the source ends or the sink is gone.

    ``change`` may take bytes out (see ``echo.py``); ``look`` sees what came, after it was passed on. Lines given to ``insert``
    are written where a line begins. With ``gone`` set, the pump ends as soon as there is nothing to read: what a dead agent
    wrote is in the pipe, and what it left running may hold the pipe open for ever.
    """

    def __init__(self, name: str, source: int, sink: int, look: Look, change: Change | None = None) -> None:
        super().__init__(name=name, daemon=True)
        self.source, self.sink, self.look, self.change = source, sink, look, change
        self.gone = threading.Event()
        self.inserted: deque[bytes] = deque()
        self.wake_read, self.wake_write = os.pipe()
        self.at_start = True  # of a line, in the sink
        self.broken = False  # the sink's reader has gone
        self.passed = 0

    def insert(self, line: bytes) -> None:
        """A line of ours, written between the source's lines. From any thread."""
        self.inserted.append(line)
        os.write(self.wake_write, b"x")

    def run(self) -> None:
        poll = select.poll()
        poll.register(self.source, select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        while True:
            gone = self.gone.is_set()  # asked before looking: then "nothing there" is the last word
            ready = dict(poll.poll(0 if gone else LOOK_MS))
            if self.wake_read in ready:
                os.read(self.wake_read, 4096)
                self._write(b"")
            if self.source in ready:
                data = os.read(self.source, CHUNK)
                if not data:
                    break
                self._write(self.change(data) if self.change else data)
                self.look(data)
                if self.broken:
                    break
            elif gone:
                break
        if self.change and (rest := self.change(b"")):
            self._write(rest)
        self.at_start = True  # nothing more comes: what is to be inserted stands where the source has ended
        self._write(b"")
        os.close(self.source)  # where the sink has gone, the agent learns of it as it would without us

    def _write(self, data: bytes) -> None:
        try:
            if self.inserted and self.at_start:
                write_all(self.sink, b"".join(self._taken()))
            if data:
                if self.inserted and b"\n" in data:
                    end = data.rindex(b"\n") + 1
                    data = data[:end] + b"".join(self._taken()) + data[end:]
                write_all(self.sink, data)
                self.passed += len(data)
                self.at_start = data.endswith(b"\n")
        except OSError:
            self.broken = True

    def _taken(self) -> list[bytes]:
        return [self.inserted.popleft() for _ in range(len(self.inserted))]
