"""``procy forget``: a session or a turn taken out for good."""

from __future__ import annotations

import sqlite3
import sys
import time
from typing import Any

import click

from procy.cli.common import db_option, json_option, one_line, places_of, print_json, reader, session_argument
from procy.cli.show import find
from procy.recording.forget import Left, await_end, below, check_ended, forget_session, forget_turn
from procy.settings import load_settings
from procy.store import compact, read
from procy.store.db import explained, open_writer

SHOWN = 8  # offsets


@click.command("forget", context_settings={"ignore_unknown_options": True})
@session_argument("handle", default=None)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@db_option
def forget_command(handle: str | None, yes: bool, as_json: bool, db: str | None) -> None:
    """Remove a session or a turn for good, raw bytes included, and list the exports it was in.

    A turn is named as last:3 or %3:-1. Of a session everything goes, its sub-agents' sessions too; of a turn its rows, its
    transcript lines and its part of the terminal, and every other turn stays as it is. The agent's own files are not touched.
    """
    if handle is None:
        raise click.UsageError("Say what: a SESSION, or a turn as SESSION:NUMBER")
    places = places_of(db)
    with reader(db) as connection:
        session, turns = find(connection, handle, 1)
        session_id = session["id"] if session else turns[0]["session_id"]
        await_end(places, session_id)
        check_ended(connection, places, session_id)
        what = described(connection, session, turns)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Forget {what}? This cannot be undone", abort=True, err=True)
    elif not yes:
        raise click.UsageError("this cannot be undone; where nobody can be asked, say --yes")
    writer = open_writer(places.db)
    with explained(places.db):
        if session:
            left = forget_session(writer, places, session["id"], time.time_ns())
        else:
            left = forget_turn(writer, places, turns[0]["id"], load_settings(places), time.time_ns())
        compact.compact(writer, places.db)
    writer.close()
    if as_json:
        print_json({"forgotten": what, **as_json_of(left)})
        return
    click.echo(f"forgot {what}", err=True)
    tell(left)


def described(connection: sqlite3.Connection, session: sqlite3.Row | None, turns: list[sqlite3.Row]) -> str:
    if session is None:
        turn = turns[0]
        return f"turn {read.short(turn['session_id'])}:{turn['seq']}, “{one_line(turn['prompt'], 50)}”"
    others = len(below(connection, session["id"])) - 1
    more = f" and {others} of sub-agents" if others else ""
    return f"session {read.short(session['id'])} ({session['name'] or session['agent']}, {session['turns']} turns){more}"


def as_json_of(left: Left) -> dict[str, Any]:
    exports = [{"kind": kind, "path": path, "created_at": at} for kind, path, at in left.exports]
    return {"exports": exports, "agent_files": left.files, "sharing_sessions": left.sessions, "shown_at": left.offsets,
            "refs": left.refs}  # fmt: skip


def tell(left: Left) -> None:
    """Where it may still be: to be dealt with by hand."""
    if left.exports:
        click.echo("It was exported to:")
        for kind, path, at in left.exports:
            click.echo(f"  {path or 'standard output'}  ({kind}, {at[:16].replace('T', ' ')} UTC)")
    if left.files:
        click.echo("The agent's own files still hold it:")
        for path in left.files:
            click.echo(f"  {path}")
    if left.sessions:
        names = ", ".join(map(read.short, left.sessions))
        click.echo(f"Sessions that go on from it hold what they share with it: {names}")
    if left.refs:
        click.echo("git keeps what was tried, with the prompt, or could not be reached (remove it: git update-ref -d REF):")
        for ref in left.refs:
            click.echo(f"  {ref}")
    if left.offsets:
        places = ", ".join(map(str, left.offsets[:SHOWN])) + (" …" if len(left.offsets) > SHOWN else "")
        click.echo(f"The terminal still shows some of it, drawn at another time (offsets {places}).")
        click.echo("To remove that too, forget the whole session: procy forget SESSION")
