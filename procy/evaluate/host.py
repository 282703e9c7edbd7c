"""Time is measured by one evaluator at a time on each host; others may run together, but not beside that one."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from procy.places import Places, make_home

POLL_S = 0.05


class Stopped(Exception):
    """It was to be stopped before it began."""


@contextmanager
def turn_of_host(places: Places, alone: bool, stop: threading.Event | None) -> Iterator[None]:
    """Wait until this host is free for it. Raises Stopped."""
    make_home(places)
    lock = os.open(os.path.join(places.home, "evaluate.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not taken(lock, alone):
            if stop and stop.is_set():
                raise Stopped
            time.sleep(POLL_S)
        yield
    finally:
        os.close(lock)


def taken(lock: int, alone: bool) -> bool:
    try:
        fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
