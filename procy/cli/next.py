"""``procy next``: to the pane that waits for a human. A key is bound to it, so it imports no more than it needs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

import click

from procy.errors import TmuxError

SHOWN_MS = "4000"
CLIENTS = "client\t#{client_name}\t#{session_id}\t#{pane_id}"
PANES = "pane\t#{session_id}\t#{window_id}\t#{pane_id}\t#{@procy_state}\t#{@procy_since}"


class Place(NamedTuple):
    """A recorded pane, in one of the sessions that show its window. ``since``: Unix seconds."""

    session: str
    window: str
    pane: str
    state: str
    since: int


class Client(NamedTuple):
    """A terminal that shows tmux, and what it shows."""

    name: str
    session: str
    pane: str


@click.command("next")
@click.option("-c", "--client", default="", metavar="CLIENT", help="Client to take there (default: the one you are at).")
def next_command(client: str) -> None:
    """Go to the pane that has waited longest for you; again: to the one after it.

    When none waits, to one in error. Panes of other windows and sessions included.
    """
    clients, places, current = look()
    who = clients.get(client or current)
    if who is None:
        raise TmuxError(f"no client {client!r} is attached" if client else "no client is attached", "See: tmux list-clients")
    place = choose(places, who)
    if place is None:
        say(who, "procy: no pane waits")
    elif place.pane != who.pane:
        tmux("switch-client", "-c", who.name, "-t", f"{place.session}:{place.window}.{place.pane}")


def look() -> tuple[dict[str, Client], list[Place], str]:
    """Clients by name, recorded panes, and the name of the client that we were called from."""
    lines = tmux(
        "list-clients", "-F", CLIENTS, ";", "list-panes", "-a", "-F", PANES, ";", "display-message", "-p", "#{client_name}"
    )
    rows = [line.split("\t") for line in lines]
    clients = {row[1]: Client(*row[1:]) for row in rows if row[0] == "client"}
    panes = [row[1:] for row in rows if row[0] == "pane"]
    places = [Place(session, window, pane, state, int(since or 0)) for session, window, pane, state, since in panes if state]
    return clients, places, lines[-1] if lines else ""


def choose(places: Sequence[Place], client: Client) -> Place | None:
    """The one after the client's pane among those that wait, oldest first; the oldest where it is at none of them."""
    for state in ("waiting", "error"):
        by_pane: dict[str, Place] = {}
        for place in places:
            if place.state == state and (place.pane not in by_pane or place.session == client.session):
                by_pane[place.pane] = place
        found = sorted(by_pane.values(), key=lambda place: (place.since, int(place.pane[1:])))
        if found:
            after = [number for number, place in enumerate(found, 1) if place.pane == client.pane]
            return found[after[0] % len(found) if after else 0]
    return None


def say(client: Client, text: str) -> None:
    """In the client's status line. tmux 3.2 takes no client there, and chooses one itself."""
    try:
        tmux("display-message", "-d", SHOWN_MS, "-c", client.name, text)
    except TmuxError:
        tmux("display-message", "-d", SHOWN_MS, text)


def tmux(*arguments: str) -> list[str]:
    """The lines that tmux prints. (libtmux alone takes longer to import than all of this.)"""
    socket = os.environ.get("TMUX", "").split(",")[0]
    if not socket:
        raise TmuxError("this is no tmux pane", "Press the key, or run it, inside tmux")
    try:
        done = subprocess.run(["tmux", "-S", socket, *arguments], capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError as error:
        raise TmuxError("tmux was not found", "Install it: apt install tmux, or brew install tmux") from error
    if done.returncode:
        raise TmuxError(f"tmux {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.splitlines()
