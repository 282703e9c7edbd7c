"""``python -m procy.evolve.become FILE``: what a lane's pane runs. It turns into the agent, recorded under a given session id.

The file is JSON: session_id, name, parent_id, argv, environment (of the agent that the user runs; its secrets keep it off the
command line). It is removed as soon as it was read.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from procy.errors import ProcyError
from procy.places import find_places
from procy.recording import start
from procy.recording.start import Wish


def main(path: str) -> int:
    text = Path(path).read_text(encoding="utf-8")
    os.unlink(path)
    found = json.loads(text)
    own = {name: value for name, value in os.environ.items() if name.startswith(("TMUX", "TERM", "PROCY_", "PWD"))}
    os.environ.clear()
    os.environ.update({**found["environment"], **own})
    places = find_places()
    argv = tuple(found["argv"])
    wish = Wish(places=places, name=found["name"], session_id=found["session_id"], parent_id=found["parent_id"])
    tmux = start.here()
    try:
        spool = start.new_spool(wish)
        _, launch = start.prepare(argv, spool)
        start.record_pane(replace(wish, session_id=spool.session_id), tmux, tmux.pane(os.environ["TMUX_PANE"]), argv, launch)
        start.become(launch.argv, launch)
    except ProcyError as error:
        print(f"procy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
