"""``procy copy``."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence

import click

from procy.capture.tmux import Tmux, current_socket
from procy.cli.common import db_option, json_option, one_line, pane_here, print_json, reader, session_argument, table
from procy.cli.show import find
from procy.errors import HandleError, ProcyError
from procy.popups.copy import Copyable, choose, copyables, first_line
from procy.popups.pane import BUFFER
from procy.store.read import turn_with_answer


@click.command("copy", context_settings={"ignore_unknown_options": True})
@session_argument("handle", default=None)
@click.option("-t", "--target", default="", metavar="PANE", help="Of the session in this pane.")
@click.option("--answer", "what", flag_value="answer", help="The whole last answer, without asking.")
@click.option("--all", "what", flag_value="all", help="All its code blocks, one after another.")
@click.option("--list", "what", flag_value="list", help="Print what can be copied.")
@click.option("--code", type=click.IntRange(min=1), metavar="N", help="Its code block with that number.")
@json_option
@db_option
def copy_command(handle: str | None, target: str, what: str | None, code: int | None, as_json: bool, db: str | None) -> None:
    """Copy the last answer, or a code block of it, to tmux and the clipboard.

    On a terminal one chooses from a list. SESSION may be a turn too, as last:3. Outside tmux it is printed.
    """
    with reader(db) as connection:
        found = copyables(the_turn(connection, handle or target or pane_here(db) or "last"))
    if as_json:
        print_json([one._asdict() for one in found])
    elif what == "list":
        show(found)
    elif code or what:
        say(copy(picked(found, what, code)))
    elif sys.stdin.isatty() and sys.stdout.isatty():
        choose(found, copy_or_tell)
    else:
        say(copy(picked(found, "answer", None)))


def the_turn(connection: sqlite3.Connection, handle: str) -> sqlite3.Row:
    """The turn that is meant, or the last of the session that has an answer."""
    session, turns = find(connection, handle, 1)
    turn = turn_with_answer(connection, session["id"]) if session else turns[0]
    if turn is None:
        raise HandleError(f"no answer in session {handle!r} yet", "Wait for it, or name another one: procy sessions")
    return turn


def picked(found: Sequence[Copyable], what: str | None, code: int | None) -> Copyable:
    blocks = [one for one in found if one.what == "code"]
    if what == "answer" and found[0].what == "answer":
        return found[0]
    if what == "all" and blocks:
        return Copyable("code", "", "\n\n".join(one.text for one in blocks))
    if code and code <= len(blocks):
        return blocks[code - 1]
    number = f"number {code}" if code and blocks else ""
    missing = "answer" if what == "answer" else f"code block {number}".rstrip()
    raise HandleError(f"the turn has no {missing}", "See what it has: procy copy --list")


def show(found: Sequence[Copyable]) -> None:
    numbers = iter(range(1, len(found)))
    rows = [
        {
            "CODE": str(next(numbers)) if one.what == "code" else "",
            "WHAT": one.name,
            "LINES": str(one.lines),
            "BEGINS": one_line(first_line(one.text), 60),
        }
        for one in found
    ]
    table(rows, ("CODE", "WHAT", "LINES", "BEGINS"))


def copy(one: Copyable) -> str:
    """To tmux and the clipboard, or outside tmux to standard output; returns what to say about it."""
    if not current_socket():
        click.echo(one.text)
        return ""
    Tmux(current_socket()).load_buffer(BUFFER, one.text, clipboard=True)
    return f"copied {one.lines} line{'' if one.lines == 1 else 's'}"


def copy_or_tell(one: Copyable) -> str:
    """For the list, which stays when there is something to tell. Outside tmux there is nothing it could copy to."""
    if not current_socket():
        return "outside tmux there is no clipboard to copy to; print it with --answer or --code N"
    try:
        copy(one)
    except ProcyError as error:
        return str(error)
    return ""


def say(text: str) -> None:
    if text:
        click.echo(text, err=True)
