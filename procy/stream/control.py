"""Orders from beside: a socket that takes one line of JSON a connection and answers with one. Nothing of it is in the stream."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from procy.capture.lines import LineSpool
from procy.errors import HandleError, ProcyError
from procy.places import Places

LONGEST_PATH = 100  # of a socket's address, in bytes; the system's limit is a little more
Answer = Callable[[dict[str, Any]], None]
Take = Callable[[dict[str, Any], Answer], None]


def socket_path(places: Places, session_id: str) -> str:
    """In the data directory, or, where that has too long a name, in a private folder for what lives no longer than we do."""
    name = f"{session_id[-12:]}.sock"
    own = f"procy-{os.getuid()}"
    folders = [os.path.join(places.home, "streams"), *(os.path.join(one, own) for one in (tempfile.gettempdir(), "/tmp"))]
    paths = [os.path.join(folder, name) for folder in folders]
    return next((path for path in paths if len(os.fsencode(path)) <= LONGEST_PATH), paths[-1])


class Control(threading.Thread):
    """``take`` gets each order and a function for its answer. Raises OSError when the socket cannot be made."""

    def __init__(self, path: str, take: Take) -> None:
        super().__init__(name="control", daemon=True)
        self.path, self.take = path, take
        folder = os.path.dirname(path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.stat(folder).st_uid != os.getuid():
            raise PermissionError(f"{folder} is another user's")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self.listener.bind(path)
        finally:
            os.umask(before)
        self.listener.listen(8)

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        answered = threading.Event()

        def answer(words: dict[str, Any]) -> None:
            with suppress(OSError):
                connection.sendall(json.dumps(words).encode() + b"\n")
            answered.set()

        with connection, connection.makefile("rb") as file:
            try:
                order = json.loads(file.readline(1 << 26))
            except (OSError, ValueError):
                order = None
            if isinstance(order, dict):
                self.take(order, answer)
                answered.wait()
            else:
                answer({"ok": False, "error": "an order is one line of JSON, an object"})

    def close(self) -> None:
        self.listener.close()
        with suppress(OSError):
            os.unlink(self.path)


def ask(path: str, order: dict[str, Any], patience_s: float | None) -> dict[str, Any]:
    """Send one order and wait for its answer. Raises ProcyError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience_s)
        try:
            connection.connect(path)
            connection.sendall(json.dumps(order).encode() + b"\n")
            with connection.makefile("rb") as file:
                answer = json.loads(file.readline() or b"null")
        except (OSError, ValueError) as error:
            raise ProcyError(f"the stream does not answer at {path}: {error}", "See whether it runs: procy sessions") from error
    if not isinstance(answer, dict):
        raise ProcyError("the stream ended before it answered", "See what became of it: procy show last")
    return answer


def find_stream(spools: Sequence[LineSpool], handle: str) -> str:
    """The address of the stream that is meant: ``last``, a name, or either end of an id. Raises HandleError."""
    metas = [spool.meta() for spool in spools if spool.is_written()]
    meant = (
        metas[-1:]
        if handle == "last"
        else [meta for meta in metas if meta.name == handle or is_end(meta.session_id, handle.upper())]
    )
    if len(meant) != 1:
        raise HandleError(f"{'several streams are' if meant else 'no stream is'} {handle}", "See: procy sessions")
    if not meant[0].socket:
        raise HandleError(f"the stream {meant[0].session_id[-6:]} takes no orders", "Start it with --restartable")
    return meant[0].socket


def is_end(session_id: str, part: str) -> bool:
    return len(part) >= 4 and (session_id.startswith(part) or session_id.endswith(part))
