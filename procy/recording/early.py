"""Agents that are the first command of their pane: recorded from the first byte.

A tmux hook pipes such a pane to this program the moment it is made. tmux keeps what nobody has read yet, so that there is time
to see which agent it is, to make the spool, and to become the tap. Run as ``python -m procy.recording.early SOCKET PANE``.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
import time
from collections.abc import Iterable

from procy.capture import attach
from procy.capture.process import pipe_tools
from procy.capture.spool import Spool
from procy.capture.tmux import Pane, Tmux
from procy.places import Places, find_places
from procy.plugins import profile_named
from procy.recording import start
from procy.recording.auto import WATCHED, Watched, parse_watched
from procy.recording.foreground import program_of
from procy.types import Process, Profile

HOOKS = tuple(f"after-{command}[8124]" for command in ("new-session", "new-window", "split-window"))
COMMAND, PATTERN = "@procy_early", "@procy_early_for"  # options, so that nothing is quoted within the hook
STARTED = "#{pane_start_command}"
OURS = "(^|[^A-Za-z0-9_.-])procy([^A-Za-z0-9_./-]|$)|procy/capture/linger"  # records its agent itself
CONDITION = f"#{{?pane_pipe,0,#{{?#{{m/r:{OURS},{STARTED}}},0,#{{m/r:#{{{PATTERN}}},{STARTED}}}}}}}"
HOOK = f"if-shell -F '{CONDITION}' 'pipe-pane -O \"#{{{COMMAND}}} #{{pane_id}}\"'"
PATIENCE_S = 5.0  # for the agent to start, where a wrapper starts it
LOOK_S = 0.02


def arm(places: Places, tmux: Tmux, agents: Iterable[str]) -> None:
    """Have new panes piped whose command names one of the agents, and is none of procy's own."""
    values = [f"{name}={value}" for name, value in places.environment.items()]
    command = shlex.join(["env", *values, sys.executable, "-m", "procy.recording.early", tmux.socket])
    hooks = [word for name in HOOKS for word in (";", "set-hook", "-g", name, HOOK)]
    tmux.run("set-option", "-g", COMMAND, f"cd / && exec {command}", ";", "set-option", "-g", PATTERN, pattern(agents), *hooks)


def pattern(agents: Iterable[str]) -> str:
    """An expression for a command that names one of the agents' programs. Names with other characters are not looked for."""
    names = {name for agent in agents for name in (agent, profile_named(agent).program)}
    words = "|".join(sorted(name for name in names if re.fullmatch(r"[A-Za-z0-9_-]+", name)))
    return f"(^|[^A-Za-z0-9_.-])({words})([^A-Za-z0-9_.-]|$)"


def disarm(tmux: Tmux) -> None:
    options = [word for name in (COMMAND, PATTERN) for word in (";", "set-option", "-gu", name)]
    hooks = [word for name in HOOKS for word in (";", "set-hook", "-gu", name)]
    tmux.run(*(options + hooks)[1:])


def is_early(pane: Pane) -> bool:
    """Whether a pane is piped, perhaps by this program, which is about to decide what becomes of the pipe."""
    return pane.piped and any(__name__ in tool for tool in pipe_tools(pane.server_pid, set()))


def main(tmux: Tmux, pane_id: str) -> int:
    """Become the tap of the pane, or close its pipe."""
    places = find_places()
    watched = parse_watched(tmux.show(pane_id, WATCHED))
    if watched and (agent := wait_for_agent(watched)) and start.spool_of(places, watched.pane) is None:
        command = begin(places, tmux, watched.pane, *agent)
        os.execv(command[0], command)
    if pipe_is_ours():
        tmux.detach(pane_id)
    return 0


def wait_for_agent(watched: Watched) -> tuple[Process, Profile] | None:
    """The agent that the pane's command starts; None when there is none that is to record itself."""
    until = time.monotonic() + PATIENCE_S
    while pipe_is_ours() and time.monotonic() < until:
        process, profile = program_of(watched.pane)
        if process and profile and watched.rules.want(process, profile):
            return process, profile
        time.sleep(LOOK_S)
    return None


def pipe_is_ours() -> bool:
    """Whether standard input is tmux's pipe still: it is closed when another program gets the pane's bytes."""
    with socket.socket(fileno=os.dup(0)) as pipe:
        try:
            return bool(pipe.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True


def begin(places: Places, tmux: Tmux, pane: Pane, process: Process, profile: Profile) -> list[str]:
    """Make the session's spool; returns the tap's command, which finds the first byte still unread."""
    meta = start.meta_of_process(start.Wish(places=places), tmux, pane, process, profile)
    spool = Spool(os.path.join(places.spool, meta.session_id))
    spool.create(meta, pane.tty)
    attach.write_first_seed(spool, pane)
    start.start_sidecar(places)
    return attach.tap_command(places, spool)


if __name__ == "__main__":
    sys.exit(main(Tmux(sys.argv[1]), sys.argv[2]))
