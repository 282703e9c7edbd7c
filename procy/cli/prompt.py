"""``procy prompt``."""

from __future__ import annotations

import os
import shlex

import click

from procy.cli.common import db_option, needs_terminal, places_of
from procy.places import make_home


@click.command("prompt", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-t", "--target", default="", metavar="PANE", help="Pane that the commands concern (default: this one).")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@db_option
@click.pass_context
def prompt_command(ctx: click.Context, target: str, words: tuple[str, ...], db: str | None) -> None:
    """Type procy commands over a pane: record, status, show last, and whatever else follows procy in a shell.

    A leading ! is taken as well, with the commands of the first procy. WORDS stand on the line already. Its history is a file
    of its own in PROCY_HOME; Tab completes.
    """
    from procy.popups.prompt import CommandPrompt

    needs_terminal("in a shell, type the command itself")
    places = places_of(db)
    make_home(places)
    pane = {"TMUX_PANE": target} if target else {}
    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    history = os.path.join(places.beside_spool, "prompt_history")
    CommandPrompt(group, {**os.environ, **places.environment, **pane}, history).run(f"{shlex.join(words)} " if words else "")
