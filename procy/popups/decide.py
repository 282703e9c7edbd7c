"""Saying what becomes of a prompt that a run with ``--ask`` wants to send."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import textwrap

import click

from procy.errors import ProcyError
from procy.learn.verdict import give, longest_waiting, waiting
from procy.places import Places
from procy.popups.editor import edit
from procy.popups.pager import page
from procy.store import runs
from procy.store.runs import Row

KEYS = {"\r": "approved", "\n": "approved", "s": "approved", "e": "edited", "v": "vetoed"}


def undecided(connection: sqlite3.Connection, handle: str) -> Row:
    """The try that is meant, else the one that has waited longest. Raises HandleError."""
    if not handle:
        return longest_waiting(connection)
    return waiting(runs.find_try(connection, handle, runs.find_run(connection, cwd=os.path.realpath(os.getcwd()))))


def decide(places: Places, row: Row, verdict: str, to: str | None, note: str) -> str:
    """Pass the verdict on; without one, show the prompt and ask for a key. Returns what was done, in words."""
    if not verdict:
        verdict = asked(row)
    if verdict == "edited" and to is None:
        to = edited(row)
    if not verdict:
        return "left; it waits on: procy evolve decide"
    return give(places, row, verdict, to or "", note)


def asked(row: Row) -> str:
    """By one key; "" for any other. Raises ProcyError without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ProcyError("nobody can be asked here", "Say it: procy evolve decide --send, --veto or --to TEXT")
    while True:
        show(row)
        key = click.getchar()
        click.echo()
        if key != "p":
            return KEYS.get(key, "")
        page([row["prompt"]], at_end=False)


def show(row: Row) -> None:
    """As much of the prompt as there is room for, above the keys."""
    width, height = shutil.get_terminal_size()
    lines = [part for line in row["prompt"].splitlines() for part in textwrap.wrap(line, width - 2) or [""]]
    room = max(height - 5, 3)
    keys = {"enter": "send", "e": "edit", "v": "veto", "esc": "later"}
    if len(lines) > room:
        lines = [*lines[: room - 1], click.style(f"… {len(lines) - room + 1} more lines", dim=True)]
        keys = {"p": "read all", **keys}
    click.clear()
    click.secho(f" try {row['seq']}: this prompt would be sent ".ljust(width - 1), reverse=True)
    click.echo("\n".join(f" {line}" for line in lines))
    click.echo("\n " + "  ".join(f"{click.style(key, bold=True)} {what}" for key, what in keys.items()), nl=False)


def edited(row: Row) -> str:
    """What the human's editor makes of it; the prompt itself where it was left without saving."""
    found = edit(str(row["prompt"]))
    return str(row["prompt"]) if found is None else found.rstrip("\n")
