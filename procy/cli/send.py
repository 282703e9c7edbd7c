"""``procy send``."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from procy.act.composer import is_command
from procy.act.proof import answered_turn
from procy.act.queue import turn_to_send
from procy.act.send import Delivery, deliver, said_of
from procy.act.target import Target, find_target
from procy.cli.common import db_option, json_option, pane_here, places_of, print_json, printable
from procy.errors import PaneRefuses
from procy.places import Places
from procy.recording.start import start_sidecar
from procy.store.read import short

FOR_EVER = 10 * 365 * 86400.0
MOMENT_S = 2.0


@click.command("send")
@click.option(
    "-t", "--target", default="", metavar="PANE", help="Pane or session to send to (default: this pane, else the last)."
)
@click.option("-f", "--file", type=click.File("r", encoding="utf-8", errors="replace"), help="Send what is in a file.")
@click.option("--queue", is_flag=True, help="Where the agent is busy or asks: wait until it is ready, then send.")
@click.option("--wait", is_flag=True, help="Return when the agent has answered, with the answer.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="End the waiting, not the run, after so long.")
@click.option("--any-program", is_flag=True, help="Also to a program that is no known agent; never to a shell.")
@json_option
@db_option
@click.argument("text", nargs=-1)
def send_command(  # noqa: PLR0913
    target: str,
    file: Any,
    queue: bool,
    wait: bool,
    timeout: float | None,
    any_program: bool,
    as_json: bool,
    db: str | None,
    text: tuple[str, ...],
) -> int:
    """Type a prompt into a recorded agent's pane and send it.

    \b
    procy send -t %3 "fix the failing test"
    git diff | procy send --wait --json
    procy send --queue --wait --timeout 600 -f prompt.md

    Refused while the agent is busy or asks, while somebody types there, and where no agent runs. What is said at the end is
    what was seen: by the agent's own transcript or hook, else by its screen.
    """
    prompt = read_text(text, file)
    places = places_of(db)
    found = find_target(places, target or agent_here(places, db) or "last", any_program)
    start_sidecar(places)
    patience = FOR_EVER if timeout is None else timeout
    until = time.monotonic() + patience
    with turn_to_send(found, patience if queue else MOMENT_S):
        delivery = deliver(found, prompt, patience_s=until - time.monotonic() if queue else 0.0)
    if not wait:
        report(found, delivery, as_json)
        return 0
    if delivery.proof == "screen" and is_command(prompt.strip()):
        report(found, delivery, as_json)
        click.echo(f"{found.program} took it as a command of its own, which has no answer", err=True)
        return 0
    return report_answer(found, delivery, until, as_json)


def agent_here(places: Places, db: str | None) -> str:
    """The pane that this was opened over, where an agent is recorded in it; "" where this very command runs in it."""
    pane = pane_here(db)
    try:
        return find_target(places, pane).name if pane else ""
    except PaneRefuses:
        return ""


def read_text(words: tuple[str, ...], file: Any) -> str:
    """From the arguments, the file, or what is piped in."""
    if words and file:
        raise click.UsageError("give the text, or a file with it, not both")
    if file:
        return str(file.read())
    if words and words != ("-",):
        return " ".join(words)
    if sys.stdin.isatty():
        raise click.UsageError("give the text, or pipe it in")
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def report(target: Target, delivery: Delivery, as_json: bool) -> None:
    if as_json:
        print_json(outcome(target, delivery))
    else:
        click.echo(said_of(target, delivery), err=True)


def outcome(target: Target, delivery: Delivery) -> dict[str, Any]:
    return {"pane": target.name, "session": target.session_id, "injection": delivery.injection_id, "proof": delivery.proof}


def report_answer(target: Target, delivery: Delivery, until: float, as_json: bool) -> int:
    """Print the answer; exit status 1 when there is none ``until`` then, by the monotonic clock."""

    def ask(question: str) -> None:
        click.echo(f"procy: {target.program} asks ({printable(question)}); answer it: procy answer -t {target.name}", err=True)

    turn = answered_turn(target, delivery.injection_id, until - time.monotonic(), ask)
    if as_json:
        print_json({**outcome(target, delivery), "turn": turn and turn_as_json(turn)})
    elif turn:
        click.echo(printable(turn["response"]))
        click.echo(f"turn {short(turn['id'])} of pane {target.name}: {turn['status']}", err=True)
    if turn is None:
        click.echo(f"procy: no answer in that time; it goes on. See it with: procy show {target.name}", err=True)
    return 0 if turn else 1


def turn_as_json(turn: dict[str, Any]) -> dict[str, Any]:
    wanted = ("id", "session_id", "seq", "status", "error", "model", "started_at", "ended_at", "input_tokens", "output_tokens",
              "cost_usd", "response")  # fmt: skip
    return {name: turn[name] for name in wanted}
