"""``procy compare --begin SEEDS``: runs with an adapter and without, begun, carried out and compared."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from procy.cli.common import printable
from procy.cli.evolve import budget_meant
from procy.cli.evolve_show import describe_draft, say
from procy.errors import ProcyError
from procy.evaluate.reading import inside
from procy.evolve.plan import Plan, read_budget
from procy.evolve.start import Order
from procy.evolve.strategies import settled
from procy.learn.compare import trials
from procy.learn.compare.runs import compare_runs
from procy.learn.compare.trials import Row, Side
from procy.places import Places
from procy.settings import Settings
from procy.store.read import short


def compare_by_runs(
    places: Places, settings: Settings, names: tuple[str, str], handles: Sequence[str], given: Mapping[str, Any]
) -> Row | None:
    """The comparison, of ``handles`` or of runs that are begun now; None where somebody does not want them. ``names``: adapter,
    and what it is compared with."""
    sides = trials.sides_of(places, *names)
    if not handles:
        order, seeds = order_of(places, settings, given), range(given["begin"])
        found = trials.drafts(places, settings, order, sides, seeds)
        describe_draft(found[0])
        describe(settings, order, sides, len(seeds))
        if not agreed(f"Begin {len(found)} runs?", given["yes"]):
            return None
        handles = trials.begun(found)
    elif waiting := trials.not_over(places, handles, sides):
        say("runs", f"{', '.join(short(row['id']) for row in waiting)} of them are not over")
        if not agreed(f"Go on with {len(waiting)} runs?", given["yes"]):
            return None
    try:
        trials.carry_out(places, settings, trials.not_over(places, handles, sides), sides, tell)
    except (ProcyError, KeyboardInterrupt):
        words = ["procy", "compare", names[0], "--against", names[1], *(word for one in handles for word in ("--run", one))]
        click.echo(f"go on with: {shlex.join(words)}", err=True)
        raise
    return compare_runs(places, *names, handles, given["seed"])


def tell(text: str) -> None:
    """But for what an engine says every two seconds while it starts: the runs write here too."""
    if " s: " not in text:
        click.echo(printable(text), err=True)


def order_of(places: Places, settings: Settings, given: Mapping[str, Any]) -> Order:
    shared = trials.shared_out(read_budget(given["budget"], given["tries"]), 2 * given["begin"])
    links = inside(settings.evolve.link, "procy evolve", "--link")
    return Order(
        places=places, cwd=os.getcwd(), goal=given["goal"], strategy=settled(settings.evolve.strategy), proposer="model",
        evaluator=given["evaluator"], mode="headless",
        budget=replace(budget_meant((), given["tries"], settings), **shared.as_json()),
        plan=Plan(links=links, executor=settings.evolve.executor, answer_s=settings.evolve.turn_timeout_s),
        agent=tuple(shlex.split(given["agent"])),
    )  # fmt: skip


def describe(settings: Settings, order: Order, sides: tuple[Side, Side], seeds: int) -> None:
    """What all runs together are, and may use."""
    names = " and ".join(side.name for side in sides)
    say("runs", f"{2 * seeds}, from the files as they are now: {seeds} seeds, each with {names}; at most {order.budget.tries} "
                f"prompts a run, {2 * seeds * (order.budget.tries or 0)} in all")  # fmt: skip
    limits = {name: value for name, value in order.budget.as_json().items() if name != "tries"}
    words = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in limits.items())
    say("budget", f"of each run: {words}" if words else "none but the number of prompts; set one with --budget usd=5,time=2h")
    say("asked", settings.proxy_model.url or "served by procy, in turn where the engine has one model at a time")


def agreed(question: str, yes: bool) -> bool:
    """Raises UsageError where nobody can answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; begin with --yes")
    return click.confirm(question, default=True, err=True)
