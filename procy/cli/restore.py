"""``procy restore``: the files as a turn left or found them, in a directory of their own."""

from __future__ import annotations

from pathlib import Path

import click

from procy.cli.common import as_dicts, db_option, json_option, print_json, reader, session_argument
from procy.cli.show import find
from procy.errors import HandleError
from procy.recording.changes.restore import restore
from procy.store import changes


@click.command("restore", context_settings={"ignore_unknown_options": True})
@session_argument("turn")
@click.option("--to", required=True, type=click.Path(path_type=Path), metavar="DIR", help="New or empty directory.")
@click.option("--before", is_flag=True, help="As the files were before the turn, not after it.")
@json_option
@db_option
def restore_command(turn: str, to: Path, before: bool, as_json: bool, db: str | None) -> None:
    """Write the files as they were after a TURN (or before it) to a new or empty directory.

    A turn is named as last:3 or %3:-1. They come from git's snapshots; the repository's work tree, index and branch stay as
    they are. What a snapshot leaves out is not there: see docs/changes.md.
    """
    with reader(db) as connection:
        session, turns = find(connection, turn, 1)
        if session is not None:
            raise HandleError(f"{turn} is a session", f"Name a turn of it: {turn}:-1 is its last")
        row = restore(connection, turns[0]["id"], "before" if before else "after", to)
        notes = changes.notes(connection, turns[0]["id"])
    if as_json:
        print_json(
            {"turn": as_dicts(turns)[0]["id"], "to": str(to), "moment": row["moment"], "tree": row["tree"], "at": row["at"]}
        )
        return
    click.echo(f"wrote the files of {row['root']} as they were at {row['at']} to {to}", err=True)
    for note in notes:
        click.echo(note, err=True)
