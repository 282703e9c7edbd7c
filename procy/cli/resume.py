"""``procy resume``."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence

import click

from procy.capture.tmux import Tmux, current_socket
from procy.cli.common import as_dicts, db_option, json_option, places_of, print_json, reader, table
from procy.errors import ProcyError
from procy.places import Places, make_home
from procy.recording import start
from procy.recording.bring_back import bring_back, offer
from procy.recording.restore import record_again, settle
from procy.store.db import iso, open_writer
from procy.store.read import short
from procy.store.resumable import decline, resumable
from procy.store.write import written
from procy.ui.words import ago, home_short, one_line

QUESTION = "Resume: number(s), a(ll), x NUMBER not to be asked again, q(uit)"


@click.command("resume")
@click.option("--list", "only_list", is_flag=True, help="List them and ask nothing.")
@click.option(
    "--restored", is_flag=True, help="After tmux was restored: record again what was recorded, say what can be resumed."
)
@click.option("--started", is_flag=True, help="After tmux was started: the same; where tmux-resurrect is, only say it.")
@json_option
@db_option
def resume_command(only_list: bool, restored: bool, started: bool, as_json: bool, db: str | None) -> None:
    """Go on with agents that were cut off when tmux or the machine went down.

    Each comes back in the idle shell where it was, else in a new window, recorded as the session that it was.
    """
    places = places_of(db)
    make_home(places)
    open_writer(places.db).close()
    with reader(db) as connection:
        settle(places, connection)
        if restored or started:
            tmux = start.here()
            if restored or not has_resurrect(tmux):
                record_again(places, tmux, connection)
            offer(tmux, len(resumable(connection)))
            return
        rows = resumable(connection)
        if as_json:
            print_json(as_dicts(rows))
        elif not rows:
            click.echo("No agent was cut off.", err=True)
        else:
            show(rows)
            if not only_list and sys.stdin.isatty():
                ask(places, connection, rows)


def has_resurrect(tmux: Tmux) -> bool:
    """Whether tmux-resurrect is loaded: it replaces the first pane by those that it restores, so their time comes then."""
    return bool(tmux.option("@resurrect-restore-script-path"))


def show(rows: Sequence[sqlite3.Row]) -> None:
    home = os.path.expanduser("~")
    table(
        [
            {
                "#": str(number),
                "ID": short(row["id"]),
                "AGENT": row["agent"],
                "AGO": ago(row["ended_at"] or iso(row["cut_ns"])).removesuffix(" ago"),
                "WHERE": one_line(home_short(row["place_cwd"], home), 30),
                "NAME": one_line(row["name"], 20),
                "LAST PROMPT": one_line(row["last_prompt"], 40),
            }
            for number, row in enumerate(rows, 1)
        ],
        ("#", "ID", "AGENT", "AGO", "WHERE", "NAME", "LAST PROMPT"),
    )


def ask(places: Places, connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    """Let the user choose, until an answer is understood."""
    while True:
        answer = read_answer(click.prompt(QUESTION, default="q", show_default=False), len(rows))
        if answer is not None:
            break
        click.echo("That is none of them.", err=True)
    declined, numbers = answer
    chosen = [rows[number - 1] for number in numbers]
    if declined:
        with written(places.db) as writer:
            decline(writer, [row["id"] for row in chosen], time.time_ns())
    else:
        resume(places, connection, chosen)


def read_answer(text: str, count: int) -> tuple[bool, list[int]] | None:
    """(whether to decline, which numbers) of ``2``, ``1 3``, ``a``, ``x 2``, ``x`` (all), ``q``; None for anything else."""
    declined = text.lower().startswith("x")
    words = text[1:].split() if declined else text.split()
    if words in (["q"], ["Q"]):
        return False, []
    if words in (["a"], ["A"]) or (declined and not words):
        return declined, list(range(1, count + 1))
    if words and all(re.fullmatch(r"[1-9]\d{0,3}", word) and int(word) <= count for word in words):
        return declined, list(dict.fromkeys(map(int, words)))
    return None


def resume(places: Places, connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    if not current_socket():
        resume_outside(places, rows)
        return
    tmux = start.here()
    for row in rows:
        try:
            pane = bring_back(places, tmux, connection, row, behind=len(rows) > 1)
            click.echo(f"{short(row['id'])} goes on in pane {pane.pane_id}", err=True)
        except ProcyError as error:  # the others are to come back all the same
            click.echo(f"procy: {error}", err=True)


def resume_outside(places: Places, rows: Sequence[sqlite3.Row]) -> None:
    """Each in a tmux session of its own; the last one is attached."""
    os.environ.update(places.environment)
    command = [sys.executable, "-m", "procy", "record", "--resume"]
    for row in rows[:-1]:
        subprocess.run([*command, row["id"], "--detached"], check=False)
    if rows:
        os.execv(command[0], [*command, rows[-1]["id"]])
