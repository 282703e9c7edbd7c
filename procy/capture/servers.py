"""tmux servers that the sidecar is to look after: one small JSON file each in ``servers/`` of the data directory.

``<sha1 of the socket's path>.json`` holds ``{"socket": path, "pid": of the server}``.
"""

import hashlib
import json
import os
from pathlib import Path

from procy.capture.process import is_alive
from procy.capture.spool import write_whole
from procy.capture.tmux import Tmux
from procy.places import Places, make_home


def register(places: Places, tmux: Tmux) -> None:
    """Have this server looked after for as long as it lives. Raises TmuxError when none runs there."""
    make_home(places)
    pid = int(tmux.run("display-message", "-p", "#{pid}")[0])
    path = folder(places) / f"{hashlib.sha1(os.fsencode(tmux.socket), usedforsecurity=False).hexdigest()}.json"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, json.dumps({"socket": tmux.socket, "pid": pid}).encode())


def registered(places: Places) -> list[Tmux]:
    """The servers that still run. The files of others are deleted."""
    found = []
    for path in sorted(folder(places).glob("*.json")):
        try:
            entry = json.loads(path.read_bytes())
            socket, pid = str(entry["socket"]), int(entry["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if is_alive(pid) and os.path.exists(socket):
            found.append(Tmux(socket))
        else:
            path.unlink(missing_ok=True)
    return found


def folder(places: Places) -> Path:
    return Path(places.beside_spool) / "servers"
