"""``procy scrollback``."""

from __future__ import annotations

import shutil
import sys

import click

from procy.cli.common import db_option, pane_here, reader, session_argument
from procy.store.read import find_session

WIDEST = 120  # columns; longer lines are hard to read


@click.command("scrollback", context_settings={"ignore_unknown_options": True})
@session_argument(default=None)
@click.option("-t", "--target", default="", metavar="PANE", help="The session in this pane.")
@click.option("--terminal", is_flag=True, help="What stood on the terminal, instead of the conversation.")
@db_option
def scrollback_command(session: str | None, target: str, terminal: bool, db: str | None) -> None:
    """Scroll back through a session in a pager: prompts, answers, tool calls.

    It shows the conversation of agents that draw on the alternate screen as well, which tmux keeps nothing of. It begins at
    the end; / searches.
    """
    from procy.popups import scrollback
    from procy.popups.pager import page

    tty = sys.stdout.isatty()
    width = min(shutil.get_terminal_size().columns, WIDEST)
    with reader(db) as connection:
        row = find_session(connection, session or target or pane_here(db) or "last")
        texts = (
            scrollback.terminal(connection, row["id"])
            if terminal
            else scrollback.conversation(connection, row, width, colour=tty)
        )
        if tty and sys.stdin.isatty():
            page(texts, at_end=True)
        else:
            for text in texts:
                click.echo(text, nl=False)
