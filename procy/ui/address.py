"""Where the pages of a database are served, and links that sign a browser in there. Standard library only: `procy` starts fast.

A server holds a lock on ``ui.json`` in PROCY_HOME for as long as it lives (one a database), and writes there where it
listens. ``ui.secret`` (0600) signs cookies and links, so whoever may read the data directory may make a link.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import socket
import time
from dataclasses import asdict, dataclass
from typing import NamedTuple
from urllib.parse import quote

from procy import __version__
from procy.capture import secret
from procy.capture.locks import said_by_holder
from procy.errors import ConfigError
from procy.places import Places, make_home

HOST = "127.0.0.1"
NEIGHBOURS = 10  # ports tried after the wanted one
LINK_S = 24 * 3600  # how long a sign-in link is good for, unless it is used


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``start`` names this very start of it: links of an earlier one are worthless."""

    pid: int
    port: int
    start: str
    version: str

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.port}{path}"


class Claim(NamedTuple):
    """The right to serve a database: the lock's descriptor, and a socket that listens already."""

    server: Server
    lock: int
    listener: socket.socket


def name_of(places: Places) -> str:
    """``ui`` for the database of PROCY_HOME, another one for each that ``--db`` names."""
    if os.path.realpath(places.db) == os.path.realpath(os.path.join(places.home, "procy.db")):
        return "ui"
    return "ui-" + hashlib.sha256(os.path.realpath(places.db).encode()).hexdigest()[:8]


def path_of(places: Places, suffix: str) -> str:
    return os.path.join(places.home, f"{name_of(places)}.{suffix}")


# -- who serves -------------------------------------------------------------------------------------------------------


def running(places: Places) -> Server | None:
    """The server that has this database's pages now."""
    found = said_by_holder(path_of(places, "json"))
    try:
        return Server(**found) if found else None
    except TypeError:  # another procy, that says something else there
        return None


def claim(places: Places, port: int) -> Claim | None:
    """Become the server of this database, on ``port`` or one near it; None where another is. Raises ConfigError."""
    make_home(places)
    lock = os.open(path_of(places, "json"), os.O_RDWR | os.O_CREAT, 0o600)
    for attempt in range(4):  # `running` holds it for microseconds
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if attempt == 3:
                os.close(lock)
                return None
            time.sleep(0.01)
    listener = listen(port)
    server = Server(os.getpid(), listener.getsockname()[1], secrets.token_hex(8), __version__)
    write_state(lock, server)
    return Claim(server, lock, listener)


def write_state(lock: int, server: Server) -> None:
    data = json.dumps(asdict(server)).encode()
    os.ftruncate(lock, 0)
    os.pwrite(lock, data, 0)


def listen(port: int) -> socket.socket:
    """A listening socket on the loopback: the wanted port, one of the next, or any that is free."""
    for number in (*range(port, port + NEIGHBOURS), 0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen(128)
            return listener
        except (OSError, OverflowError):
            listener.close()
    raise ConfigError(f"cannot listen on {HOST}", "Look for what forbids it: a sandbox, or no loopback device")


# -- sign-in links ----------------------------------------------------------------------------------------------------


def read_secret(places: Places) -> str:
    """The data directory's secret, made when there is none."""
    make_home(places)
    return secret.read_secret(os.path.join(places.home, "ui.secret"), "everyone will have to sign in again")


def sign_in_link(places: Places, server: Server, path: str = "/-/procy") -> str:
    """A link that signs one browser in, once, and goes on to ``path``."""
    body = f"{server.start}.{int(time.time()) + LINK_S}.{secrets.token_hex(8)}"
    return server.url(f"/-/procy/sign-in?key={body}.{signature(read_secret(places), body)}&next={quote(path)}")


def signature(secret: str, body: str) -> str:
    return hmac.new(secret.encode(), b"procy sign-in:" + body.encode(), hashlib.sha256).hexdigest()[:40]


def check_key(secret: str, start: str, key: str, now_s: float) -> str | None:
    """The key's own name, to be remembered as used; None for a key that is forged, too old or of another start."""
    body, _, signed = key.rpartition(".")
    parts = body.split(".")
    if not hmac.compare_digest(signature(secret, body).encode(), signed.encode()) or len(parts) != 3:
        return None
    return parts[2] if parts[0] == start and now_s < int(parts[1]) else None
