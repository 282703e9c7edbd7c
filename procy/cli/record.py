"""``procy record``, ``procy pause``, ``procy stop``, and what bare ``procy`` does."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace

import click

from procy.capture.spool import Spool
from procy.capture.tmux import current_socket
from procy.cli.common import db_option, pane_here, places_of, reader
from procy.errors import AgentError, HandleError
from procy.places import Places, find_places
from procy.plugins import profile_of
from procy.recording import start
from procy.recording.restore import command_to_resume, going_on
from procy.recording.start import Wish
from procy.settings import load_settings
from procy.store.read import find_session, short


def say(text: str) -> None:
    click.echo(text, err=True)


@click.command("record", context_settings={"allow_interspersed_args": False})
@click.option("-t", "--target", default="", metavar="PANE", help="Pane to record, as tmux names it (default: this one).")
@click.option("--name", default="", help="Name for the session, usable as a handle.")
@click.option("--resume", metavar="SESSION", help="Go on with an earlier session, agent included.")
@click.option("--steal", is_flag=True, help="Take the pane over from another tool that pipes it.")
@click.option("--cwd", type=click.Path(exists=True, file_okay=False), help="Directory to start the command in.")
@click.option("--toggle", is_flag=True, help="Stop if the pane is recorded, else record it; for a key.")
@click.option("--gateway", is_flag=True, help="Send the API calls of COMMAND through the gateway, and record them.")
@click.option("--detached", is_flag=True, help="Outside tmux: do not attach to the new tmux session.")
@db_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def record_command(  # noqa: PLR0913
    target: str,
    name: str,
    resume: str | None,
    steal: bool,
    cwd: str | None,
    toggle: bool,
    gateway: bool,
    detached: bool,
    db: str | None,
    command: tuple[str, ...],
) -> None:
    """Record this pane, or start COMMAND and record it.

    \b
    procy record                    what already runs in this pane
    procy record -t %3              another pane
    procy record -- claude --model opus
    procy record --gateway -- claude  its API calls too
    procy record --resume last      go on where a session ended
    procy record off [PANE|--all]   stop
    """
    places = places_of(db)
    if command[:1] == ("off",):
        stop_recordings(places, command[1:])
        return
    if toggle and (command or resume is not None):
        raise click.UsageError("--toggle is for a pane in which something runs already: without a COMMAND and --resume")
    if target and (command or resume is not None):
        raise click.UsageError("-t names a pane in which something runs already; a COMMAND starts in this pane, without -t")
    if gateway and not (command or resume is not None):
        raise click.UsageError("--gateway is for a COMMAND that is started: it cannot be given to what runs already")
    load_settings(places)  # says now what the sidecar could only log
    wish = Wish(places=places, name=name, steal=steal)
    if toggle and stopped(places, target):
        return
    if resume is not None:
        wish, command, cwd = resumed(wish, db, resume, command, cwd)
    if command:
        via = endpoint_for(places, command) if gateway else None
        record_agent(wish, command, cwd or os.getcwd(), attach=not detached, via=via)
    else:
        record_running(wish, target)


def stopped(places: Places, target: str) -> bool:
    """Stop the recording of a pane, if there is one that is not paused; False when there was none."""
    spool = start.spool_of(places, start.here().pane(target or os.environ.get("TMUX_PANE", "")))
    if spool is None or spool.meta().wanted != "recording":
        return False
    stop_recording(places, spool)
    return True


def record_running(wish: Wish, target: str) -> None:
    tmux = start.here()
    pane = tmux.pane(target or os.environ.get("TMUX_PANE", ""))
    spool = start.spool_of(wish.places, pane)
    if spool and wish.session_id:
        raise HandleError(f"pane {pane.pane_id} is recorded already, as {short(spool.session_id)}", "Stop that first: procy stop")
    if spool and spool.meta().wanted == "recording":
        say(f"pane {pane.pane_id} is recorded already, as {short(spool.session_id)}")
        return
    if spool:
        start.pause(wish.places, spool)
    else:
        spool = start.record_pane(wish, tmux, tmux.pane(pane.pane_id))
    say(f"recording pane {pane.pane_id} as {short(spool.session_id)}; stop with: procy record off")


def endpoint_for(places: Places, command: tuple[str, ...]) -> start.Via:
    """The gateway, started where it is not up, as a session's agent is to reach it. Raises ConfigError."""
    from procy.gateway.endpoint import endpoint_for as found  # late: only who asks for it pays

    return found(places, load_settings(places), profile_of(command).name)


def record_agent(wish: Wish, command: tuple[str, ...], cwd: str, attach: bool = True, via: start.Via | None = None) -> None:
    """Start an agent and record it: in this pane, or in a tmux session of its own when there is none."""
    os.chdir(cwd)
    spool = start.new_spool(wish)
    if current_socket():
        tmux = start.here()
        pane = tmux.pane(os.environ.get("TMUX_PANE", ""))
        running = start.spool_of(wish.places, pane)
        if running and wish.session_id:
            what = f"pane {pane.pane_id} is recorded already, as {short(running.session_id)}"
            raise HandleError(what, "Stop that first: procy stop")
        _, launch = start.prepare(command, running or spool, via)
        if running is None:
            start.record_pane(replace(wish, session_id=spool.session_id), tmux, tmux.pane(pane.pane_id), command, launch)
        elif running.meta().wanted == "paused":
            start.pause(wish.places, running)
        start.become(launch.argv, launch)
    else:
        _, launch = start.prepare(command, spool, via)
        tmux, pane = start.record_new_session(wish, command, launch, spool, cwd)
        say(f"recording {shlex.join(command)} as {short(spool.session_id)} in tmux session {pane.session}")
        if attach and sys.stdin.isatty() and sys.stdout.isatty():
            os.execvp("tmux", ["tmux", "-S", tmux.socket, "attach-session", "-t", f"={pane.session}"])


def resumed(
    wish: Wish, db: str | None, handle: str, command: tuple[str, ...], cwd: str | None
) -> tuple[Wish, tuple[str, ...], str | None]:
    """The wish, command and directory that go on with an earlier session."""
    with reader(db) as connection:
        session = find_session(connection, handle)
        if session["status"] in ("recording", "paused"):
            what = f"session {short(session['id'])} is being recorded in pane {session['pane_id']}"
            raise HandleError(what, "End it there first")
        given = command_to_resume(connection, session, command)
    return going_on(wish, session), given, cwd or (session["cwd"] if os.path.isdir(session["cwd"] or "") else None)


def stop_recordings(places: Places, arguments: tuple[str, ...]) -> None:
    if arguments == ("--all",):
        stopped = start.recordings(places)
        for spool in stopped:
            start.stop(spool)
        start.start_sidecar(places)
        say(f"stopped {len(stopped)} recording{'' if len(stopped) == 1 else 's'}")
        return
    stop_recording(places, start.find_spool(places, arguments[0] if arguments else ""))


def stop_recording(places: Places, spool: Spool) -> None:
    start.stop(spool)
    start.start_sidecar(places)  # one that was killed has left a state to see
    say(f"stopped recording pane {spool.meta().pane_id} ({short(spool.session_id)})")


@click.command("stop", context_settings={"ignore_unknown_options": True})
@click.argument("target", default="")
@click.option("--all", "everything", is_flag=True, help="Stop every recording.")
@db_option
def stop_command(target: str, everything: bool, db: str | None) -> None:
    """Stop recording this pane, TARGET, or everything.

    TARGET is a pane as tmux names it, last, or a session's name or id. The same as: procy record off. While a run of
    `procy evolve` is at work from this pane, that is what stops; the recording goes on.
    """
    places = places_of(db)
    if not target and not everything and stop_run_here(places, db):
        return
    stop_recordings(places, ("--all",) if everything else (target,) if target else ())


def stop_run_here(places: Places, db: str | None) -> bool:
    """Stop the run that was begun from this pane, as the first procy's stop did; False where none is at work."""
    pane = pane_here(db)
    if not pane:
        return False
    session_id = start.find_spool(places, pane).session_id
    with reader(db) as connection:
        row = connection.execute("SELECT id FROM runs WHERE session_id = ? AND status = 'running'", (session_id,)).fetchone()
        if row is None:
            return False
        from procy.cli.evolve import stop_run  # late: what a run needs takes longer than to stop a recording
        from procy.store.runs import run_by_id

        run = run_by_id(connection, row["id"])
    stop_run(places, run)
    return True


@click.command("pause")
@click.argument("target", default="")
@db_option
def pause_command(target: str, db: str | None) -> None:
    """Pause the recording of a pane, or go on with it.

    While it is paused nothing is kept: neither what the terminal shows nor what the agent writes down.
    """
    places = places_of(db)
    spool = start.find_spool(places, target)
    paused = start.pause(places, spool)
    say(f"{'paused' if paused else 'recording again:'} pane {spool.meta().pane_id} ({short(spool.session_id)})")


def start_configured(agent: str | None, cwd: str | None, ui: bool, ui_port: int | None) -> None:
    """Bare ``procy``: the configured agent, recorded, with the pages up."""
    places = find_places()
    settings = load_settings(places)
    command = tuple(shlex.split(agent or settings.agent))
    if not command:
        raise AgentError("no agent is configured", f'Set agent = "claude" in {places.config}, or give --agent COMMAND')
    start.check_command(command)
    if ui:
        from procy.ui.launch import start_in_background

        say(start_in_background(places, ui_port or settings.ui.port))
    record_agent(Wish(places=places), command, cwd or os.getcwd())
