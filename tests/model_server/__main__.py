"""Run the model server by hand: `python -m tests.model_server [PORT]` prints its URL and serves until Ctrl-C."""

import sys
import time

from .server import ModelServer

with ModelServer(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as server:
    print(server.url, flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
