"""``procy replay``."""

from __future__ import annotations

import shlex
import time

import click

from procy.cli.common import db_option, places_of, reader
from procy.cli.evolve import confirmed, cwd_meant, spool_meant
from procy.cli.evolve_show import show_run
from procy.evolve import start
from procy.evolve.held import is_at_work
from procy.evolve.plan import Budget, Plan
from procy.evolve.replay import STRATEGY, begin_replay, origin
from procy.evolve.start import Order
from procy.places import Places
from procy.settings import load_settings
from procy.store import corrections, runs
from procy.store.read import short

POLL_S = 0.5


@click.command("replay")
@click.argument("correction", default="last")
@click.option(
    "-t", "--target-pane", "pane", default="", metavar="PANE", help="Recorded pane whose agent is meant (default: this)."
)
@click.option("--from", "commit", default="", metavar="COMMIT", help="State of the code (default: what the prompt was sent in).")
@click.option("--evaluator", default="", metavar="NAME", help="Which evaluator (default: the newest of the work tree).")
@click.option("--agent", default="", metavar="COMMAND", help="Agent to ask (default: that of the pane).")
@click.option("--wait", is_flag=True, help="Return when both are measured, with the outcome.")
@click.option("-y", "--yes", is_flag=True, help="Begin without asking.")
@db_option
def replay_command(  # noqa: PLR0913
    correction: str, pane: str, commit: str, evaluator: str, agent: str, wait: bool, yes: bool, db: str | None
) -> int:
    """Measure what a correction is worth: both prompts, from the same commit, through agent and evaluator.

    CORRECTION is its name in procy history (default: the last).

    The outcome is kept with the correction: which of the two is better, by how much, and how sure that is.
    """
    places = places_of(db)
    settings = load_settings(places)
    spool = spool_meant(places, pane, db)
    order = Order(
        places=places, cwd=cwd_meant(spool), spool=spool, strategy=STRATEGY, proposer="template", evaluator=evaluator,
        goal="Replay a correction", budget=Budget(tries=2), agent=tuple(shlex.split(agent)),
        plan=Plan(executor=settings.evolve.executor, answer_s=settings.evolve.turn_timeout_s),
    )  # fmt: skip
    with reader(db) as connection:
        row = corrections.find(connection, correction)
        found = start.draft(order, settings)
        base, conversation = origin(connection, found.repo, row, commit)
    if not yes and not confirmed(found):
        return 1
    run_id = begin_replay(found, row, base, conversation)
    start.launch(places, run_id)
    click.echo(
        f"replay {short(run_id)} of correction {short(row['id'])} has begun; see it with: procy evolve status {short(run_id)}",
        err=True,
    )
    return report(places, db, run_id) if wait else 0


def report(places: Places, db: str | None, run_id: str) -> int:
    """Wait for the end, and show it."""
    while True:
        with reader(db) as connection:
            row = runs.run_by_id(connection, run_id)
            if not is_at_work(places, row):
                show_run(connection, row)
                return 0 if row["status"] == "done" else 1
        time.sleep(POLL_S)
