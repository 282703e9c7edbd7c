"""One prompt at a time for each pane, in the order in which they came."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from procy.act.target import Target, check
from procy.capture.process import is_alive
from procy.errors import PaneBusy

POLL_S = 0.2


@contextmanager
def turn_to_send(target: Target, patience_s: float) -> Iterator[None]:
    """Wait until no other prompt is on its way to the pane. Raises PaneBusy when that is not so within ``patience_s``."""
    folder = target.spool.path / "senders"
    folder.mkdir(mode=0o700, exist_ok=True)
    ticket = folder / f"{time.time_ns():020d}-{os.getpid()}"
    ticket.touch()
    try:
        until = time.monotonic() + patience_s
        while first_of(folder) != ticket:
            if time.monotonic() > until:
                raise PaneBusy(f"another prompt is on its way to pane {target.name}", "Wait for it with --queue")
            time.sleep(POLL_S / 4)
        yield
    finally:
        ticket.unlink(missing_ok=True)


def first_of(folder: Path) -> Path | None:
    """The oldest ticket whose holder lives; those of the dead are removed."""
    for ticket in sorted(folder.iterdir()):
        if is_alive(int(ticket.name.rpartition("-")[2])):
            return ticket
        ticket.unlink(missing_ok=True)
    return None


def until_free(target: Target, patience_s: float) -> None:
    """Wait until the pane takes a prompt. Raises the PaneBusy of the last look when that is not within ``patience_s``."""
    until = time.monotonic() + patience_s
    while True:
        try:
            check(target, target.look())
        except PaneBusy:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_S)
        else:
            return
