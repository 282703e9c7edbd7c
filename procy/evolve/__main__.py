"""``python -m procy.evolve RUN``: the process of one run. Returns at once where another has it."""

from __future__ import annotations

import sys

from procy.evolve.carry_out import carry_out
from procy.evolve.headless import carry_out_headless
from procy.places import find_places
from procy.store import runs
from procy.store.db import open_reader


def main(run_id: str) -> int:
    places = find_places()
    with open_reader(places.db) as connection:
        headless = runs.run_by_id(connection, run_id)["mode"] == "headless"
    ending = carry_out_headless(places, run_id) if headless else carry_out(places, run_id)
    return 0 if ending is None or ending.status == "done" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
