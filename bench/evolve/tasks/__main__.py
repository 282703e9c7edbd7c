"""Measure every combination of patches (some minutes) and write what is best."""

from __future__ import annotations

import json

from bench.evolve.tasks import COST, HERE, NAMES, best_in, enumerate_all, is_valid


def main() -> None:
    for name in NAMES:
        found = enumerate_all(name)
        best, cost = best_in(name, found)
        start = found[frozenset()][COST[name]]
        valid = sum(map(is_valid, found.values()))
        print(
            f"{name}: {len(found)} programs, {valid} valid; {COST[name]} {start:g} at the start, {cost:g} at best: {sorted(best)}"
        )
        text = json.dumps({"start": start, "best": cost, "patches": sorted(best)}, indent=2)
        (HERE / name / "known.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
