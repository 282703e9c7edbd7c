"""``procy summary``."""

from __future__ import annotations

import os
import shutil
import sys
import termios
import tty
from collections.abc import Iterator
from dataclasses import asdict

import click

from procy.cli.common import db_option, json_option, one_line, pane_here, print_json, reader, session_argument
from procy.store.read import find_session, short
from procy.store.summary import Summary, summary_of
from procy.ui import words

FILES, PROMPTS, TOOLS = 5, 3, 6
LABEL = 9  # columns


@click.command("summary", context_settings={"ignore_unknown_options": True})
@session_argument(default=None)
@click.option("-t", "--target", default="", metavar="PANE", help="The session in this pane.")
@click.option("--wait", is_flag=True, help="Wait for a key afterwards, as a popup wants it.")
@json_option
@db_option
def summary_command(session: str | None, target: str, wait: bool, as_json: bool, db: str | None) -> None:
    """Sum up a session: time, turns, tokens, files, tools, last prompts. Without SESSION the last one."""
    with reader(db) as connection:
        summary = summary_of(connection, find_session(connection, session or target or pane_here(db) or "last"))
    if as_json:
        print_json(asdict(summary))
        return
    for line in lines_of(summary):
        click.echo(line)
    if wait and sys.stdin.isatty():
        wait_for_key()


def wait_for_key() -> None:
    """One that is pressed before it is asked for counts, too; ``click.pause`` would throw it away."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSANOW)
    try:
        click.echo(click.style("\n any key", dim=True))
        os.read(terminal, 64)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def lines_of(one: Summary) -> Iterator[str]:
    """At most 22 lines of 80 columns."""
    state = one.status if one.status != "recording" else one.state or "recording"
    agent = f"  {one.agent}" if one.name else ""
    yield click.style(f" {one_line(one.name or one.agent, 50)}", bold=True) + click.style(f"{agent}  {short(one.id)}", dim=True)
    yield click.style(f" {one_line(place(one), 76)}", dim=True)
    yield ""
    span = (
        f"{words.clock(one.started_at)} to {words.clock(one.ended_at)}"
        if one.ended_at
        else f"since {words.clock(one.started_at)}"
    )
    yield row("time", f"{words.duration(one.duration_ms)}", f"{span}, {state}")
    counts = ", ".join(f"{count} {status}" for status, count in one.turns.items())
    yield row("turns", str(sum(one.turns.values())), counts)
    cost = words.dollars(one.cost_usd)
    yield row(
        "tokens", " ".join(f"{words.tokens(count)} {name}" for name, count in one.tokens.items() if count) or "not told", cost
    )
    yield row("tools", str(sum(count for count, _ in one.tools.values())), tools_text(one))
    yield row("files", str(len(one.files)), "" if one.files else "none changed")
    for path, (added, removed) in list(one.files.items())[:FILES]:
        yield (
            " " * LABEL
            + "  "
            + click.style(f"+{added}", fg="green")
            + click.style(f" −{removed}", fg="red")
            + f"  {below(path, one)}"
        )
    if len(one.files) > FILES:
        yield " " * LABEL + click.style(f"  and {len(one.files) - FILES} more", dim=True)
    yield ""
    room = min(shutil.get_terminal_size().columns, 80) - LABEL - 3
    for seq, prompt in one.prompts[-PROMPTS:]:
        yield row(f"#{seq}", click.style(one_line(prompt, room), fg="green"))
    if one.answer:
        yield row("said", one_line(one.answer, room))


def row(label: str, value: str, more: str = "") -> str:
    return click.style(label.rjust(LABEL), dim=True) + f"  {value}" + click.style(f"  {more}" if more else "", dim=True)


def place(one: Summary) -> str:
    branch = f"  {one.branch}" if one.branch else ""
    return words.home_short(one.cwd, os.path.expanduser("~")) + branch


def below(path: str, one: Summary) -> str:
    return one_line(words.below(path, one.cwd), 50)


def tools_text(one: Summary) -> str:
    """``Bash 12 (2 failed), Edit 4``"""
    parts = [f"{name} {count}" + (f" ({failed} failed)" if failed else "") for name, (count, failed) in one.tools.items()]
    more = f", and {len(parts) - TOOLS} more" if len(parts) > TOOLS else ""
    return one_line(", ".join(parts[:TOOLS]) + more, 60)
