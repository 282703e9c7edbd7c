"""Where the gateway of a database listens. Standard library only: `procy record` asks.

It holds a lock on ``gateway.json`` beside the database for as long as it lives, one a database, and says there where it is.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from typing import IO

from procy.capture.locks import said_by_holder, take_lock
from procy.errors import ConfigError
from procy.places import Places, make_home

HOST = "127.0.0.1"
SERVICES = ("claude", "codex", "openai")


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that serves: ``ports`` by service."""

    pid: int
    ports: dict[str, int]
    version: str
    started_ns: int

    def url(self, service: str) -> str:
        return f"http://{HOST}:{self.ports[service]}"


def path_of(places: Places, suffix: str) -> str:
    return os.path.join(places.beside_spool, f"gateway.{suffix}")


def running(places: Places) -> Running | None:
    """The gateway that serves this database now; one that has not come up yet is waited for a moment."""
    found = said_by_holder(path_of(places, "json"))
    try:
        return Running(**found) if found else None
    except TypeError:  # another procy, that says something else there
        return None


def claim(places: Places) -> IO[str] | None:
    """Become the gateway of this database: the lock, held as long as the file is open. None where another is."""
    make_home(places)
    lock = take_lock(path_of(places, "json"))
    if lock is not None:
        lock.truncate(0)
    return lock


def announce(lock: IO[str], found: Running) -> None:
    lock.seek(0)
    lock.truncate(0)
    lock.write(json.dumps(asdict(found)))
    lock.flush()


def listen(service: str, port: int) -> socket.socket:
    """A listening socket on the loopback; port 0 is any that is free. Raises ConfigError where it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(512)
    except (OSError, OverflowError) as error:
        listener.close()
        remedy = f"End what listens there, or set [gateway] {service}_port"
        raise ConfigError(f"the gateway cannot listen on port {port} for {service}", remedy) from error
    return listener
