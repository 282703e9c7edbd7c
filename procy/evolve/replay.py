"""Both prompts of a correction, from the same state of the code through agent and evaluator: which one is better is measured."""

from __future__ import annotations

import secrets
import sqlite3
import time
from dataclasses import replace
from typing import Any

from procy import ids
from procy.errors import HandleError
from procy.evolve.claim import measure_pair
from procy.evolve.start import Draft
from procy.evolve.workshop import Workshop
from procy.git import Repo
from procy.store import corrections, runs
from procy.store.read import short
from procy.store.write import written
from procy.tries import Outcome

STRATEGY = "random"  # from the start, always
JUDGED = {"ok", "unchanged", "invalid", "crash", "timeout", "tampered"}  # by the evaluator, or known without it


def origin(connection: sqlite3.Connection, repo: Repo, row: sqlite3.Row, given: str) -> tuple[str, str]:
    """The commit that a corrected prompt was meant for, and the conversation: of the try before, else that of ``given``, else
    what was checked out when the session began. Raises HandleError."""
    if given:
        return repo.resolve(given), ""
    if row["try_id"]:
        parent_id = runs.try_by_id(connection, row["try_id"])["parent_id"]
        if parent_id:
            parent = runs.try_by_id(connection, parent_id)
            return parent["commit_sha"], parent["conversation"] or ""
    session = connection.execute(
        "SELECT git_head FROM turns JOIN sessions ON sessions.id = session_id WHERE turns.id = ?", (row["turn_id"],)
    ).fetchone()
    if session is None or not session["git_head"]:
        what = f"nobody knows which state of the code correction {short(row['id'])} was meant for"
        raise HandleError(what, "Name a commit: --from COMMIT")
    return repo.resolve(session["git_head"]), ""


def begin_replay(found: Draft, row: sqlite3.Row, commit: str, conversation: str) -> str:
    """Write down a run of two tries; returns its id."""
    order, now_ns = found.order, time.time_ns()
    run_id, start_id, *tries = (ids.new_id(now_ns, secrets.token_bytes(10)) for _ in range(4))
    found.repo.set_ref(f"refs/procy/{run_id.lower()}/start", commit)
    plan = replace(found.plan, conversation=conversation)
    values = {
        "session_id": order.spool.session_id if order.spool else None, "evaluator_id": found.evaluator.id, "kind": "replay",
        "mode": order.mode, "strategy": STRATEGY, "proposer": "template", "goal": found.goal, "budget": {"tries": 2},
        "options": plan.as_json(), "root": str(found.repo.root), "base_sha": commit, "status": "stopped",
    }  # fmt: skip
    with written(order.places.db) as connection:
        runs.add_run(connection, run_id, now_ns, values)
        runs.add_try(
            connection, start_id, now_ns, {"run_id": run_id, "seq": 0, "step": "full", "commit_sha": commit, "notes": {}}
        )
        for seq, (try_id, prompt) in enumerate(zip(tries, (row["rejected"], row["chosen"]), strict=True), 1):
            attempt = {"run_id": run_id, "seq": seq, "parent_id": start_id, "step": "checkout", "prompt": prompt,
                      "prompt_source": "human", "notes": {"mode": "improve"}}  # fmt: skip
            runs.add_try(connection, try_id, now_ns, attempt)
        corrections.link_replay(connection, row["id"], run_id, *tries)
    return run_id


def measure_outcome(shop: Workshop) -> None:
    """Chosen against rejected, kept with the correction."""
    rejected, chosen = (next(outcome for outcome in shop.outcomes if outcome.seq == seq) for seq in (1, 2))
    rejected, chosen = (as_measured(shop, outcome) for outcome in (rejected, chosen))
    measured = measure_pair(shop, chosen, rejected) if chosen.is_measured and rejected.is_measured else None
    found = {**(measured or {}), "preferred": preferred(measured, rejected, chosen),
             "statuses": {"rejected": rejected.status, "chosen": chosen.status}}  # fmt: skip
    with written(shop.places.db) as connection:
        corrections.set_outcome(connection, shop.run_id, found)
    shop.change_run(claim=measured)


def as_measured(shop: Workshop, outcome: Outcome) -> Outcome:
    """One that changed nothing is worth what the start is."""
    return replace(outcome, score=shop.start.score) if outcome.status == "unchanged" else outcome


def preferred(measured: dict[str, Any] | None, rejected: Outcome, chosen: Outcome) -> str | None:
    """``chosen`` or ``rejected``; None where the measurement cannot tell, as of an agent that did not answer."""
    if measured:
        low, high = measured["low"], measured["high"]
        if low is None or measured["gain"] == 0.0:
            return None
        return "chosen" if low > 0 else "rejected" if high < 0 else None
    if chosen.is_measured != rejected.is_measured and {chosen.status, rejected.status} <= JUDGED:
        return "chosen" if chosen.is_measured else "rejected"
    return None
