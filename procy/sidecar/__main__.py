"""``python -m procy.sidecar``: the sidecar of a data directory. Returns at once when one runs there already."""

import os
import signal
import sys
from contextlib import suppress

from procy.capture.locks import take_lock
from procy.places import find_places, make_home


def main() -> int:
    """Follow everything that is recorded, until nothing is."""
    places = find_places()
    make_home(places)
    lock = take_lock(places.sidecar_lock)
    if lock is None:
        return 0
    become_independent()
    from procy.settings import load_settings
    from procy.sidecar.log import log, open_log
    from procy.sidecar.loop import Sidecar, open_patiently

    open_log(places.sidecar_log)
    sys.excepthook = lambda *error: log.critical("stopped by an error", exc_info=error)
    log.info("started, pid %d", os.getpid())
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    if Sidecar(places, load_settings(places), open_patiently(places)).run():
        os.execv(sys.executable, [sys.executable, "-m", "procy.sidecar"])
    log.info("nothing is recorded any more")
    return 0


def become_independent() -> None:
    """Outlive the terminal and the tmux server that this process was started from, and stay out of their way."""
    with suppress(PermissionError):  # is a session leader already
        os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.chdir("/")
    os.nice(5)
    if hasattr(os, "SCHED_BATCH"):  # never push the agent or tmux aside
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


if __name__ == "__main__":
    sys.exit(main())
