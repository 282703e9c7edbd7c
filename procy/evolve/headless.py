"""A run without anybody who looks: on a tmux server of its own, in this very process, for cron and CI."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from procy.capture.tmux import Tmux
from procy.errors import TmuxError
from procy.evolve.carry_out import carry_out
from procy.evolve.loop import Ending
from procy.evolve.plan import plan_from
from procy.places import Places
from procy.store import runs
from procy.store.db import open_reader
from procy.store.read import short
from procy.store.write import written


def carry_out_headless(places: Places, run_id: str) -> Ending | None:
    """Until the run is over, paused or stopped; the server goes then."""
    socket = str(Path(places.home) / "headless" / short(run_id))  # short: a socket's path has room for 107 bytes
    with open_reader(places.db) as connection:
        plan = plan_from(runs.run_by_id(connection, run_id)["options"])
    with written(places.db) as connection:
        runs.change_run(connection, run_id, {"options": replace(plan, socket=socket).as_json()})
    try:
        return carry_out(places, run_id, shown=True)
    finally:
        with suppress(TmuxError):
            Tmux(socket).run("kill-server")
