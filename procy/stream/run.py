"""One stream, from its start to its end."""

from __future__ import annotations

from procy.places import Places
from procy.stream.options import Options


def run(options: Options, places: Places) -> int:
    """Carry it; returns the agent's exit status, 128 and the signal's number where one ended it."""
    if options.by_lines:
        from procy.stream.desk import Desk  # late: what is only passed on starts without it

        return Desk(options, places).run()
    from procy.stream.passage import Passage

    return Passage(options, places).run()
