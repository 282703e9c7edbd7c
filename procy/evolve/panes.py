"""The tmux panes of lanes: opened beside the user's, known again by an option, closed when the run is over."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from procy.capture.tmux import Tmux
from procy.errors import TmuxError

OPTION = "@procy_lane"  # of a pane: run and number of its lane
BESIDE_COLUMNS = 170  # a window so wide has room for two agents beside each other
SIZE = ("-x", "160", "-y", "48")  # of a window that nobody looks at


def lane_panes(tmux: Tmux, run_id: str) -> dict[int, str]:
    """Number of the lane → pane, for those that there are."""
    try:
        lines = tmux.run("list-panes", "-a", "-F", f"#{{pane_id}} #{{{OPTION}}}")
    except TmuxError:
        return {}
    found = {}
    for line in lines:
        pane_id, _, name = line.partition(" ")
        run, _, number = name.partition("/")
        if run == run_id and number.isdigit():
            found[int(number)] = pane_id
    return found


def open_lane_pane(tmux: Tmux, run_id: str, number: int, beside: str, lanes: int, cwd: Path, command: Sequence[str]) -> str:
    """A new pane that runs the command: beside the user's where there is room, else in a window of the run's lanes."""
    words = [*where(tmux, run_id, beside, lanes), "-c", str(cwd), "-P", "-F", "#{pane_id}", "exec " + shlex.join(command)]
    try:
        pane_id = tmux.run(*words)[0] if server_runs(tmux) else first_pane(tmux, cwd, command)
    except TmuxError:
        if not server_runs(tmux):
            raise
        pane_id = tmux.run(*words)[0]  # another lane has started it meanwhile
    tmux.run_all([
        ("set-option", "-p", "-t", pane_id, OPTION, f"{run_id}/{number}"),
        ("set-option", "-p", "-t", pane_id, "remain-on-exit", "on"),
    ])  # fmt: skip
    if len(lane_panes(tmux, run_id)) > 1:
        tmux.run("select-layout", "-t", pane_id, "tiled")
    return pane_id


def where(tmux: Tmux, run_id: str, beside: str, lanes: int) -> list[str]:
    """The tmux command that makes the pane, so far as it says where."""
    others = lane_panes(tmux, run_id)
    if others:
        return ["split-window", "-d", "-t", others[max(others)]]
    if not beside:
        return ["new-window", "-d", "-n", "evolve"]
    columns = int(tmux.show(beside, "#{window_width}") or 0)
    if lanes == 1 and columns >= BESIDE_COLUMNS:
        return ["split-window", "-d", "-h", "-t", beside]
    return ["new-window", "-d", "-a", "-n", "evolve", "-t", tmux.show(beside, "#{window_id}")]


def server_runs(tmux: Tmux) -> bool:
    try:
        return bool(tmux.run("list-sessions", "-F", "#{session_id}"))
    except TmuxError:
        return False


def first_pane(tmux: Tmux, cwd: Path, command: Sequence[str]) -> str:
    """Of a private server, with no configuration of the user's. Raises TmuxError."""
    Path(tmux.socket).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
    done = subprocess.run(
        ["tmux", "-S", tmux.socket, "-f", os.devnull, "new-session", "-d", "-s", "evolve", *SIZE, "-c", str(cwd),
         "-P", "-F", "#{pane_id}", "exec " + shlex.join(command)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise TmuxError(f"tmux new-session: {done.stderr.strip()}")
    return done.stdout.strip()


def renew_lane_pane(tmux: Tmux, pane_id: str, cwd: Path, command: Sequence[str]) -> None:
    """Run the command in place of what runs in the pane."""
    tmux.run("respawn-pane", "-k", "-t", pane_id, "-c", str(cwd), "exec " + shlex.join(command))


def death_of(tmux: Tmux, pane_id: str) -> str | None:
    """The last line that a program left in its pane when it ended; None while it runs."""
    if tmux.show(pane_id, "#{pane_dead}") != "1":
        return None
    lines = [line.strip() for line in tmux.run("capture-pane", "-p", "-J", "-t", pane_id) if line.strip()]
    return next((line for line in reversed(lines) if not line.startswith("Pane is dead")), "it said nothing")


def close_lane_pane(tmux: Tmux, pane_id: str) -> None:
    try:
        tmux.run("kill-pane", "-t", pane_id)
    except TmuxError:  # it is gone already
        return
