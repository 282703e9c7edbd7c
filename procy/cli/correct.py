"""``procy correct``."""

from __future__ import annotations

import getpass
import sqlite3
import time
from typing import Any, NamedTuple

import click

from procy.act.interrupt import interrupt, take_back
from procy.act.queue import turn_to_send
from procy.act.send import deliver, said_of
from procy.act.target import Target, find_target
from procy.capture.tmux import current_socket
from procy.cli.common import db_option, places_of, reader
from procy.errors import HandleError
from procy.learn.correct import delete, keep
from procy.places import Places
from procy.popups.editor import edit, find_editor
from procy.recording.start import find_spool
from procy.store import corrections
from procy.store.corrections import Pair
from procy.store.read import find_session, find_turn, short
from procy.store.write import written

MOMENT_S = 2.0
SCISSORS = "# ------------------------ >8 ------------------------"
TRAILER = f"""

{SCISSORS}
# Above: the prompt as it should have been. Unchanged, or empty: nothing is kept.
# Below: what was wrong with it, if you like to say.
"""


class Corrected(NamedTuple):
    """What a human made of a prompt, and why."""

    prompt: str
    note: str


@click.command("correct")
@click.argument("turn", default="last")
@click.option("-t", "--target", default="", metavar="PANE", help="Pane whose last prompt is meant, where no TURN is named.")
@click.option("--send", is_flag=True, help="Interrupt the agent if it works on that prompt, and send the corrected one.")
@click.option("--to", metavar="TEXT", help="The corrected prompt (default: edit it in $EDITOR).")
@click.option("--note", default="", help="What was wrong with it.")
@click.option("--undo", is_flag=True, help="Delete the correction that counts; the one before it counts again.")
@db_option
def correct_command(turn: str, target: str, send: bool, to: str | None, note: str, undo: bool, db: str | None) -> None:
    """Correct a prompt, and keep both: the one that was sent, and the one that should have been.

    Without TURN, or with last: the last prompt that procy sent in the pane, else the last that a human did. What is kept is what
    a better proxy model learns from.
    """
    places, turn = places_of(db), "" if turn == "last" else turn
    found = find_target(places, target) if send and (target or not turn) else None
    with reader(db) as connection:
        row = find_turn(connection, turn) if turn else turn_meant(connection, session_meant(places, connection, target), send)
        earlier = corrections.standing(connection, row["id"], row["try_id"])
    if undo:
        take_back_correction(places, row["id"], earlier)
        return
    if send and found is None:
        found = find_target(places, row["session_id"])
    if to is None:
        find_editor()  # before anything is interrupted
    begun = earlier["chosen"] if earlier else row["prompt"]
    unchanged = ("", begun.strip(), row["prompt"].strip())
    if found and found.look().state in ("busy", "waiting") and (to is None or to.strip() not in unchanged):
        interrupt(found)
    corrected = Corrected(to, note) if to is not None else edited(begun, note)
    if corrected.prompt.strip() in unchanged:
        click.echo("nothing was corrected", err=True)
        return
    pair = Pair(row["id"], row["try_id"], row["prompt"], corrected.prompt, corrected.note, getpass.getuser())
    with written(places.db) as connection:
        correction_id = keep(connection, time.time_ns(), pair)
    click.echo(f"kept as correction {short(correction_id)} of turn {short(row['id'])}", err=True)
    if found:
        resend(found, row["prompt"], corrected.prompt)


def take_back_correction(places: Places, turn_id: str, standing: Any) -> None:
    """Raises HandleError where there is none."""
    if standing is None:
        raise HandleError(f"turn {short(turn_id)} has no correction that counts", "See what was corrected: procy history")
    with written(places.db) as connection:
        delete(connection, time.time_ns(), standing["id"])
    click.echo(f"deleted correction {short(standing['id'])} of turn {short(turn_id)}; the pages can restore it", err=True)


def session_meant(places: Places, connection: sqlite3.Connection, target: str) -> str:
    """The session that is recorded in that pane, else the last one."""
    if target or current_socket():
        return find_spool(places, target).session_id
    return str(find_session(connection, "last")["id"])


def turn_meant(connection: sqlite3.Connection, session_id: str, send: bool) -> Any:
    """The turn that one would correct; to be sent again, the one that the agent works on."""
    row = corrections.wanting(connection, session_id, running=send)
    if row is None:
        raise HandleError(f"session {short(session_id)} has no prompt yet", "See the others: procy history")
    return row


def edited(prompt: str, note: str) -> Corrected:
    """What the human's editor makes of it; the prompt itself where it was left without saving."""
    text = edit(prompt + TRAILER + note)
    if text is None:
        return Corrected(prompt, note)
    above, _, below = text.partition(SCISSORS)
    lines = [line for line in below.splitlines() if not line.startswith("#")]
    return Corrected(above.rstrip("\n"), "\n".join(lines).strip())


def resend(target: Target, rejected: str, chosen: str) -> None:
    """Send the corrected prompt in place of the one that the agent may have put back into its composer."""
    with turn_to_send(target, MOMENT_S):
        take_back(target, rejected)
        delivery = deliver(target, chosen, human=True)
    click.echo(said_of(target, delivery), err=True)
