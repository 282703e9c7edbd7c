"""The pages in a process of their own: ``python -m procy.ui DB LOCK SOCKET START``, as ``launch.up`` calls it."""

from __future__ import annotations

import os
import socket
import sys

from procy import __version__
from procy.errors import ProcyError
from procy.places import find_places
from procy.ui.address import Claim, Server
from procy.ui.launch import serve


def main(db: str, lock: str, descriptor: str, start: str) -> int:
    listener = socket.socket(fileno=int(descriptor))
    server = Server(os.getpid(), listener.getsockname()[1], start, __version__)
    try:
        serve(find_places(db), Claim(server, int(lock), listener))
    except ProcyError as error:
        print(f"procy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
