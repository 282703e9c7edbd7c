"""``procy gateway import-clp``."""

from __future__ import annotations

from dataclasses import asdict

import click

from procy.cli.common import db_option, json_option, places_of, print_json
from procy.gateway.import_clp import import_clp


@click.command("import-clp")
@click.argument("directory", default="~/.clp", type=click.Path(file_okay=False))
@click.option("--redact", is_flag=True, help="Filters become redaction rules too, those of the gateway that are here as well.")
@json_option
@db_option
def import_clp_command(directory: str, redact: bool, as_json: bool, db: str | None) -> None:
    """Take over the settings, keys, routes, filters and usage of CLP from its DIRECTORY (default: ~/.clp).

    Keys go into files of their own that only you may read. What is here already stays. Importing again adds what is new.
    """
    report = import_clp(directory, places_of(db), redact)
    if as_json:
        print_json(asdict(report))
        return
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    names = ", ".join(report.upstreams) or "none that is new"
    click.echo(f"upstreams: {names}; routes: {report.routes}; filters: {report.filters}; models with defaults: {report.models}")
    if redact:
        click.echo(f"redaction rules: {report.redactions}")
    click.echo(f"calls: {report.calls}; sums of earlier calls: {report.sums}")
