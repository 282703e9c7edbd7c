"""``procy history``."""

from __future__ import annotations

import click

from procy.cli.common import as_dicts, db_option, json_option, one_line, print_json, reader, session_argument
from procy.store import read
from procy.ui import words


@click.command("history", context_settings={"ignore_unknown_options": True})
@session_argument(default=None)
@click.option("-n", "--limit", default=30, show_default=True, help="How many prompts, the newest.")
@json_option
@db_option
def history_command(session: str | None, limit: int, as_json: bool, db: str | None) -> None:
    """The prompts, newest last: of all sessions, or of one."""
    with reader(db) as connection:
        session_id = read.find_session(connection, session)["id"] if session else None
        rows = read.history(connection, limit, session_id)
    if as_json:
        print_json(as_dicts(rows))
        return
    for row in rows:
        handle = click.style(f"{read.short(row['session_id'])}:{row['seq']}".ljust(11), dim=True)
        colour = "magenta" if row["origin"] == "procy" else "green"
        when = click.style(words.stamp(row["started_at"])[5:16], dim=True)
        click.echo(f"{when}  {handle} {click.style(one_line(row['prompt'], 100), fg=colour)}")
