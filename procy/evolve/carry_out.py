"""Taking one run to its end, a pause or a stop, in this process."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from procy.capture.locks import take_lock
from procy.errors import ProcyError
from procy.evolve.assemble import lanes_of, workshop_of
from procy.evolve.claim import measure_claim
from procy.evolve.held import hold, lock_path
from procy.evolve.loop import Ending, Loop
from procy.evolve.progress import clear_progress, progress_text, show_progress
from procy.evolve.proposers.served import with_served
from procy.evolve.replay import measure_outcome
from procy.evolve.workshop import Workshop
from procy.places import Places
from procy.settings import load_settings
from procy.store import runs
from procy.store.db import open_reader
from procy.store.write import written

CONCLUSIONS = {"evolve": measure_claim, "replay": measure_outcome}


def carry_out(places: Places, run_id: str, shown: bool = False) -> Ending | None:
    """Take a run to its end, a pause or a stop; None where another process does. ``shown``: on standard error too."""
    folder = Path(places.home) / "runs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = take_lock(str(lock_path(places, run_id)))
    if lock is None:
        return None
    with lock, ExitStack() as held:
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        settings = with_served(places, load_settings(places))
        try:
            with open_reader(places.db) as connection:
                row = runs.run_by_id(connection, run_id)
            held.enter_context(hold(places, row))
            shop = workshop_of(places, settings, run_id)
            loop = Loop(shop, lanes_of(shop, row["mode"], settings), Telling(shop, shown), CONCLUSIONS[row["kind"]])
        except ProcyError as error:
            with written(places.db) as connection:
                runs.change_run(connection, run_id, {"status": "paused", "reason": str(error)})
            raise
        signal.signal(signal.SIGTERM, lambda number, frame: stop(shop, number, frame))
        try:
            ending = loop.run()
        finally:
            shop.executor.close()
        clear_progress(shop, f"procy evolve: {ending.status}, {ending.reason}")
    return ending


class Telling:
    """Shows how far the run is; on standard error whenever that has changed."""

    def __init__(self, shop: Workshop, shown: bool) -> None:
        self.shop, self.shown, self.last = shop, shown, ""

    def __call__(self) -> None:
        show_progress(self.shop)
        text = progress_text(self.shop)
        if self.shown and text != self.last:
            print(text, file=sys.stderr, flush=True)
        self.last = text


def stop(shop: Workshop, number: int, frame: FrameType | None) -> None:
    """Told to end by the system: as ``procy evolve stop`` does."""
    shop.stop.set()
