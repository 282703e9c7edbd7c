"""A pane beside the user's that shows the lanes of a host: tmux there, attached over ssh, to be looked at only."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from procy.capture.tmux import Tmux
from procy.evolve import panes
from procy.evolve.guest_lane import SESSION
from procy.evolve.plan import Plan
from procy.settings.evolve import HostSettings

TERM = "screen-256color"  # of tmux's own names the one that every machine knows


def open_view(plan: Plan, run_id: str, number: int, host: HostSettings, socket: str) -> None:
    """Known again as the pane of that lane. One that is there stays; a dead one is renewed. Raises TmuxError."""
    tmux = Tmux(plan.socket)
    pane_id = panes.lane_panes(tmux, run_id).get(number)
    if pane_id is None:
        panes.open_lane_pane(tmux, run_id, number, plan.pane, plan.lanes + 1, Path.home(), command(host, socket))
    elif panes.death_of(tmux, pane_id) is not None:
        panes.renew_lane_pane(tmux, pane_id, Path.home(), command(host, socket))


def command(host: HostSettings, socket: str) -> list[str]:
    """A connection of its own: it may outlive the run's."""
    agent = os.environ.get("SSH_AUTH_SOCK")
    there = ["env", f"TERM={TERM}", "tmux", "-S", socket, "attach-session", "-f", "read-only,ignore-size", "-t", SESSION]
    ssh = ["ssh", "-t", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", *host.options, host.ssh, shlex.join(there)]
    return [*(("/usr/bin/env", f"SSH_AUTH_SOCK={agent}") if agent else ()), *ssh]


def close_view(plan: Plan, run_id: str, number: int) -> None:
    if plan.pane:
        tmux = Tmux(plan.socket)
        pane_id = panes.lane_panes(tmux, run_id).get(number)
        if pane_id:
            panes.close_lane_pane(tmux, pane_id)
