"""Clearing a run that is stuck. Its tries and commits stay; what it holds on this machine goes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

from procy.errors import HandleError, ProcyError
from procy.evolve import here_lane
from procy.evolve.assemble import lanes_of, repo_at, workshop_of
from procy.evolve.held import is_at_work, lock_path
from procy.evolve.progress import put
from procy.evolve.start import want_stop
from procy.evolve.steps import IN_A_LANE
from procy.places import Places
from procy.settings import Settings
from procy.store import runs
from procy.store.read import short
from procy.store.runs import Row
from procy.store.write import written

STOP_S = 10.0


def reset(places: Places, settings: Settings, row: Row, restore: bool) -> Iterator[str]:
    """Ends the process, by force where it must be, and takes panes and worktrees away. Says what it did, line by line."""
    if restore and row["mode"] != "here":
        raise HandleError(f"run {short(row['id'])} did not work in your files", "Leave out --restore")
    if is_at_work(places, row):
        if not want_stop(places, row, STOP_S):
            with suppress(OSError, ValueError):
                os.kill(int(lock_path(places, row["id"]).read_text()), signal.SIGKILL)
        yield f"run {short(row['id'])} is stopped"
    try:
        shop = workshop_of(places, settings, row["id"])
        put(shop, "")
        for lane in lanes_of(shop, "lanes" if row["mode"] == "here" else row["mode"], settings):
            lane.close()
        yield "its panes and worktrees are gone"
    except ProcyError as error:
        yield f"its panes and worktrees are left: {error}"
    with written(places.db) as connection:
        runs.change_run(connection, row["id"], {"status": "stopped", "wanted": "run", "reason": "reset"})
        runs.begin_anew(connection, row["id"], IN_A_LANE)
    if restore:
        repo = repo_at(places, row["root"])
        before = here_lane.keep(repo, row["id"])
        here_lane.restore(repo, row["id"], row["base_sha"])
        yield f"{row['root']} is as it was before the run (what was there is commit {before[:10]})"
