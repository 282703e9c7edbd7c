"""A run's own clock: looks at what the user wants, keeps the time it was at work, and shows how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from procy.errors import ProcyError
from procy.evolve.workshop import Workshop

LOOK_S = 0.4  # between two looks at what the user wants
KEEP_S = 5.0  # between two writings of the time


class Heartbeat:
    """A thread for as long as ``with`` lasts. Sets the workshop's ``stop`` when somebody wants the run to stop."""

    def __init__(self, shop: Workshop, show: Callable[[], None]) -> None:
        self.shop, self.show = shop, show
        self.used_s = float(shop.row()["seconds"])
        self.began = self.kept = time.monotonic()
        self.stop_wanted = False
        self.changed = threading.Event()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self.shop.on_change = self.changed.set
        self.changed.set()
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()
        self.keep()

    def seconds(self) -> float:
        """For which the run has been at work, earlier processes included."""
        return self.used_s + time.monotonic() - self.began

    def beat(self) -> None:
        while not self.over.wait(LOOK_S):
            with suppress(ProcyError):  # a locked database: the next beat will do
                self.look()

    def look(self) -> None:
        if not self.stop_wanted and self.shop.row()["wanted"] == "stop":
            self.stop_wanted = True
            self.shop.stop.set()
        if time.monotonic() - self.kept > KEEP_S:
            self.keep()
        if self.changed.is_set():
            self.changed.clear()
            self.show()

    def keep(self) -> None:
        self.kept = time.monotonic()
        with suppress(ProcyError):
            self.shop.change_run(seconds=self.seconds())
