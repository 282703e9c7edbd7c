"""Going on with sessions that were cut off when their tmux server or the machine went down."""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from procy.capture.spool import spools
from procy.capture.tmux import Pane, Tmux
from procy.errors import AgentError
from procy.places import Places
from procy.plugins import profile_named
from procy.recording import start
from procy.recording.foreground import is_shell, program_of
from procy.recording.start import Wish
from procy.store.db import from_iso
from procy.store.read import short
from procy.store.resumable import Place, cut_off, first_prompt, place_of

UNSETTLED = "SELECT count(*) FROM sessions WHERE status IN ('recording', 'paused') AND id IN ({})"
LOOK_S = 0.1


def going_on(wish: Wish, session: sqlite3.Row) -> Wish:
    """The wish that goes on with an earlier session, in its name and behind the bytes that it has."""
    return replace(
        wish,
        name=wish.name or session["name"] or "",
        session_id=session["id"],
        parent_id=session["parent_id"] or "",
        terminal_bytes=session["terminal_bytes"],
        started_ns=from_iso(session["started_at"]),
    )


def command_to_resume(connection: sqlite3.Connection, session: sqlite3.Row, given: Sequence[str] = ()) -> tuple[str, ...]:
    """What goes on with a session's agent: ``given``, else what it was started with, without the prompt that was given there.

    Empty where no agent was started. Raises AgentError when it has no conversation to go on with.
    """
    profile = profile_named(session["agent"])
    command = tuple(given) or first_command(connection, session)
    if not command and profile.program:
        command = (profile.program,)
    if command and session["agent_session_id"] and profile.transcript:
        return profile.resume(command, session["agent_session_id"])
    if profile.transcript:
        what = f"session {short(session['id'])} has no conversation to resume"
        raise AgentError(what, "Start a new one: procy record -- COMMAND")
    return command


def first_command(connection: sqlite3.Connection, session: sqlite3.Row) -> tuple[str, ...]:
    """What the session's agent was started with, without the prompt, which is the last such word."""
    prompt = first_prompt(connection, session["id"])
    try:
        words = shlex.split(session["command"] or "")
    except ValueError:  # written by an older procy, which did not quote
        return ()
    if prompt in words:
        del words[len(words) - 1 - words[::-1].index(prompt)]
    return tuple(words)


def settle(places: Places, connection: sqlite3.Connection, patience_s: float = 15.0) -> None:
    """Wait until the sidecar has noticed which recordings were cut off, and written it down."""
    cut = list(ending(places))
    query = UNSETTLED.format(",".join("?" * len(cut)))
    until = time.monotonic() + patience_s
    while connection.execute(query, cut).fetchone()[0] and time.monotonic() < until:
        time.sleep(LOOK_S)


def ending(places: Places) -> Iterator[str]:
    """The sessions in the spool whose recording is over: it was stopped, or their tmux server is another one by now."""
    for spool in spools(places.spool):
        with suppress(OSError, ValueError, TypeError):  # being removed
            meta = spool.meta()
            if meta.wanted == "off" or server_pid(meta.tmux_socket) != meta.server_pid:
                yield meta.session_id


def server_pid(socket: str) -> int:
    """Of the tmux server at a socket; 0 when none runs there."""
    panes = Tmux(socket).panes()
    return panes[0].server_pid if panes else 0


def record_again(places: Places, tmux: Tmux, connection: sqlite3.Connection) -> list[Pane]:
    """Record panes that are back where a recorded one was, each as the session it was; returns them.

    A pane in which an agent was started, and nothing else recorded, is recorded when that agent runs in it again.
    """
    sessions: dict[Place, sqlite3.Row] = {}
    for session in cut_off(connection, tmux.socket):
        sessions.setdefault(place_of(session), session)
    free = [pane for pane in tmux.panes() if not pane.piped and start.spool_of(places, pane) is None] if sessions else []
    back = [(pane, sessions.get(place_now(tmux, pane))) for pane in free]
    return [pane for pane, session in back if session and record_as_before(places, tmux, pane, session)]


def record_as_before(places: Places, tmux: Tmux, pane: Pane, session: sqlite3.Row) -> bool:
    """Record the pane, or the agent in it; False when the agent that was recorded does not run there."""
    wish = going_on(Wish(places=places), session)
    process, profile = program_of(pane)
    if session["command"] is None:
        start.record_pane(wish, tmux, pane)
    elif process and profile and profile.name == session["agent"]:
        start.record_process(wish, tmux, pane, process, profile)
    else:
        return False
    return True


def place_now(tmux: Tmux, pane: Pane) -> Place:
    return Place(pane.session, pane.window, pane.index, tmux.cwd(pane.pane_id))


def shell_waits(pane: Pane) -> bool:
    """Whether a shell has the pane's terminal."""
    process, _ = program_of(pane)
    return process is not None and is_shell(process)


def idle_shell_at(tmux: Tmux, place: Place) -> Pane | None:
    """The pane at that very place, when nothing but its shell runs there."""
    return next((pane for pane in tmux.panes() if place_now(tmux, pane) == place and shell_waits(pane)), None)
