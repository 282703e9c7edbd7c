"""Makes a run's process die in a chosen step: ``PROCY_TEST_DIE=gate:2`` in step gate of try 2, with everything done but the
transaction that says so."""

from __future__ import annotations

import os
import signal
import sys

if os.environ.get("PROCY_TEST_DIE") and "procy.evolve" in sys.orig_argv:
    from procy.evolve.steps import STEPS
    from procy.evolve.workshop import Workshop
    from procy.store import runs

    name, _, seq = os.environ["PROCY_TEST_DIE"].partition(":")
    step, change_try, change_row = STEPS[name], Workshop.change_try, runs.change_try
    inside = False

    def dying(shop, lane, row):
        global inside
        inside = row["seq"] == int(seq)
        return step(shop, lane, row)

    def die_at(row, values):
        if inside and "step" in values:
            os.kill(os.getpid(), signal.SIGKILL)

    def changing(shop, row, **values):
        die_at(row, values)
        return change_try(shop, row, **values)

    def changing_row(connection, row_id, values):
        die_at(row_id, values)
        return change_row(connection, row_id, values)

    STEPS[name] = dying
    Workshop.change_try = changing
    runs.change_try = changing_row
