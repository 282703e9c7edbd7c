"""So many at once, in the order in which they came."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from procy.evaluate.host import Stopped

POLL_S = 0.1


class Slots:
    """``count`` places, of which one may take several."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.free = count
        self.queue: list[object] = []
        self.changed = threading.Condition()

    @contextmanager
    def taken(self, wanted: int = 1, stop: threading.Event | None = None) -> Iterator[None]:
        """Waits until so many are free. Raises Stopped."""
        wanted = min(wanted, self.count)
        self.wait_for(wanted, stop)
        try:
            yield
        finally:
            with self.changed:
                self.free += wanted
                self.changed.notify_all()

    def wait_for(self, wanted: int, stop: threading.Event | None) -> None:
        ticket = object()
        with self.changed:
            self.queue.append(ticket)
            try:
                while self.queue[0] is not ticket or self.free < wanted:
                    if stop and stop.is_set():
                        raise Stopped
                    self.changed.wait(POLL_S)
                self.free -= wanted
            finally:
                self.queue.remove(ticket)
                self.changed.notify_all()
