"""``python -m procy.learn.serve.tunnel ID``: a port here that leads to the engine on its host, for as long as that is served.

A link that breaks is made again, however long the host is away; whoever asks meanwhile cannot connect, and tries again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from procy.hosts.ssh import OPTIONS
from procy.learn.serve.place import Remote, place_named
from procy.places import find_places
from procy.settings import load_settings
from procy.settings.evolve import HostSettings
from procy.store import servings
from procy.store.db import open_reader

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
GOOD_S = 60.0  # a link that held so long was a good one
HERE = ("-o", "ClearAllForwardings=yes")  # would take our own away
ALIVE = ("ServerAliveInterval=15", "ServerAliveInterval=5")


def main(serving_id: str) -> int:
    places = find_places()
    with open_reader(places.db) as connection:
        row = servings.by_id(connection, serving_id)
    if row is None:
        return 1
    place = place_named(row["place"], load_settings(places))
    assert isinstance(place, Remote)
    keep(words(place.host.settings, urlsplit(row["url"]).port or 0, row["server"]["port"]))
    return 0


def words(host: HostSettings, port: int, port_there: int) -> list[str]:
    """The ssh command of one link. It shares no connection, so that nothing else can end it."""
    options = " ".join(OPTIONS).replace(" ".join(HERE), "").replace(*ALIVE).split()
    own = ("-N", "-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes", "-L", f"127.0.0.1:{port}:127.0.0.1:{port_there}")
    return ["ssh", *options, *own, *host.options, host.ssh]


def keep(command: Sequence[str]) -> None:
    """Until a signal ends us, and the link with us."""
    pause = FIRST_PAUSE_S
    while True:
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        signal.signal(signal.SIGTERM, lambda *_, one=process: (one.terminate(), sys.exit(0)))
        code = process.wait()
        pause = FIRST_PAUSE_S if time.monotonic() - began > GOOD_S else min(2 * pause, LONGEST_PAUSE_S)
        print(f"{time.strftime('%FT%TZ', time.gmtime())} the link ended ({code}); again in {pause:g} s", flush=True)
        time.sleep(pause)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [Path(sys.argv[0]).name]))
