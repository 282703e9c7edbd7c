"""Starting the pages: in this process (``procy ui``) or in one of their own (bare ``procy``, ``procy open``).

The socket listens before the server is up, so a link works as soon as it is printed: the first request waits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from procy import __version__
from procy.errors import ConfigError
from procy.places import Places
from procy.store.db import open_writer
from procy.ui import address
from procy.ui.address import Claim, Server
from procy.ui.assets import plugins_folder

if TYPE_CHECKING:
    import uvicorn
    from datasette.app import Datasette

SETTINGS = {"allow_download": False, "num_sql_threads": 8, "allow_signed_tokens": False, "suggest_facets": False}
DETACHED = '"$@" >&2 & echo $!'  # nobody's child: bare `procy` becomes the agent, which shall have no children of ours
GRACE_S = 2  # streams end by themselves within a tick; this is for what does not


def start_in_background(places: Places, port: int) -> str:
    """Have the pages up; returns the sentence that says where. Takes milliseconds: the server comes up by itself."""
    return f"pages: {address.sign_in_link(places, up(places, port))}"


def up(places: Places, port: int) -> Server:
    """The server of this database's pages: the running one, else a new one in the background. Raises ProcyError."""
    plugins_folder()
    claimed = address.claim(places, port)
    if claimed is None:
        return wait_for(places)
    server, lock, listener = claimed
    command = [sys.executable, "-m", "procy.ui", places.db, str(lock), str(listener.fileno()), server.start]
    log = os.open(address.path_of(places, "log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    environment = {**os.environ, "PROCY_HOME": places.home, "PROCY_CONFIG": places.config}
    done = subprocess.run(
        ["sh", "-c", DETACHED, "sh", *command], cwd=places.home, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=log, pass_fds=(lock, listener.fileno()), start_new_session=True, check=True,
    )  # fmt: skip
    server = replace(server, pid=int(done.stdout))
    address.write_state(lock, server)
    for descriptor in (log, lock):
        os.close(descriptor)
    listener.close()
    return server


def wait_for(places: Places) -> Server:
    """The server that holds the lock; one of another version of procy makes room for ours."""
    server = address.running(places)
    if server is not None and server.version == __version__:
        return server
    if server is not None:
        os.kill(server.pid, signal.SIGTERM)
        wait_until_gone(places)
    return up(places, server.port if server else 0)


def wait_until_gone(places: Places, seconds: float = 10.0) -> None:
    """Raises ConfigError when the server does not end."""
    end = time.monotonic() + seconds
    while server := address.running(places):
        if time.monotonic() > end:
            raise ConfigError(f"the pages of process {server.pid} do not end", f"End it: kill -9 {server.pid}")
        time.sleep(0.05)


def stop(places: Places) -> bool:
    """Ask the running server to end; False when none runs."""
    server = address.running(places)
    if server is None:
        return False
    os.kill(server.pid, signal.SIGTERM)
    wait_until_gone(places)
    return True


def serve(places: Places, claimed: Claim, beside: Sequence[str] = ()) -> None:
    """Serve until SIGINT or SIGTERM, databases ``beside`` that of the places too. Raises StoreError when one cannot be opened."""
    for path in (places.db, *beside):
        open_writer(path).close()
    with contextlib.suppress(KeyboardInterrupt):
        server_of(build(places, claimed.server, beside)).run(sockets=[claimed.listener])


def server_of(datasette: Datasette) -> uvicorn.Server:
    import uvicorn

    config = uvicorn.Config(
        datasette.app(), log_level="warning", access_log=False, lifespan="on", server_header=False,
        timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=30,
    )  # fmt: skip
    return uvicorn.Server(config)


def build(places: Places, server: Server | None = None, beside: Sequence[str] = ()) -> Datasette:
    """A Datasette with our plugins that shows nothing to whoever is not signed in."""
    from datasette.app import Datasette

    from procy.ui.pages import Pages, set_pages

    datasette = Datasette(
        [places.db, *beside], plugins_dir=str(plugins_folder()), settings=SETTINGS, secret=address.read_secret(places),
        default_deny=True,
    )  # fmt: skip
    set_pages(Pages(datasette, places, server))
    return datasette
