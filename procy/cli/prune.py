"""``procy prune``: room on the disk for the raw of old sessions."""

from __future__ import annotations

import time

import click

from procy.capture.spool import spools
from procy.cli.bars import bar
from procy.cli.common import db_option, json_option, one_line, places_of, print_json, table
from procy.cli.units import DURATION, SIZE
from procy.errors import StoreError
from procy.recording.changes.refs import drop as drop_refs
from procy.recording.prune import Prunable, chosen, prunable, prune, used_bytes
from procy.store import compact, exchanges, write
from procy.store.db import explained, iso, open_reader, open_writer
from procy.store.read import short
from procy.ui import words


@click.command("prune")
@click.option("--older", type=DURATION, metavar="DURATION", help="Sessions that ended longer ago than this, as in 90d.")
@click.option("--max-size", type=SIZE, metavar="SIZE", help="The oldest ones, until the database is no larger than this.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
@db_option
def prune_command(older: int | None, max_size: int | None, dry_run: bool, as_json: bool, db: str | None) -> None:
    """Drop the raw of ended sessions: terminal bytes, transcript lines, hook events, bodies of API calls.

    Turns, tool calls, changed files and what can be searched stay, and so do the screens at the ends of turns. A pruned session
    cannot be replayed, exported as cast or rebuilt. Without an option only free room within the database is given back.
    """
    places, now_ns = places_of(db), time.time_ns()
    spooled = {spool.session_id for spool in spools(places.spool)}
    with open_reader(places.db) as reader:
        before = None if older is None else iso(now_ns - older * 1_000_000_000)
        excess = None if max_size is None else used_bytes(reader) - max_size
        sessions = chosen(prunable(reader, spooled), before, excess)
    size, after, trouble = compact.size(places.db), None, None
    if not dry_run:
        try:
            drop(places.db, sessions, now_ns)
        except StoreError as error:
            trouble = error
        after = compact.size(places.db)
    if as_json:
        rows = [one._asdict() for one in sessions]
        print_json({"sessions": rows, "dry_run": dry_run, "size_before": size, "size_after": after})
    else:
        show(sessions, dry_run, size, after, max_size)
    if trouble:
        raise trouble


def drop(path: str, sessions: list[Prunable], now_ns: int) -> None:
    writer = open_writer(path)
    with explained(path), bar("pruning", len(sessions)) as advance:
        for one in sessions:
            with write.transaction(writer):
                snapshots = prune(writer, [one], now_ns)
            for kept in drop_refs(snapshots):
                click.echo(f"a snapshot's ref stays in {kept.git_dir}: git update-ref -d {kept.ref}", err=True)
            advance(1)
        with write.transaction(writer):
            exchanges.drop_loose_parts(writer)
        compact.give_back(writer, path)
    writer.close()


def show(sessions: list[Prunable], dry_run: bool, size: int, after: int | None, wanted: int | None) -> None:
    rows = [
        {
            "ID": short(one.id),
            "ENDED": words.stamp(one.ended_at)[:10],
            "TURNS": str(one.turns),
            "RAW": words.size(one.bytes),
            "WHERE": one_line(one.name, 50),
        }
        for one in sessions
    ]
    table(rows, ("ID", "ENDED", "TURNS", "RAW", "WHERE"))
    total = words.size(sum(one.bytes for one in sessions))
    count = f"{len(sessions)} session{'' if len(sessions) == 1 else 's'}"
    if after is None:
        click.echo(f"would drop {total} of {count}; the database has {words.size(size)}", err=True)
    else:
        click.echo(f"dropped {total} of {count}; the database had {words.size(size)}, has {words.size(after)}", err=True)
    if wanted is not None and after is not None and after > wanted:
        click.echo(f"that is more than {words.size(wanted)}: turns, and sessions that are recorded now, are not pruned", err=True)
