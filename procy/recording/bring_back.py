"""Bringing a cut-off agent back into tmux, and telling the user that it can be done."""

from __future__ import annotations

import os
import shlex
import sqlite3
import sys
import time

from procy.capture.tmux import Pane, Tmux
from procy.errors import TmuxError
from procy.places import Places, find_places
from procy.recording.restore import command_to_resume, idle_shell_at, shell_waits
from procy.store.read import short
from procy.store.resumable import place_of

OFFERED = "@procy_offered"  # server option: the user has been told
HOOK = "client-attached[8124]"
SHOWN_MS = 5000
BY_KEY = "#{?@procy-key-menu,prefix + #{@procy-key-menu}#, u,procy resume}"
PATIENCE_S = 3.0  # for a new window's shell to draw its prompt
LOOK_S = 0.05


def bring_back(places: Places, tmux: Tmux, connection: sqlite3.Connection, session: sqlite3.Row, behind: bool) -> Pane:
    """Go on with a session's agent: in the idle shell at its old place, else in a new window, behind the current one or not.

    It is typed into a shell, so that it finds the user's own environment and leaves a shell behind. Raises TmuxError when its
    pane is recorded again and busy, AgentError when it has no conversation.
    """
    command = command_to_resume(connection, session)
    if session["status"] == "recording":
        tmux = Tmux(session["tmux_socket"])
        pane = tmux.pane(session["pane_id"])
        if not shell_waits(pane):
            raise TmuxError(f"{pane.pane_id}, where {short(session['id'])} was, is busy", "Resume it when that is done")
        words = ["record", "--", *command]
    else:
        pane = idle_shell_at(tmux, place_of(session)) or new_window(tmux, session["place_cwd"], behind)
        words = ["record", "--resume", session["id"]]
    tmux.press(pane.pane_id, "C-u")
    tmux.type(pane.pane_id, shlex.join([*program(places), *words]))
    tmux.press(pane.pane_id, "Enter")
    return pane


def new_window(tmux: Tmux, cwd: str, behind: bool) -> Pane:
    """A window whose shell waits for a command, or has had its time to."""
    options = (["-d"] if behind else []) + (["-c", cwd] if os.path.isdir(cwd) else [])
    pane = tmux.pane(tmux.run("new-window", "-P", "-F", "#{pane_id}", *options)[0])
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and not (shell_waits(pane) and any(tmux.run("capture-pane", "-p", "-t", pane.pane_id))):
        time.sleep(LOOK_S)
    return pane


def program(places: Places) -> list[str]:
    """How a shell in a pane starts this procy with this data: by its whole path, for a login shell has a PATH of its own."""
    beside = os.path.join(os.path.dirname(sys.executable), "procy")
    procy = [beside] if os.access(beside, os.X_OK) else [sys.executable, "-m", "procy"]
    is_usual = places == find_places() and not any(name in os.environ for name in places.environment)
    return procy if is_usual else ["env", *(f"{name}={value}" for name, value in places.environment.items()), *procy]


def offer(tmux: Tmux, count: int) -> None:
    """Tell whoever looks at the server, now or as soon as somebody does, that so many agents can be resumed. Once a server."""
    if not count or tmux.option(OFFERED):
        return
    text = f"procy: {count} agent{'' if count == 1 else 's'} can be resumed: {BY_KEY}"
    tmux.run("set-option", "-g", OFFERED, str(count))
    clients = tmux.run("list-clients", "-F", "#{client_name}")
    for client in clients:
        tmux.say(client, text, SHOWN_MS)
    if not clients:
        tmux.run("set-hook", "-g", HOOK, f"display-message -d {SHOWN_MS} '{text}' ; set-hook -gu '{HOOK}'")
