"""``procy gateway env``: settings for clients."""

from __future__ import annotations

import click

from procy.cli.common import db_option, json_option, places_of, print_json
from procy.cli.gateway import gateway_of, say
from procy.gateway.clients import TITLES, recipe
from procy.gateway.tokens import read_tokens


@click.command("env")
@click.argument("client", type=click.Choice(list(TITLES)), default="claude")
@json_option
@db_option
def env_command(client: str, as_json: bool, db: str | None) -> None:
    """Print what a client's settings need to go through the gateway.

    The address holds a token, which lets whoever knows it make calls here: it is for this machine's own files only.
    """
    places = places_of(db)
    found = recipe(client, gateway_of(places), read_tokens(places).general())
    if as_json:
        print_json({"client": client, "where": found.where, "text": found.text})
        return
    say(f"for {TITLES[client]}, in {found.where}:")
    click.echo(found.text)
