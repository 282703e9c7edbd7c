"""``procy gateway`` explain, reset, disable, switches: what steering does, and how upstreams are doing."""

from __future__ import annotations

import os
import random
import time
from dataclasses import asdict
from datetime import datetime

import click

from procy.cli.common import db_option, json_option, places_of, print_json, table
from procy.cli.gateway_config import complete_upstream
from procy.gateway import orders
from procy.gateway.balance import Pool
from procy.gateway.explain import explain
from procy.gateway.reload import loaded_of
from procy.gateway.state import StateFile
from procy.settings import load_settings
from procy.settings.upstreams import SERVICES


@click.command("explain")
@click.argument("model", default="")
@click.option("--service", type=click.Choice(SERVICES), default="claude", show_default=True)
@json_option
@db_option
def explain_command(model: str, service: str, as_json: bool, db: str | None) -> None:
    """Show where a call for MODEL would go, by which route, and what would be changed. Nothing is sent."""
    places = places_of(db)
    loaded = loaded_of(load_settings(places))
    pool = Pool(random.Random(), StateFile(places).read().health)
    found = explain(loaded, pool, service, model, time.time(), os.environ)
    if as_json:
        print_json(found.plain())
        return
    for number, (rule, result) in enumerate(found.rules, 1):
        click.echo(f"route {number}: {rule}: {click.style(result, fg='green' if result == 'matches' else None)}")
    for place, step in enumerate(found.steps, 1):
        click.echo(f"{place}. {click.style(step.upstream, bold=True)} gets {step.model or 'what is asked for'}: {step.why}")
        click.echo(f"   {step.state}; key: {step.key}")
        click.echo(f"   {'; '.join(step.changes) or 'its bytes pass as they are'}")
    for why in found.refused:
        click.echo(click.style(f"refused: {why}", fg="red"))


@click.command("reset")
@click.argument("name", required=False, shell_complete=complete_upstream)
@db_option
def reset_command(name: str | None, db: str | None) -> None:
    """Forget the failures of an upstream, its rest and its day off; of all without NAME."""
    orders.reset(places_of(db), name)


@click.command("disable")
@click.argument("name", shell_complete=complete_upstream)
@db_option
def disable_command(name: str, db: str | None) -> None:
    """Leave an upstream out of balancing and routes for the rest of the day."""
    orders.disable(places_of(db), name)
    click.echo(f"{name} is not used today. Before that ends: procy gateway reset {name}", err=True)


@click.command("switches")
@json_option
@db_option
def switches_command(as_json: bool, db: str | None) -> None:
    """Show when the active upstreams were switched, oldest first."""
    found = StateFile(places_of(db)).read().switches
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        click.echo("nothing was switched yet: procy gateway use NAME", err=True)
    rows = [
        {
            "TIME": datetime.fromtimestamp(one.at).strftime("%Y-%m-%d %H:%M:%S"),
            "SERVICE": one.service,
            "FROM": one.before,
            "TO": one.after,
        }
        for one in found
    ]
    table(rows, ("TIME", "SERVICE", "FROM", "TO"))
