"""``python -m procy.recording.changes``: carries out orders, one line of JSON each on standard input, until that ends."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import suppress

from procy.errors import ProcyError
from procy.places import find_places
from procy.recording.changes.worker import Order, Worker
from procy.settings import load_settings
from procy.store.db import open_writer


def main() -> int:
    give_way()
    places = find_places()
    connection = open_writer(places.db)
    worker = Worker(connection, load_settings(places), tell)
    for line in sys.stdin:
        try:
            worker.settings = load_settings(places)
            worker.carry_out(Order(*json.loads(line)))
        except (ProcyError, OSError, ValueError, TypeError, sqlite3.Error) as error:
            tell(f"a snapshot failed: {error}")
    connection.close()
    return 0


def give_way() -> None:
    """Never push the agent aside, neither at the processor nor at the disk."""
    os.nice(10)
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def tell(what: str) -> None:
    print(f"changes: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
