"""``procy history``."""

from __future__ import annotations

import json

import click

from procy.cli.common import as_dicts, db_option, json_option, one_line, print_json, reader, session_argument, terminal_columns
from procy.cli.narrow import narrow_options
from procy.store import read
from procy.store.wanted import Wanted
from procy.ui import words

PROMPT_AT = 25  # columns before a prompt


@click.command("history", context_settings={"ignore_unknown_options": True})
@session_argument(default=None)
@click.option("-n", "--limit", default=30, show_default=True, help="How many prompts, the newest.")
@narrow_options
@json_option
@db_option
def history_command(session: str | None, limit: int, as_json: bool, db: str | None, wanted: Wanted) -> None:
    """The prompts, newest last, each with what it was corrected to and that correction's name: of all sessions, or of one."""
    with reader(db) as connection:
        session_id = read.find_session(connection, session)["id"] if session else None
        rows = read.history(connection, limit, session_id, wanted)
    if as_json:
        print_json(as_dicts(rows))
        return
    if not rows:
        click.echo("no prompt is like that" if any(wanted) else "there is no prompt yet", err=True)
    room = max(min(terminal_columns() - PROMPT_AT, 100), 20)
    for row in rows:
        handle = click.style(f"{read.short(row['session_id'])}:{row['seq']}".ljust(11), dim=True)
        colour = "magenta" if row["origin"] == "procy" else "green"
        when = click.style(words.stamp(row["started_at"])[5:16], dim=True)
        sent = row["rejected"] if row["chosen"] is not None else row["prompt"]  # where it was corrected before it was sent
        click.echo(f"{when}  {handle} {click.style(one_line(sent, room), fg=colour)}")
        if row["chosen"] is not None:
            note = f"  ({one_line(row['note'], 60)})" if row["note"] else ""
            name = click.style(read.short(row["correction_id"]), dim=True)
            chosen = click.style(one_line(row["chosen"], room), fg="cyan")
            click.echo(f"{' ' * 13}{name}   → {chosen}{note}{outcome_text(row['outcome'])}")


def outcome_text(outcome: str | None) -> str:
    """What a replay said of the correction."""
    found = json.loads(outcome) if outcome else {}
    if not found.get("preferred"):
        return "  (replayed: no difference to be seen)" if found else ""
    return f"  (replayed: {'better' if found['preferred'] == 'chosen' else 'worse'})"
