"""``procy search``."""

from __future__ import annotations

import re

import click

from procy.cli.common import as_dicts, complete_session, db_option, json_option, print_json, printable, reader
from procy.cli.narrow import narrow_options
from procy.store import read
from procy.store.wanted import Wanted
from procy.ui.words import stamp


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("-s", "--session", shell_complete=complete_session, help="Only in this session.")
@click.option("-t", "--terminal", is_flag=True, help="In what stood on the terminal, not in prompts, answers and tool inputs.")
@click.option("-n", "--limit", default=20, show_default=True, help="How many places, newest first.")
@narrow_options
@json_option
@db_option
def search_command(
    words: tuple[str, ...], session: str | None, terminal: bool, limit: int, as_json: bool, db: str | None, wanted: Wanted
) -> None:
    """Search prompts, answers and tool calls, or the terminal.

    All WORDS are wanted; "two words" in quotes are a phrase, word* is a beginning.
    """
    query = " ".join(f'"{word}"' if " " in word else word for word in words)
    with reader(db) as connection:
        session_id = read.find_session(connection, session)["id"] if session else None
        if terminal:
            rows = read.search_terminal(connection, query, limit, session_id, wanted)
        else:
            rows = read.search_turns(connection, query, limit, session_id, wanted)
    if as_json:
        print_json([{name: plain(value) for name, value in row.items()} for row in as_dicts(rows)])
        return
    if not rows:
        click.echo("nothing found" + ("" if terminal else "; what stood on the terminal is searched with -t"), err=True)
    for row in rows:
        place = f"offset {row['offset']}" if terminal else stamp(row["started_at"])[5:16]
        handle = read.short(row["session_id"]) if terminal else f"{read.short(row['session_id'])}:{row['seq']}"
        click.echo(click.style(f"{handle}  {place}", dim=True))
        click.echo("  " + highlight(" ".join(row["snippet"].split())))


def highlight(snippet: str) -> str:
    marked = re.split("\x01(.*?)\x02", snippet)  # every second part is a hit
    parts = [printable(part) for part in marked]
    return "".join(click.style(part, fg="yellow", bold=True) if place % 2 else part for place, part in enumerate(parts))


def plain(value: object) -> object:
    """Without the marks around what was found."""
    return value.replace("\x01", "").replace("\x02", "") if isinstance(value, str) else value
