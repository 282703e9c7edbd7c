"""Measuring a try, and comparing it with what it would replace. Every sample is a row before the next is taken."""

from __future__ import annotations

import secrets
import time
from statistics import fmean
from typing import Any

from procy import ids
from procy.evaluate.job import Job
from procy.evaluate.run import Sample
from procy.evolve.archive import choice_of
from procy.evolve.gate import Claim, Verdict
from procy.evolve.lane import Pause
from procy.evolve.workshop import Workshop
from procy.store import evaluations
from procy.store.db import open_reader
from procy.store.runs import Row
from procy.store.write import written
from procy.tries import Outcome

FAILURES = 2  # of an incumbent that was measured before


def take(shop: Workshop, row: Row, whose: Row | Outcome, stage: str, purpose: str, seed: int | None) -> Sample:
    """Judge a commit once, for try ``row``, and keep the sample. Raises Pause where it is the evaluator that cannot.

    ``whose``: the try whose commit it is, as a row or an outcome.
    """
    shop.watch()
    own = isinstance(whose, Outcome)
    try_id, commit = (whose.id, whose.commit) if isinstance(whose, Outcome) else (whose["id"], whose["commit_sha"])
    job = Job(
        evaluator=shop.evaluator, repo=shop.repo, commit=commit, stage=stage, seed=seed, base_commit=shop.base_sha,
        try_id=try_id, run_id=shop.run_id, iteration=row["seq"], session_id=row["session_id"] or "",
        files_changed=() if own else tuple(row["notes"].get("files", ())),
    )  # fmt: skip
    sample = shop.executor.measure(job, stop=shop.stop)
    shop.watch()  # one that was cut short is no sample
    now_ns = time.time_ns()
    with written(shop.places.db) as connection:
        evaluations.add_sample(
            connection, ids.new_id(now_ns, secrets.token_bytes(10)), shop.evaluator.id, sample,
            purpose=purpose, try_id=try_id, for_try_id=row["id"],
        )  # fmt: skip
    if sample.status == "infra":
        raise Pause(f"the evaluator could not run: {sample.reason}", "Mend that; then: procy evolve resume")
    return sample


def samples(shop: Workshop, row: Row, try_id: str, stages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Of a try's commit, for try ``row``, in order; without those that could not be taken."""
    with open_reader(shop.places.db) as connection:
        found = evaluations.samples(connection, for_try_id=row["id"], try_id=try_id)
    return [one for one in found if one["stage"] in stages and one["status"] != "infra" and one["purpose"] != "claim"]


def seed_for(shop: Workshop, place: int) -> int | None:
    """Pair ``place`` of every comparison uses the same seed, so that what the seed does is in both of it."""
    seeds = shop.evaluator.contract.seeds
    return seeds[place % len(seeds)] if seeds else None


def measure_stage(shop: Workshop, row: Row, stage: str, purpose: str, times: int) -> list[dict[str, Any]]:
    """So many samples of a stage, those included that an earlier process took; fewer where one is not ok."""
    while True:
        found = samples(shop, row, row["id"], (stage,))
        if len(found) >= times or any(one["status"] != "ok" for one in found):
            return found
        take(shop, row, row, stage, purpose, seed_for(shop, len(found)))


def measured(found: list[dict[str, Any]], chosen_by: int = 1) -> dict[str, Any]:
    """Status, score and metrics of a try by its own samples: of several, without those first ones by which it was chosen."""
    bad = next((one for one in found if one["status"] != "ok"), None)
    if bad:
        return {"status": bad["status"], "score": None, "metrics": bad["metrics"] or {}, "reason": bad["reason"]}
    counted = found[chosen_by:] or found
    names = dict.fromkeys(name for one in counted for name in one["metrics"])
    metrics = {name: fmean([one["metrics"][name] for one in counted if name in one["metrics"]]) for name in names}
    return {"status": "ok", "score": fmean([one["score"] for one in counted]), "metrics": metrics, "reason": None}


def check_evaluator(shop: Workshop, row: Row) -> None:
    """After a candidate's crash: measure what was measured before. Raises Pause where that crashes too; neither counts then."""
    sample = take(shop, row, shop.outcome(row["parent_id"]), "full", "incumbent", seed_for(shop, 0))
    if sample.status in ("crash", "timeout"):
        with written(shop.places.db) as connection:
            evaluations.blame_machine(connection, row["id"])
        what = f"the evaluator fails on what it has measured before: {sample.reason}"
        raise Pause(what, "Mend what it needs; then: procy evolve resume. Another evaluator needs another run")


def incumbent_of(shop: Workshop, row: Row) -> tuple[Row, Outcome]:
    """What the try is compared with; settled in its row, so that a resumed comparison goes on with the same."""
    with shop.lock:
        name = row["notes"].get("incumbent") or shop.asked(shop.strategy.incumbent, choice_of(row, shop.outcomes)).id
        found = shop.outcome(name)
    if "incumbent" not in row["notes"]:
        row = shop.change_try(row, notes={**row["notes"], "incumbent": name})
    return row, found


def compare(shop: Workshop, row: Row, incumbent: Outcome) -> tuple[Verdict, list[dict[str, Any]]]:
    """Pairs of samples, by turns, until the gate has seen enough. Returns its verdict and the candidate's samples."""
    stage = "confirm" if shop.evaluator.contract.stage("confirm") else "full"
    failures: list[str] = []
    while True:
        own = samples(shop, row, row["id"], ("full", "confirm"))
        theirs = [one for one in samples(shop, row, incumbent.id, ("full", "confirm")) if one["status"] == "ok"]
        if own[-1]["status"] != "ok":
            return Verdict("revert", len(theirs), 0.0, float("-inf"), float("inf"), 0.0), own
        known = [incumbent.score or 0.0, *(one["score"] for one in theirs)]
        verdict = shop.gate.verdict([one["score"] for one in own], known)
        if verdict.kind != "more":
            return verdict, own
        pair = min(len(own), len(known))
        order: list[Row | Outcome] = [row, incumbent] if pair % 2 else [incumbent, row]
        for whose in order:
            if len(own if whose is row else known) > pair:
                continue  # a process that was killed took that one
            purpose = "confirm" if whose is row else "incumbent"
            sample = take(shop, row, whose, stage, purpose, seed_for(shop, pair))
            if whose is incumbent and sample.status != "ok":
                failures.append(sample.reason)
        if len(failures) >= FAILURES:
            what = f"the evaluator fails on try {incumbent.seq}, which it has measured before: {failures[-1]}"
            raise Pause(what, "See what it says: procy eval doctor")


def comparison_of(verdict: Verdict, incumbent: Outcome) -> dict[str, Any]:
    """As its row keeps it; ``low`` and ``high`` are None where nothing was measured twice."""
    gain, low, high = verdict.interval or (verdict.gain, None, None)
    better = verdict.better if verdict.interval else None
    return {"with": incumbent.id, "gain": gain, "low": low, "high": high, "better": better, "pairs": verdict.pairs}


def claim_of(found: Claim, pairs: int) -> dict[str, Any]:
    low, high = (found.low, found.high) if abs(found.low) != float("inf") else (None, None)
    return {"gain": found.gain, "low": low, "high": high, "better": found.better, "pairs": pairs,
            "score": found.score, "start": found.reference}  # fmt: skip
