"""``procy rebuild``."""

from __future__ import annotations

import click

from procy.cli.bars import bar
from procy.cli.common import db_option, places_of, session_argument
from procy.recording.rebuild import rebuild
from procy.settings import load_settings
from procy.store import read
from procy.store.db import explained, open_reader, open_writer


@click.command("rebuild", context_settings={"ignore_unknown_options": True})
@session_argument(default=None)
@click.option("--all", "everything", is_flag=True, help="Every session.")
@db_option
def rebuild_command(session: str | None, everything: bool, db: str | None) -> None:
    """Derive turns, tool calls and screens from the raw again.

    The same rows come out, with the same ids; after an upgrade that reads an agent better, better ones. A session that is
    being recorded is left to the sidecar, and one whose raw was pruned stays as it is.
    """
    places = places_of(db)
    with open_reader(places.db) as reader:
        if everything:
            rows = read.list_sessions(reader, limit=1 << 30, children=True)
        else:
            rows = [read.find_session(reader, session or "last")]
    ended = [row for row in rows if row["status"] in ("ended", "lost") and not row["pruned_at"]]
    pruned = sum(1 for row in rows if row["pruned_at"])
    settings = load_settings(places)
    connection = open_writer(places.db)
    turns = 0
    with explained(places.db), bar("rebuilding", len(ended)) as advance:
        for row in ended:
            turns += rebuild(connection, row["id"], settings)
            advance(1)
    connection.close()
    skipped = len(rows) - len(ended) - pruned
    note = (f"; {skipped} being recorded left alone" if skipped else "") + (f"; {pruned} pruned left alone" if pruned else "")
    click.echo(f"rebuilt {len(ended)} session{'' if len(ended) == 1 else 's'}, {turns} turns{note}", err=True)
