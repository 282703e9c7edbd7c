"""``procy redact``: today's rules for what was stored before."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path

import click

from procy.capture.spool import Spool
from procy.cli.bars import bar
from procy.cli.common import db_option, json_option, places_of, print_json
from procy.cli.units import DURATION
from procy.places import Places
from procy.recording.changes.refs import drop
from procy.recording.forget import below, check_ended, remove_spool
from procy.recording.redact import redact
from procy.settings import load_settings
from procy.store import compact, read
from procy.store.db import explained, iso, open_reader, open_writer


@click.command("redact")
@click.option("--since", metavar="WHEN", help="What ended since: a date (2026-11-01), or how long ago (30d).")
@click.option("--session", metavar="SESSION", help="Only this one, and its sub-agents'.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@json_option
@db_option
def redact_command(since: str | None, session: str | None, dry_run: bool, as_json: bool, db: str | None) -> None:
    """Mask what today's rules find in what is stored already, raw included.

    Texts get [redacted:NAME], terminal bytes stars of the same length; every other row stays as it is. Sessions that are being
    recorded are left alone. The agents' own files and what was exported are not touched.
    """
    if not (since or session):
        raise click.UsageError("Say what: --since WHEN, --session SESSION, or both")
    places = places_of(db)
    load_settings(places)
    after = moment(since) if since else ""
    chosen, live = sessions_of(places, after, session)
    writer = open_writer(places.db)
    with explained(places.db), bar("redacting", len(chosen)) as advance:
        counts, refs = redact(writer, chosen, None if session else after, dry_run, lambda: advance(1))
        if counts and not dry_run:
            for key in chosen:
                remove_spool(places, key)
            compact.compact(writer, places.db)
    writer.close()
    lost = [] if dry_run else drop(refs)
    if as_json:
        print_json({"sessions": len(chosen), "recorded_now": live, "dry_run": dry_run, "rows": dict(sorted(counts.items()))})
        return
    told = ", ".join(f"{count} {table}" for table, count in sorted(counts.items())) or "nothing to redact"
    click.echo(f"{'would redact' if dry_run else 'redacted'} in {len(chosen)} sessions: {told}", err=True)
    if live:
        click.echo(f"{live} being recorded left alone; stop them first: procy stop", err=True)
    for one in lost:
        click.echo(f"a snapshot's ref stays in {one.git_dir}: git update-ref -d {one.ref}", err=True)


def moment(text: str) -> str:
    if re.match(r"\d{4}-\d\d-\d\d", text):
        try:
            return iso(int(datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone().timestamp()) * 1_000_000_000)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is no date", param_hint="--since") from error
    return iso(time.time_ns() - DURATION.convert(text, None, None) * 1_000_000_000)


def sessions_of(places: Places, since: str, session: str | None) -> tuple[list[str], int]:
    """The sessions that are over, and how many are not."""
    with open_reader(places.db) as connection:
        if session:
            found = read.find_session(connection, session)["id"]
            check_ended(connection, places, found)
            return below(connection, found), 0
        rows = connection.execute(
            "SELECT id, status IN ('recording', 'paused') FROM sessions WHERE coalesce(ended_at, '9') >= ? ORDER BY started_at",
            (since,),
        ).fetchall()
    over = [key for key, live in rows if not live and Spool(Path(places.spool) / key).wanted() in ("", "done")]
    return over, len(rows) - len(over)
