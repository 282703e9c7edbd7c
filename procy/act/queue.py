"""One prompt at a time for each pane, in the order in which they came."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from procy.act.target import Target, check
from procy.capture.process import is_alive
from procy.errors import PaneBusy, PaneRefuses

POLL_S = 0.2


@contextmanager
def turn_to_send(target: Target, patience_s: float) -> Iterator[None]:
    """Wait until no other prompt is on its way to the pane. Raises PaneBusy when that is not so within ``patience_s``.

    Tickets make the order. The lock is what keeps two apart: a ticket may be written later than a newer one.
    """
    folder = target.spool.path / "senders"
    ticket = folder / f"{time.time_ns():020d}-{os.getpid()}"
    with not_recorded_any_more(target):
        folder.mkdir(mode=0o700, exist_ok=True)
        ticket.touch()
        lock = os.open(target.spool.path / "send.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + patience_s
        while not is_turn_of(ticket, lock, target):
            if time.monotonic() > until:
                raise PaneBusy(f"another prompt is on its way to pane {target.name}", "Wait for it with --queue")
            time.sleep(POLL_S / 4)
        yield
    finally:
        os.close(lock)
        ticket.unlink(missing_ok=True)


def is_turn_of(ticket: Path, lock: int, target: Target) -> bool:
    """Whether it is the oldest, and has the lock from now on."""
    with not_recorded_any_more(target):
        if first_of(ticket.parent) != ticket:
            return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def not_recorded_any_more(target: Target) -> Iterator[None]:
    """The spool goes when the recording is over."""
    try:
        yield
    except FileNotFoundError as error:
        raise PaneRefuses(f"pane {target.name} is not recorded any more", f"Record it: procy record -t {target.name}") from error


def first_of(folder: Path) -> Path | None:
    """The oldest ticket whose holder lives; those of the dead are removed."""
    for ticket in sorted(folder.iterdir()):
        if is_alive(int(ticket.name.rpartition("-")[2])):
            return ticket
        ticket.unlink(missing_ok=True)
    return None


def until_free(target: Target, patience_s: float, human: bool = False) -> None:
    """Wait until the pane takes a prompt. Raises the PaneBusy of the last look when that is not within ``patience_s``."""
    until = time.monotonic() + patience_s
    while True:
        try:
            check(target, target.look(), human)
        except PaneBusy:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_S)
        else:
            return
