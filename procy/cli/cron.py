"""``procy cron``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from procy.cli.common import db_option, json_option, places_of, print_json, reader
from procy.learn import cron
from procy.store import datasets


@click.group("cron")
def cron_command() -> None:
    """Export new training data by cron, in one marked line of your crontab."""


@cron_command.command("install")
@click.option("--schedule", default="daily", show_default=True, help="hourly, daily, weekly, or cron's five fields.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder for the exports (default: datasets in procy's data).")
@db_option
def install_command(schedule: str, out: Path | None, db: str | None) -> None:
    """Add the line, or change it."""
    places = places_of(db)
    folder = os.path.abspath(out) if out else f"{places.home}/datasets"
    line = cron.line_of(cron.schedule_of(schedule), places, folder)
    before = cron.read_crontab()
    cron.write_crontab(cron.with_line(before, line))
    click.echo(f"{'changed' if cron.ours_in(before) else 'added'} in your crontab:\n{line}")


@cron_command.command("remove")
def remove_command() -> None:
    """Take the line out again."""
    before = cron.read_crontab()
    if not cron.ours_in(before):
        click.echo("there is no line of procy in your crontab", err=True)
        return
    cron.write_crontab(cron.with_line(before, ""))
    click.echo("removed from your crontab", err=True)


@cron_command.command("status")
@json_option
@db_option
def status_command(as_json: bool, db: str | None) -> None:
    """Show the line, and what its last runs wrote."""
    line = cron.ours_in(cron.read_crontab())
    with reader(db) as connection:
        rows = [dict(row) for row in datasets.incremental(connection, 5)]
    if as_json:
        print_json({"line": line or None, "exports": rows})
        return
    click.echo(line or "there is no line of procy in your crontab; add it with: procy cron install")
    for row in rows:
        click.echo(f"{row['created_at'][:16].replace('T', ' ')} UTC  {row['rows']} rows  {row['path']}")
    if not rows:
        click.echo("nothing was exported by it yet", err=True)
