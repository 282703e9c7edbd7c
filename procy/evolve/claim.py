"""What may be said in the end: one try against another, measured anew for this alone."""

from __future__ import annotations

from typing import Any

from procy.evolve import gate
from procy.evolve.judge import claim_of, seed_for, take
from procy.evolve.workshop import Workshop
from procy.store import evaluations
from procy.store.db import open_reader
from procy.store.runs import try_by_id
from procy.tries import Outcome

PAIRS = 5


def measure_claim(shop: Workshop) -> None:
    """The best against the start. Nothing where nothing better was kept."""
    best, start = shop.best, shop.start
    if best is start or best.score is None or start.score is None:
        return
    found = measure_pair(shop, best, start)
    if found:
        shop.change_run(claim=found)


def measure_pair(shop: Workshop, one: Outcome, other: Outcome) -> dict[str, Any] | None:
    """One against the other by turns, so many times each; less often where the evaluator always says the same. None where it
    could not measure one of them; the rows say why."""
    with open_reader(shop.places.db) as connection:
        row = try_by_id(connection, one.id)
    stage = "confirm" if shop.evaluator.contract.stage("confirm") else "full"
    while True:
        found = {whose.id: scores(shop, whose, one) for whose in (one, other)}
        count = min(len(some) for some in found.values())
        if count >= PAIRS or (count >= 2 and all(len(set(some)) == 1 for some in found.values())):
            return claim_of(gate.claim(found[one.id], found[other.id]), count)
        for whose in (one, other) if count % 2 else (other, one):
            if len(found[whose.id]) == count and take(shop, row, whose, stage, "claim", seed_for(shop, count)).status != "ok":
                return None


def scores(shop: Workshop, whose: Outcome, one: Outcome) -> list[float]:
    with open_reader(shop.places.db) as connection:
        rows = evaluations.samples(connection, for_try_id=one.id, try_id=whose.id)
    return [found["score"] for found in rows if found["status"] == "ok" and found["purpose"] == "claim"]
