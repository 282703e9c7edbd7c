"""What a run has for itself while a process carries it out: the run, the pane that it began from, and with ``--here`` the files.

Locks, because the database only says afterwards that two began in the same moment.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack
from hashlib import sha256
from pathlib import Path
from typing import IO

from procy.capture.locks import is_locked, take_lock
from procy.errors import HandleError
from procy.places import Places
from procy.store.runs import Row

CLEARING_S = 5.0  # for which a run that was stopped may still clear away what it needed
POLL_S = 0.1


def lock_path(places: Places, run_id: str) -> Path:
    return Path(places.run_lock(run_id))


def is_at_work(places: Places, row: Row) -> bool:
    """Whether a process has the run."""
    return row["status"] == "running" and is_locked(str(lock_path(places, row["id"])))


def surroundings(places: Places, row: Row) -> dict[str, Path]:
    """What no two runs may work in at once → its lock."""
    options, found = row["options"], {}
    if options.get("pane"):
        found["from this pane"] = f"{options.get('socket')}\n{options['pane']}"
    if row["mode"] == "here":
        found["in this work tree"] = row["root"]
    folder = Path(places.home) / "runs" / "held"
    return {words: folder / f"{sha256(key.encode()).hexdigest()[:16]}.lock" for words, key in found.items()}


def hold(places: Places, row: Row) -> AbstractContextManager[object]:
    """Have the run's surroundings until the end of the block. Raises HandleError where another run has them."""
    with ExitStack() as stack:
        for words, path in surroundings(places, row).items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(taken(path, words))
        return stack.pop_all()


def taken(path: Path, words: str) -> IO[str]:
    until = time.monotonic() + CLEARING_S
    while (lock := take_lock(str(path))) is None:
        if time.monotonic() > until:
            raise HandleError(f"another run is at work {words} already", "Wait for it, or end it: procy evolve stop")
        time.sleep(POLL_S)
    return lock
