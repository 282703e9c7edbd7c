"""``python -m procy.gateway``: the gateway of a data directory. Returns at once where one runs already."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from procy.errors import ProcyError
from procy.gateway import address
from procy.places import find_places


def main() -> int:
    places = find_places()
    lock = address.claim(places)
    if lock is None:
        return 0
    with suppress(PermissionError):  # is a session leader already
        os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.chdir("/")
    from procy.gateway.logfile import open_log
    from procy.gateway.serve import serve

    open_log(address.path_of(places, "log"))
    try:
        serve(places, lock)
    except ProcyError as error:
        print(f"procy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
