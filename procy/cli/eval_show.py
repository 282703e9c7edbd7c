"""``procy eval show``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from procy.cli.common import db_option, json_option, places_of, print_json, printable
from procy.cli.eval_common import evaluator_here, number, status_text, wanted_text
from procy.evaluate.contract import Contract
from procy.evaluate.pinned import hash_of
from procy.evaluate.process import shell_words
from procy.evaluate.register import Evaluator
from procy.evaluate.sandbox import why_not
from procy.git import Repo
from procy.store import evaluations
from procy.store.read import short
from procy.ui import words

LABEL = 10  # columns


@click.command("show", short_help="Show the evaluator of this work tree.")
@click.argument("name", default="")
@json_option
@db_option
def show_command(name: str, as_json: bool, db: str | None) -> None:
    """Show the evaluator of this work tree: how it runs, what it measures, what is pinned, its last result."""
    places = places_of(db)
    with evaluator_here(places, name) as (connection, repo, evaluator):
        others = [row for row in evaluations.evaluators(connection, str(repo.root)) if row["id"] != evaluator.id]
        rows = evaluations.history(connection, str(repo.root), evaluator.name, 1)
    last = rows[0] if rows else None
    if as_json:
        print_json({"id": evaluator.id, "name": evaluator.name, "root": str(evaluator.root), "sha256": evaluator.sha256,
                    "created_at": evaluator.created_at, "definition": evaluator.contract.as_json(),
                    "files": dict(evaluator.files), "sandbox": not sandbox_missing(evaluator.contract),
                    "last": last})  # fmt: skip
        return
    click.echo(click.style(f" {printable(evaluator.name)}", bold=True) + click.style(f"  {short(evaluator.id)}", dim=True))
    for label, text in lines(repo, evaluator):
        click.echo(f" {click.style(label.ljust(LABEL), dim=True)} {text}")
    if last:
        click.echo(f" {click.style('last'.ljust(LABEL), dim=True)} {last_text(last)}")
    names = dict.fromkeys(row["name"] for row in others if row["name"] != evaluator.name)
    if names:
        click.echo(f" {click.style('others'.ljust(LABEL), dim=True)} {printable(', '.join(names))}")


def lines(repo: Repo, evaluator: Evaluator) -> Iterator[tuple[str, str]]:
    contract = evaluator.contract
    for stage in contract.stages:
        limit = words.duration(stage.timeout_s * 1000)
        yield stage.name, f"{printable(shell_words(stage.command))}  (at most {limit})"
    for guard in contract.guards:
        yield "guard", printable(shell_words(guard))
    for metric in contract.metrics:
        unit = f" in {metric.unit}" if metric.unit else ""
        objective = ", the objective" if metric.name == contract.objective else ""
        yield "metric", f"{printable(metric.name)}{printable(unit)}: {wanted_text(metric)}{objective}"
    if contract.ties:
        yield "ties", printable(", ".join(contract.ties))
    for path, wanted in evaluator.files.items():
        yield "pinned", printable(path) + pin_text(repo, path, wanted)
    for label, names in (("protected", contract.protected), ("lent", contract.links), ("env", contract.env)):
        if names:
            yield label, printable(", ".join(names))
    yield "runs", sandbox_text(contract)
    limits = {name: value for name, value in contract.as_json()["resources"].items() if value}
    if limits:
        yield "limits", ", ".join(f"{name} {value}" for name, value in limits.items())


def pin_text(repo: Repo, path: str, wanted: str) -> str:
    there = repo.root / path
    if not there.is_file():
        return "  (not in the work tree)" if not path.startswith(".procy/evaluator/") else ""
    changed = click.style("  (another one is in the work tree: procy eval set)", fg="yellow")
    return "" if hash_of(there) == wanted else changed


def sandbox_missing(contract: Contract) -> str:
    """Why it runs without a sandbox; "" where it has one."""
    if contract.legacy:
        return "a script of this kind gets the whole environment and the network"
    return why_not(contract.network) if contract.sandbox else "sandbox = false"


def sandbox_text(contract: Contract) -> str:
    missing = sandbox_missing(contract)
    network = "the network" if contract.network or missing else "no network"
    return f"in a clean checkout, {network}, " + (f"no sandbox: {missing}" if missing else "in bubblewrap")


def last_text(row: dict[str, Any]) -> str:
    values = ", ".join(f"{name} {number(value)}" for name, value in row["metrics"].items())
    what = values if row["status"] == "ok" else row["reason"] or ""
    return f"{status_text(row['status'])}  {printable(what)}  {words.ago(row['started_at'])}"
