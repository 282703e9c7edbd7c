"""Beginning, pausing and ending recordings: what ``procy record`` and ``procy pause`` do.

A recording begins with a folder in the spool and a pipe; the database learns of it from the sidecar, so a locked or full
database delays nothing.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from procy import ids
from procy.agents.generic import Generic
from procy.capture import attach
from procy.capture.place import repository, write_environment
from procy.capture.process import is_alive
from procy.capture.spool import Meta, Spool, spools
from procy.capture.tmux import Pane, Tmux, current_socket, unexpanded
from procy.errors import AgentError, HandleError, TmuxError
from procy.places import Places, make_home
from procy.plugins import profile_of
from procy.recording.awake import start_sidecar as start_sidecar
from procy.types import PRIVATE_FILE, Endpoint, Launch, Process, Profile

Via = Callable[[str], Endpoint]
"""The gateway for a session, by its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants recorded. ``session_id``: of an earlier session that goes on, with the bytes it has already."""

    places: Places
    name: str = ""
    steal: bool = False
    session_id: str = ""
    parent_id: str = ""
    terminal_bytes: int = 0
    started_ns: int = 0


def recordings(places: Places) -> list[Spool]:
    """The folders of everything that is recorded or paused now."""
    found = []
    for spool in spools(places.spool):
        try:
            if spool.meta().wanted in ("recording", "paused"):
                found.append(spool)
        except (OSError, ValueError, TypeError):
            continue
    return found


def here() -> Tmux:
    """The tmux that this process runs in."""
    socket = current_socket()
    if not socket:
        raise TmuxError("this is no tmux pane", "Start tmux first, or let procy make a session: procy record -- COMMAND")
    return Tmux(socket)


def spool_of(places: Places, pane: Pane) -> Spool | None:
    """The folder of the session that this pane is recorded in, paused ones included. One whose agent has ended is let go."""
    for spool in reversed(recordings(places)):
        meta = spool.meta()
        if (meta.pane_id, meta.server_pid) == (pane.pane_id, pane.server_pid):
            return None if release(spool, meta) else spool
    return None


def release(spool: Spool, meta: Meta) -> bool:
    """Take the tap off a pane whose agent has ended, before the sidecar does; True when that was so."""
    if not meta.ends_with_agent or is_alive(meta.agent_pid):
        return False
    attach.detach(spool, meta, patience_s=0.3)
    return True


def record_pane(wish: Wish, tmux: Tmux, pane: Pane, command: Sequence[str] = (), launch: Launch | None = None) -> Spool:
    """Attach a tap to a pane. ``launch``: the agent that this very process becomes next."""
    make_home(wish.places)
    if not wish.steal:
        attach.check_free(pane, tmux.panes())
    cwd = os.getcwd() if command else tmux.cwd(pane.pane_id)
    meta = replace(
        first_meta(wish, tmux, pane, cwd),
        agent=profile_of(command).name if command else "generic",
        command=tuple(command),
        agent_pid=os.getpid() if launch else 0,
        agent_session_id=launch.agent_session_id if launch else "",
        ends_with_agent=launch is not None,
    )
    return put_tap(wish, meta, pane)


def record_process(wish: Wish, tmux: Tmux, pane: Pane, process: Process, profile: Profile) -> Spool:
    """Attach a tap to a pane in which an agent runs; the recording ends with the agent. Raises PaneTaken."""
    make_home(wish.places)
    attach.check_free(pane, tmux.panes())
    return put_tap(wish, meta_of_process(wish, tmux, pane, process, profile), pane)


def meta_of_process(wish: Wish, tmux: Tmux, pane: Pane, process: Process, profile: Profile) -> Meta:
    return replace(
        first_meta(wish, tmux, pane, process.cwd),
        agent=profile.name,
        command=process.argv,
        agent_pid=process.pid,
        ends_with_agent=True,
    )


def first_meta(wish: Wish, tmux: Tmux, pane: Pane, cwd: str) -> Meta:
    """For a pane about which nothing more is known."""
    return Meta(
        session_id=new_spool(wish).session_id,
        tmux_socket=tmux.socket,
        pane_id=pane.pane_id,
        pane_pid=pane.pid,
        server_pid=pane.server_pid,
        agent="generic",
        command=(),
        cwd=cwd,
        started_ns=wish.started_ns or time.time_ns(),
        attached_ns=time.time_ns(),
        name=wish.name,
        parent_id=wish.parent_id,
        repository=repository(cwd),
    )


def put_tap(wish: Wish, meta: Meta, pane: Pane) -> Spool:
    spool = Spool(Path(wish.places.spool) / meta.session_id)
    spool.create(meta, pane.tty, wish.terminal_bytes)
    try:
        attach.attach(wish.places, spool, meta, pane)
    except TmuxError:
        spool.remove()
        raise
    start_sidecar(wish.places)
    return spool


def new_spool(wish: Wish) -> Spool:
    session_id = wish.session_id or ids.new_id(time.time_ns(), secrets.token_bytes(10))
    return Spool(Path(wish.places.spool) / session_id)


def hook_of(spool: Spool) -> tuple[str, ...]:
    return ("/bin/sh", str(resources.files("procy.capture") / "hook.sh"), str(spool.hooks))


def check_command(argv: Sequence[str]) -> None:
    if not shutil.which(argv[0]):
        raise AgentError(f"the command {argv[0]!r} was not found", "Install it, or name another: procy record -- COMMAND")


def prepare(argv: Sequence[str], spool: Spool, via: Via | None = None) -> tuple[Profile, Launch]:
    """The agent's profile and the way to start it, with ``via`` through the gateway. Raises AgentError."""
    check_command(argv)
    profile = profile_of(argv)
    way = through(profile, argv, via(spool.session_id)) if via else Launch(argv=tuple(argv))
    launch = profile.launch(way.argv, hook_of(spool))
    launch = replace(launch, environment=(*launch.environment, *way.environment))
    if launch.private:
        path = str(spool.write_private(launch.private))
        launch = replace(launch, argv=tuple(path if word == PRIVATE_FILE else word for word in launch.argv))
    return profile, launch


def through(profile: Profile, argv: Sequence[str], endpoint: Endpoint) -> Launch:
    """By the profile's own method, else by the variables that most programs know."""
    method = getattr(profile, "via", None) or Generic().via
    launch: Launch = method(argv, endpoint)
    return launch


def become(argv: Sequence[str], launch: Launch) -> None:
    """Turn this process into the agent: the same pid, the pane's foreground program, nothing of procy around it."""
    environment = dict(os.environ)
    for name, value in launch.environment:
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(argv[0], list(argv), environment)
    except OSError as error:
        raise AgentError(f"cannot start {argv[0]}: {error.strerror}", "Check that it can be executed") from error


def record_new_session(wish: Wish, argv: Sequence[str], launch: Launch, spool: Spool, cwd: str) -> tuple[Tmux, Pane]:
    """Start the agent in a tmux session of its own, recorded from its first byte; for use outside tmux."""
    make_home(wish.places)
    for folder in (spool.path, spool.hooks, spool.seeds):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if wish.terminal_bytes:
        spool.begin_at(wish.terminal_bytes)
    write_environment(spool.path / "environment", launch.environment)
    command = ["/bin/sh", str(resources.files("procy.capture") / "linger.sh"), str(spool.path / "environment"), *launch.argv]
    size = shutil.get_terminal_size((120, 40))
    name = session_name(argv, spool)
    pipe = "exec " + unexpanded(shlex.join(attach.tap_command(wish.places, spool)))
    started = subprocess.run(
        ["tmux", "new-session", "-d", "-P", "-F", "#{socket_path}\t#{pane_id}", "-s", name,
         "-x", str(size.columns), "-y", str(size.lines), shlex.join(command), ";", "pipe-pane", "-O", pipe],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip
    if started.returncode:
        spool.remove()
        raise TmuxError(f"tmux new-session: {started.stderr.strip()}")
    socket, pane_id = started.stdout.strip().split("\t")
    tmux = Tmux(socket)
    pane = tmux.pane(pane_id)
    meta = replace(
        first_meta(replace(wish, session_id=spool.session_id), tmux, pane, cwd),
        agent=profile_of(argv).name,
        command=tuple(argv),
        agent_session_id=launch.agent_session_id,
    )
    spool.point_at(pane.tty, meta)
    attach.write_first_seed(spool, pane)
    spool.write_meta(meta)
    start_sidecar(wish.places)
    return tmux, pane


def session_name(argv: Sequence[str], spool: Spool) -> str:
    """A tmux session name that is free and says what runs in it; tmux would expand formats in it."""
    program = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.basename(argv[0]))
    return f"{program}-{spool.session_id[-6:].lower()}"


def stop(spool: Spool) -> None:
    """End a recording: what the tap has not read yet is read first."""
    meta = spool.change_meta(wanted="off")
    with suppress(TmuxError):  # the pane may be gone already
        attach.detach(spool, meta)


def pause(places: Places, spool: Spool) -> bool:
    """Pause a recording, or go on with a paused one; True when it is paused now."""
    meta = spool.meta()
    if meta.wanted == "recording":
        meta = spool.change_meta(wanted="paused")
        attach.detach(spool, meta)
        start_sidecar(places)  # one that was killed has left a state to see
        return True
    pane = Tmux(meta.tmux_socket).pane(meta.pane_id)
    spool.announce_seed()
    meta = spool.change_meta(wanted="recording", attached_ns=time.time_ns())
    attach.attach(places, spool, meta, pane, "recording was paused")
    start_sidecar(places)
    return False


def find_spool(places: Places, target: str) -> Spool:
    """What is recorded under that handle: ``last``, a name, an id, or a pane as tmux names it ("": the one we run in)."""
    inside = bool(current_socket())
    by_pane = not target or (inside and target.startswith("%"))  # a pane of this server, not one of the same number elsewhere
    found = [] if by_pane else [spool for spool in recordings(places) if is_meant(spool, target)]
    if target == "last":
        found = found[-1:]
    if len(found) == 1:
        return found[0]
    if target == "last" and not found and not inside:
        raise HandleError("nothing is recorded now", "Record an agent: procy record -- COMMAND")
    if target and not inside:
        what = f"{len(found)} recordings are" if found else "no recording is"
        raise HandleError(f"{what} called {target!r}", "See what is recorded: procy status")
    pane = here().pane(target or os.environ.get("TMUX_PANE", ""))
    spool = spool_of(places, pane)
    if spool is None:
        raise HandleError(f"pane {pane.pane_id} is not recorded", f"Record it: procy record -t {pane.pane_id}")
    return spool


def is_meant(spool: Spool, target: str) -> bool:
    meta = spool.meta()
    ends = len(target) >= 4 and (spool.session_id.startswith(target.upper()) or spool.session_id.endswith(target.upper()))
    return target in ("last", meta.pane_id, meta.name) or ends
