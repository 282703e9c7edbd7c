"""The steps of one try. Each does its part and ends in one transaction that also names the next step, so that a run that was
killed goes on with the step it was in. What a step does before that transaction can be done again.

    checkout → propose → ask → inject → wait → commit → smoke → full → gate → record → done
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from procy import ids
from procy.evolve.archive import DONE, choice_of, outcome_of
from procy.evolve.brief import brief_of, with_account
from procy.evolve.gate import Verdict
from procy.evolve.judge import check_evaluator, compare, comparison_of, incumbent_of, measure_stage, measured
from procy.evolve.lane import Lane, LaneLost, Pause
from procy.evolve.workshop import Workshop
from procy.store import corrections, runs
from procy.store.db import iso, open_reader
from procy.store.runs import Row, try_by_id
from procy.store.write import written
from procy.tries import Outcome

POLL_S = 0.2

Step = Callable[[Workshop, Lane, Row], Row]


def checkout(shop: Workshop, lane: Lane, row: Row) -> Row:
    """The parent's files, and an agent that remembers the parent's conversation, where it can."""
    parent = shop.outcome(row["parent_id"])
    ready = lane.prepare(parent.commit, conversation_of(shop, row["parent_id"], lane.host), shop.watch, shop.tell(lane.number))
    notes = {**row["notes"], "knows_parent": ready.knows_parent}
    asked = needs_verdict(shop, row) or row["verdict"] == "vetoed"
    following = "propose" if row["prompt"] is None else "ask" if asked else "inject"
    return shop.change_try(
        row, session_id=ready.session_id, injection_id=None, turn_id=None, notes=notes, step=following, lane=lane.number,
        host=lane.host or None,
    )  # fmt: skip


def conversation_of(shop: Workshop, try_id: str, host: str) -> str:
    """What the agent calls the conversation that ended in that try; of the start, the one that the run began from. "" where it
    is on another host."""
    with open_reader(shop.places.db) as connection:
        row = try_by_id(connection, try_id)
    if (row["host"] or "") != host:
        return ""
    return row["conversation"] or (shop.plan.conversation if row["seq"] == 0 else "")


def needs_verdict(shop: Workshop, row: Row) -> bool:
    return shop.plan.ask and row["verdict"] is None


def propose(shop: Workshop, lane: Lane, row: Row) -> Row:
    """The next prompt."""
    with shop.lock:
        choice = choice_of(row, shop.outcomes)
        outcomes = tuple(shop.outcomes)
    brief = brief_of(shop, row, choice, outcomes, lane.cwd)
    proposal = shop.proposer.propose(brief)
    shop.watch()
    prompt = proposal.prompt if brief.knows_parent else with_account(shop, brief, proposal.prompt)
    notes = {**row["notes"], "proposal": dict(proposal.details)}
    following = "ask" if needs_verdict(shop, row) else "inject"
    return shop.change_try(
        row, prompt=prompt, proposed=proposal.prompt, prompt_source=proposal.source, notes=notes, step=following
    )


def ask(shop: Workshop, lane: Lane, row: Row) -> Row:
    """Wait for what a human says of the prompt: ``procy evolve decide`` writes it."""
    tell = shop.tell(lane.number)
    tell(f"try {row['seq']} waits for your word: procy evolve decide")
    try:
        while needs_verdict(shop, row):
            shop.watch()
            time.sleep(POLL_S)
            with open_reader(shop.places.db) as connection:
                row = try_by_id(connection, row["id"])
    finally:
        tell("")
    if row["verdict"] == "vetoed":
        return shop.change_try(row, status="vetoed", decision="failed", reason=row["reason"] or "vetoed", step="record")
    return shop.change_try(row, step="inject")


def inject(shop: Workshop, lane: Lane, row: Row) -> Row:
    """Type the prompt. Its injection's name is in the row before the first key."""
    if not lane.is_there(row["session_id"]):
        return once_more(shop, row, "the agent ended twice before its prompt was typed")
    if row["injection_id"] is None:
        row = shop.change_try(row, injection_id=ids.new_id(time.time_ns(), secrets.token_bytes(10)))
    sent = lane.send(row["session_id"], row["prompt"], row["injection_id"], shop.watch)
    return shop.change_try(row, injection_id=sent, step="wait")


def wait(shop: Workshop, lane: Lane, row: Row) -> Row:
    """Until the agent is really done. An error of its own is tried once more, then the run is paused."""
    if not lane.is_there(row["session_id"]) and not has_ended(shop, row):
        return once_more(shop, row, "the agent ended twice as soon as it got its prompt")
    answer = lane.wait(row["session_id"], row["injection_id"], shop.plan.answer_s, shop.watch, shop.tell(lane.number))
    found: dict[str, Any] = {"turn_id": answer.turn_id, "response": answer.response, "conversation": answer.conversation or None,
             "mixed": int(answer.mixed)}  # fmt: skip
    if answer.elsewhere:
        found["notes"] = {**row["notes"], "elsewhere": dict(answer.elsewhere)}
    if answer.status == "error":
        return once_more(shop, row, f"the agent failed twice: {answer.reason}")
    if answer.status == "unanswered":
        lane.interrupt(row["session_id"])
        return shop.change_try(row, **found, status="unanswered", decision="failed", reason=answer.reason, step="record")
    if answer.status == "interrupted" and not answer.mixed:
        what = "interrupted in the pane"
        return shop.change_try(row, **found, status="interrupted", decision="failed", reason=what, step="record")
    return shop.change_try(row, **found, step="commit")


def has_ended(shop: Workshop, row: Row) -> bool:
    """Whether the prompt's turn was over before its agent went away."""
    with open_reader(shop.places.db) as connection:
        found = connection.execute(
            "SELECT 1 FROM turns JOIN injections ON injections.turn_id = turns.id "
            "WHERE injections.id = ? AND turns.status = 'done'",
            (row["injection_id"],),
        ).fetchone()
    return found is not None


def once_more(shop: Workshop, row: Row, what: str) -> Row:
    """Begin the try anew. Raises Pause the second time: an agent that always fails would be asked for ever."""
    again = not row["notes"].get("again")
    row = shop.change_try(row, step="checkout", notes={**row["notes"], "again": again})
    if not again:
        raise Pause(what, "See to it; then: procy evolve resume")
    return row


def commit(shop: Workshop, lane: Lane, row: Row) -> Row:
    """What the agent made of the files, as a commit on its parent's."""
    parent = shop.outcome(row["parent_id"])
    try:
        sha = lane.commit(parent.commit, message_of(shop, row))
    except LaneLost:
        shop.change_try(row, step="checkout")
        raise
    if sha == parent.commit:
        return shop.change_try(
            row, commit_sha=sha, status="unchanged", decision="reverted", reason="nothing was changed", step="record"
        )
    shop.repo.set_ref(shop.ref(f"try/{row['seq']}"), sha)
    notes = {**row["notes"], "files": list(shop.repo.changed_files(parent.commit, sha))}
    return shop.change_try(row, commit_sha=sha, notes=notes, step="smoke" if shop.evaluator.contract.stage("smoke") else "full")


def message_of(shop: Workshop, row: Row) -> str:
    lines = runs.asked(row).strip().splitlines()
    first = lines[0][:60] if lines else "no prompt"
    return (
        f"Try {row['seq']}: {first}\n\n{row['prompt']}\n\nProcy-Run: {shop.run_id}\nProcy-Try: {row['id']}\n"
        f"Procy-Parent: {row['parent_id']}\n"
    )


def smoke(shop: Workshop, lane: Lane, row: Row) -> Row:
    """The cheap stage first."""
    found = measure_stage(shop, row, "smoke", "try", 1)
    return failed(shop, row, found) or shop.change_try(row, step="full")


def full(shop: Workshop, lane: Lane, row: Row) -> Row:
    """The first sample of the candidate; of the start, as many as the plan says."""
    start = row["seq"] == 0
    found = measure_stage(shop, row, "full", "baseline" if start else "try", shop.plan.baseline if start else 1)
    if start:
        return shop.change_try(row, **measured(found, chosen_by=0), decision="kept", step="record")
    return failed(shop, row, found) or shop.change_try(row, step="gate")


def failed(shop: Workshop, row: Row, found: list[dict[str, Any]]) -> Row | None:
    """The row of a try whose samples are not all ok; None where they are."""
    values = measured(found)
    if values["status"] == "ok":
        return None
    if values["status"] == "crash":
        check_evaluator(shop, row)
    decision = "reverted" if values["status"] == "invalid" else "failed"
    return shop.change_try(row, **values, decision=decision, step="record")


def gate(shop: Workshop, lane: Lane, row: Row) -> Row:
    """Keep or revert, by measuring it beside what it would replace."""
    row, incumbent = incumbent_of(shop, row)
    if incumbent.score is None:
        values = {**measured(measure_stage(shop, row, "full", "try", 1)), "reason": "the first that could be measured"}
        return shop.change_try(row, **values, decision="kept", step="record")
    verdict, own = compare(shop, row, incumbent)
    values = measured(own)
    kept = values["status"] == "ok" and (verdict.kind == "keep" or wins_tie(shop, verdict, values["metrics"], incumbent))
    if values["status"] == "ok":
        values["reason"] = reason_of(verdict, kept, incumbent)
    return shop.change_try(
        row, **values, comparison=comparison_of(verdict, incumbent), decision="kept" if kept else "reverted", step="record"
    )


def wins_tie(shop: Workshop, verdict: Verdict, metrics: Mapping[str, float], incumbent: Outcome) -> bool:
    """Of equal scores, by what the evaluator's contract names for that."""
    contract = shop.evaluator.contract
    return verdict.gain == 0.0 and contract.tie_break(metrics) > contract.tie_break(incumbent.metrics)


def reason_of(verdict: Verdict, kept: bool, incumbent: Outcome) -> str:
    what = "the start" if incumbent.seq == 0 else f"try {incumbent.seq}"
    if kept and verdict.kind != "keep":
        return f"as good as {what}, and better where that decides"
    return f"better than {what}" if kept else f"not better than {what}"


def record(shop: Workshop, lane: Lane, row: Row) -> Row:
    """The try is over: the strategy's memory, the run's best, the turn of a corrected prompt."""
    with shop.lock:
        row = {**row, "ended_at": iso(time.time_ns()), "step": DONE}  # in the order in which the strategy sees them
        with open_reader(shop.places.db) as connection:
            shop.observe(outcome_of(connection, row))
        best = shop.best
        if best.commit:
            shop.repo.set_ref(shop.ref("best"), best.commit)
        with written(shop.places.db) as connection:
            runs.change_try(connection, row["id"], {"ended_at": row["ended_at"], "step": DONE})
            runs.change_run(connection, shop.run_id, {"best_try_id": best.id})
            corrections.link_try(connection, row["id"], row["turn_id"])
    return row


IN_A_LANE = ("propose", "ask", "inject", "wait", "commit")  # steps that need its files or its agent
STEPS: dict[str, Step] = {
    "checkout": checkout, "propose": propose, "ask": ask, "inject": inject, "wait": wait, "commit": commit, "smoke": smoke,
    "full": full, "gate": gate, "record": record,
}  # fmt: skip


def carry(shop: Workshop, lane: Lane, row: Row) -> None:
    """Take a try through its remaining steps."""
    while row["step"] != DONE:
        row = STEPS[row["step"]](shop, lane, row)
        shop.on_change()
