"""``procy answer``."""

from __future__ import annotations

import sys

import click

from procy.act.answer import choose, waiting_targets
from procy.act.target import Target, find_target
from procy.capture.tmux import Tmux
from procy.cli.common import db_option, places_of, printable
from procy.errors import HandleError, ProcyError
from procy.places import Places
from procy.recording.start import here
from procy.store.db import open_reader


@click.command("answer")
@click.option("-t", "--target", default="", metavar="PANE", help="Pane whose question is meant (default: the longest wait).")
@click.option("--yes", "word", flag_value="yes", help="Allow it, this once.")
@click.option("--always", "word", flag_value="always", help="Allow it, and the like from now on.")
@click.option("--no", "word", flag_value="no", help="Refuse it.")
@click.option("--choice", type=click.IntRange(1, 9), help="Take the answer with that number.")
@db_option
def answer_command(target: str, word: str | None, choice: int | None, db: str | None) -> None:
    """Answer a question that a recorded agent asks, without going to its pane.

    Shows what is asked, the agent's screen and its answers; with one of the options it answers at once.
    """
    places = places_of(db)
    if word or choice:
        answer_at_once(asking_target(places, target), word, choice)
    elif sys.stdin.isatty() and sys.stdout.isatty():
        show_questions(places, target)
    else:
        raise click.UsageError("say which answer: --yes, --always, --no or --choice N")


def asking_target(places: Places, handle: str) -> Target:
    """The pane that is meant, or the one that has waited longest."""
    if handle:
        return find_target(places, handle, any_program=True)
    found = next(waiting_targets(places, here()), None)
    if found is None:
        raise HandleError("no recorded pane asks anything", "See what is recorded: procy status")
    return found


def answer_at_once(target: Target, word: str | None, choice: int | None) -> None:
    look = target.look()
    if look.dialog is None:
        raise HandleError(f"pane {target.name} asks nothing that can be answered from here", "Look at it there")
    options = look.dialog.options
    option = look.dialog.option(word) if word else next((one for one in options if one.number == choice), None)
    if option is None:
        offered = "; ".join(f"{one.number} {one.text}" for one in options)
        raise HandleError(f"{printable(look.dialog.question)} has no such answer", f"Choose by number: {printable(offered)}")
    choose(target, look.dialog, option)
    click.echo(f"{target.program} in pane {target.name}: {printable(option.text)}", err=True)


def show_questions(places: Places, handle: str) -> None:
    """One question after the other, that of the pane first, as long as they are answered."""
    tmux = here()
    asked = [found for found in waiting_targets(places, tmux) if found.name == handle] or list(waiting_targets(places, tmux))
    if not asked:
        ask_of_runs(places, tmux)
        return
    from procy.popups.answer import AnswerPopup

    while asked:
        outcome = AnswerPopup(asked[0], len(asked) - 1).run()
        if outcome == "go":
            tmux.run("switch-client", "-t", asked[0].name)
        if outcome not in ("answered", "gone"):
            return
        asked = [found for found in waiting_targets(places, tmux) if found.name != asked[0].name]


def ask_of_runs(places: Places, tmux: Tmux) -> None:
    """No agent asks; maybe a run of ``procy evolve --ask`` does."""
    from procy.popups.decide import decide, undecided

    try:
        with open_reader(places.db) as connection:
            row = undecided(connection, "")
    except ProcyError:
        tell(tmux, "procy: no agent waits for an answer")
    else:
        tell(tmux, f"procy: {decide(places, row, '', None, '')}")


def tell(tmux: Tmux, text: str) -> None:
    """A line in the status bar of whoever asked."""
    tmux.run("display-message", text)
