"""``python -m procy.sidecar``: start the sidecar of a data directory in the background, unless it runs already."""

import fcntl
import os
import signal
import sys
from typing import IO

from procy.places import find_places, make_home


def main() -> int:
    """Returns once the sidecar is on its way; ``--foreground`` stays with it."""
    places = find_places()
    make_home(places)
    lock = take_lock(places.sidecar_lock)
    if lock is None:
        return 0
    if "--foreground" not in sys.argv:
        if os.fork():
            return 0
        become_daemon()
    from procy.settings import load_settings
    from procy.sidecar.log import log, open_log
    from procy.sidecar.loop import Sidecar, open_patiently

    open_log(places.sidecar_log)
    log.info("started, pid %d", os.getpid())
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    Sidecar(places, load_settings(places), open_patiently(places)).run()
    log.info("nothing is recorded any more")
    return 0


def take_lock(path: str) -> IO[str] | None:
    """The open lock file, held as long as it is open, or None when another sidecar holds it."""
    lock = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def become_daemon() -> None:
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.chdir("/")


if __name__ == "__main__":
    sys.exit(main())
