"""``procy sessions``."""

from __future__ import annotations

import click

from procy.cli.common import as_dicts, db_option, json_option, one_line, print_json, reader, state_text, table
from procy.cli.narrow import narrow_options
from procy.store import read
from procy.store.wanted import Wanted
from procy.ui.words import ago


@click.command("sessions")
@click.option("-n", "--limit", default=20, show_default=True, help="How many, newest first.")
@click.option("--live", is_flag=True, help="Only what is recorded now.")
@click.option("--all", "children", is_flag=True, help="With the sessions of sub-agents.")
@narrow_options
@json_option
@db_option
def sessions_command(limit: int, live: bool, children: bool, as_json: bool, db: str | None, wanted: Wanted) -> None:
    """List recorded sessions."""
    with reader(db) as connection:
        rows = read.list_sessions(connection, limit, live, children, wanted)
    if as_json:
        print_json(as_dicts(rows))
        return
    table(
        [
            {
                "ID": read.short(row["id"]),
                "AGENT": row["agent"],
                "PANE": row["pane_id"] or "",
                "STATUS": state_text(row["state"]) if row["status"] == "recording" else row["status"],
                "TURNS": str(row["turns"]),
                "AGO": ago(row["last_turn_at"] or row["started_at"]).removesuffix(" ago"),
                "WHERE": one_line(row["name"] or row["cwd"] or "", 60),
            }
            for row in rows
        ],
        ("ID", "AGENT", "PANE", "STATUS", "TURNS", "AGO", "WHERE"),
    )
