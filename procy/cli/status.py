"""``procy status``; the work is in ``quick_status``."""

from __future__ import annotations

import click

from procy.cli.common import db_option
from procy.cli.quick_status import print_status


@click.command("status")
@click.option("--json", "form", flag_value="--json", help="Print JSON.")
@click.option("--line", "form", flag_value="--line", help="Print one short line, for a status line.")
@db_option
def status_command(form: str | None, db: str | None) -> int:
    """What is recorded, what each agent does, tokens of today."""
    return print_status(form or "", db)
