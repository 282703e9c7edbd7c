"""``procy doctor --repair``."""

from __future__ import annotations

import os
import time

import click

from procy.errors import StoreError
from procy.gateway import address
from procy.places import Places
from procy.recording.repair import is_damaged, repair


def repair_database(places: Places) -> None:
    """Says on standard error what was done. Raises StoreError where it cannot be done now."""
    if not os.path.exists(places.db) or not (why := is_damaged(places.db)):
        click.echo(f"{places.db} is not damaged; nothing was changed", err=True)
        return
    if address.running(places):
        raise StoreError("the gateway writes to the database", "End it first: procy gateway stop")
    click.echo(f"{places.db} is damaged ({why.splitlines()[-1]})", err=True)
    done = repair(places, time.localtime())
    rows = sum(done.salvaged.rows.values())
    lost = ", ".join(done.salvaged.damaged) or "none"
    click.echo(f"{rows:,} rows could be read; tables of which some could not: {lost}", err=True)
    if done.again:
        click.echo(f"{done.again} recordings are read again from the spool", err=True)
    click.echo(f"the damaged file is kept as {done.kept}; remove it when nothing is missed", err=True)
    click.echo("turns whose raw is there come back by: procy rebuild --all", err=True)
