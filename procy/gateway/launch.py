"""Starting and ending the gateway from other programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from procy import __version__
from procy.errors import ConfigError
from procy.gateway import address
from procy.gateway.address import Running
from procy.places import Places, make_home

COMING_S = 15.0
GOING_S = 20.0


def up(places: Places) -> Running:
    """The gateway of this database: the running one, else a new one in the background. Raises ConfigError."""
    found = address.running(places)
    if found is not None and found.version == __version__:
        return found
    if found is not None:
        stop(places)
    make_home(places)
    child = subprocess.Popen(
        [sys.executable, "-m", "procy.gateway"], env={**os.environ, **places.environment}, cwd="/",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + COMING_S
    while (found := address.running(places)) is None:
        if child.poll() is not None and child.returncode:
            said = child.stderr.read().decode("utf-8", "replace").strip() if child.stderr else ""
            raise ConfigError(
                said.splitlines()[-1].removeprefix("procy: ") if said else "the gateway did not start", where(places)
            )
        if time.monotonic() > end:
            raise ConfigError("the gateway does not come up", where(places))
        time.sleep(0.02)
    return found


def stop(places: Places) -> bool:
    """End the gateway, calls under way given some seconds; False when none runs. Raises ConfigError where it stays."""
    found = address.running(places)
    if found is None:
        return False
    os.kill(found.pid, signal.SIGTERM)
    end = time.monotonic() + GOING_S
    while address.running(places):
        if time.monotonic() > end:
            raise ConfigError(f"the gateway (process {found.pid}) does not end", f"End it: kill -9 {found.pid}")
        time.sleep(0.03)
    return True


def where(places: Places) -> str:
    return f"See {address.path_of(places, 'log')}"
