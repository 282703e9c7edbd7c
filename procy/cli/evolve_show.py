"""Runs and tries as people read them in a terminal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

import click

from procy.cli.common import one_line, print_json, printable, table
from procy.cli.eval_common import number as measured
from procy.evaluate.contract import Contract, Metric, from_json
from procy.evolve.held import is_at_work
from procy.evolve.start import Draft
from procy.places import Places
from procy.store import runs
from procy.store.read import short
from procy.store.runs import Row

COLOURS = {"kept": "green", "reverted": "yellow", "failed": "red"}
STEPS = {
    "checkout": "starts the agent", "propose": "writes the prompt", "ask": "waits for your word: procy evolve decide",
    "inject": "types the prompt", "wait": "waits for the agent", "commit": "commits", "smoke": "evaluates (smoke)",
    "full": "evaluates", "gate": "compares", "record": "records",
}  # fmt: skip
PROMPT_WIDTH = 44
LONG = 10_000  # characters of a diff in a terminal


def describe_draft(found: Draft) -> None:
    """What a run would do, before it is begun."""
    order, plan, contract = found.order, found.plan, found.evaluator.contract
    say("goal", one_line(found.goal, 100))
    say("judge", f"{found.evaluator.name}: {objective_text(contract)}")
    say("agent", " ".join(plan.agent))
    place = {"here": "in this pane and these files", "headless": "without a screen"}.get(order.mode, "in panes of their own")
    if plan.hosts:
        place = f"on {' and '.join(plan.hosts)}" + (f", and {place} here" if plan.lanes else "")
    say("tries", f"{order.budget.tries}, {place}, {plan.lanes} at once" if plan.lanes > 1 else f"{order.budget.tries}, {place}")
    say("how", f"strategy {order.strategy}, prompts by {order.proposer}")
    if found.left_out:
        say("left out", f"{', '.join(found.left_out)} (not tracked, and named like secrets or repositories of their own)")


def say(what: str, text: str) -> None:
    click.echo(f"{click.style(what.rjust(9), dim=True)}  {printable(text)}", err=True)


def objective_text(contract: Contract) -> str:
    metric = contract.metric(contract.objective)
    bounds = [constraint_text(one) for one in contract.metrics if one.at_least is not None or one.at_most is not None]
    goal = f"{metric.direction if metric else 'maximize'} {contract.objective}"
    return f"{goal}, with {' and '.join(bounds)}" if bounds else goal


def constraint_text(metric: Metric) -> str:
    low = f"{metric.at_least:g} ≤ " if metric.at_least is not None else ""
    high = f" ≤ {metric.at_most:g}" if metric.at_most is not None else ""
    return f"{low}{metric.name}{high}"


def show_runs(connection: sqlite3.Connection, places: Places, as_json: bool) -> None:
    rows = runs.list_runs(connection, limit=50)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("there is no run yet; begin one with: procy evolve 5", err=True)
    table(
        [
            {
                "run": short(row["id"]),
                "began": row["started_at"][:16].replace("T", " "),
                "state": state_of(places, row),
                "tries": str(max(len(runs.tries_of(connection, row["id"])) - 1, 0)),
                "gain": gain_of(row),
                "goal": one_line(row["goal"], 50),
            }
            for row in rows
        ],
        ("run", "began", "state", "tries", "gain", "goal"),
        ("goal",),
    )


def state_of(places: Places, row: Row) -> str:
    """As it is, also for a run whose process was killed."""
    if row["status"] == "running" and not is_at_work(places, row):
        return "cut off"
    return str(row["status"])


def gain_of(row: Row) -> str:
    """What is claimed of the best over the start, as a share, with its interval."""
    claim = row["claim"]
    if not claim or not claim.get("start"):
        return ""
    unit = abs(claim["start"]) / 100
    low, high = claim.get("low"), claim.get("high")
    interval = "" if low is None or high is None or low == high else f" ({low / unit:+.1f} … {high / unit:+.1f} %)"
    return f"{claim['gain'] / unit:+.1f} %{interval}"


def show_run(connection: sqlite3.Connection, row: Row, as_json: bool = False) -> None:
    tries = runs.tries_of(connection, row["id"])
    if as_json:
        print_json({**row, "tries": tries})
        return
    found = connection.execute("SELECT name, definition FROM evaluators WHERE id = ?", (row["evaluator_id"],)).fetchone()
    contract = from_json(json.loads(found["definition"]))
    what = "replay" if row["kind"] == "replay" else "run"
    click.echo(f"{what} {short(row['id'])} · {click.style(row['status'], bold=True)}{reason_text(row)}")
    click.echo(f"  {one_line(row['goal'], 100)}")
    click.echo(f"  {found['name']}: {objective_text(contract)} · {row['strategy']}, prompts by {row['proposer']}\n")
    by_id = {one["id"]: one for one in tries}
    table(
        [try_line(one, by_id, contract) for one in tries],
        ("#", "from", "prompt", contract.objective, "gain", "decision"),
        ("prompt", "decision"),
    )
    if row["kind"] == "replay":
        show_outcome(connection, row)
    else:
        show_best(row, by_id, runs.find_run(connection, cwd=row["root"])["id"] == row["id"])
    if row["status"] in ("paused", "stopped"):
        click.echo(f"\ngo on with: procy evolve resume {short(row['id'])}")


def reason_text(row: Row) -> str:
    return f": {printable(row['reason'])}" if row["reason"] else ""


def try_line(row: Row, by_id: Mapping[str, Row], contract: Contract) -> dict[str, str]:
    parent = by_id.get(row["parent_id"] or "")
    mark = "*" if row["mixed"] else ""
    prompt = "the start" if row["seq"] == 0 else one_line(runs.asked(row), PROMPT_WIDTH)
    return {
        "#": f"{row['seq']}{mark}",
        "from": "" if parent is None else str(parent["seq"]),
        "prompt": prompt,
        contract.objective: value_text(row["metrics"].get(contract.objective), contract.metric(contract.objective)),
        "gain": comparison_text(row, by_id),
        "decision": decision_text(row),
    }


def value_text(value: float | None, metric: Metric | None) -> str:
    unit = f" {metric.unit}" if metric and metric.unit else ""
    return "" if value is None else f"{measured(value)}{unit}"


def comparison_text(row: Row, by_id: Mapping[str, Row]) -> str:
    """The gain over what it was compared with, as a share where that is possible, with its interval."""
    found: dict[str, Any] = row["comparison"]
    if not found or row["score"] is None:  # what broke a demand while it was compared gained nothing that was measured
        return ""
    other = by_id.get(found.get("with") or "")
    unit = abs(other["score"]) / 100 if other and other["score"] else 0.0
    sign, unit = (" %", unit) if unit else ("", 1.0)
    low, high = found.get("low"), found.get("high")
    interval = "" if low is None or high is None or low == high else f" ({low / unit:+.1f} … {high / unit:+.1f})"
    return f"{found['gain'] / unit:+.1f}{sign}{interval}"


def decision_text(row: Row) -> str:
    if not row["decision"]:
        return click.style(STEPS.get(row["step"], row["step"]), fg="blue")
    why = row["reason"] or row["status"] or ""
    text = f"{row['decision']}: {one_line(why, 60)}" if why and row["seq"] else row["decision"]
    return click.style(text, fg=COLOURS.get(row["decision"]))


def show_best(row: Row, by_id: Mapping[str, Row], is_last: bool) -> None:
    best = by_id.get(row["best_try_id"] or "")
    if best is None or best["seq"] == 0:
        if row["status"] == "done":
            click.echo("\nnothing better than the start was found")
        return
    gain = gain_of(row)
    over = f", {gain} over the start" if gain else ""
    which = "" if is_last else f" --run {short(row['id'])}"
    click.echo(f"\nbest: try {best['seq']}{over}; take it with: procy evolve apply best{which}")


def show_outcome(connection: sqlite3.Connection, row: Row) -> None:
    """Which prompt of the correction is better."""
    found = connection.execute("SELECT outcome FROM corrections WHERE replay_id = ?", (row["id"],)).fetchone()
    if found is None or not found["outcome"]:
        return
    words = {"chosen": "the corrected prompt (2) is better than the one that was sent (1)",
             "rejected": "the prompt that was sent (1) is better than the corrected one (2)"}  # fmt: skip
    which = words.get(json.loads(found["outcome"])["preferred"], "which of the two prompts is better cannot be told")
    gain = gain_of(row)
    click.echo(f"\n{which}{f': {gain} from 1 to 2' if gain else ''}")


def show_comparison(found: dict[str, Any]) -> None:
    one, other = found["tries"]
    parted = found["parted"]
    click.echo(f"try {one['seq']} and try {other['seq']} parted at {'the start' if parted == 0 else f'try {parted}'}\n")
    table(
        [
            {"metric": name, f"#{one['seq']}": number(row["one"]), f"#{other['seq']}": number(row["other"]),
             "delta": number(row["delta"], "+")}
            for name, row in found["metrics"].items()
        ],
        ("metric", f"#{one['seq']}", f"#{other['seq']}", "delta"),
    )  # fmt: skip
    for row, files in zip(found["tries"], found["files"], strict=True):
        name = click.style(f"#{row['seq']}", bold=True)
        click.echo(f"\n{name} {row['decision']}: {', '.join(files) or 'no file changed'}")
        click.echo(printable((row["prompt"] or "the start").strip()))
    if found["diff"]:
        click.echo(f"\n{printable(found['diff'][:LONG])}")


def number(value: float | None, sign: str = "") -> str:
    return "" if value is None else (sign if value > 0 else "") + measured(value)
