"""Putting a tap on a pane, and taking it off: what ``procy record`` does first and the sidecar does again after a gap."""

import base64
import json
import sys
import time
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from procy.capture.process import pipe_tools
from procy.capture.spool import Meta, Spool, write_whole
from procy.capture.tmux import Pane, Tmux
from procy.errors import PaneTaken
from procy.places import Places
from procy.types import Picture

QUIET_S = 0.05
CALM = 4  # looks in a row at which nothing more had come
PATIENCE_S = 2.0  # for a picture that was announced: whoever takes it may have been killed


class Seed(NamedTuple):
    """The screen at the moment a tap was attached, and why there was none before ("" at the beginning)."""

    path: Path
    time_ns: int
    cause: str
    picture: Picture


def attach(places: Places, spool: Spool, meta: Meta, pane: Pane, cause: str = "") -> None:
    """Start a tap for the pane. The picture is taken in the same tmux command list, so no byte falls between."""
    spool.announce_seed()
    now = time.time_ns()  # before the tap says that it has started
    try:
        picture = Tmux(meta.tmux_socket).attach(pane.pane_id, tap_command(places, spool))
        write_seed(spool, now, picture, cause)
    finally:
        spool.seed_announced.unlink(missing_ok=True)


def write_first_seed(spool: Spool, pane: Pane) -> None:
    """The picture of a pane that was made together with its pipe: nothing was on it."""
    write_seed(spool, 0, Picture(pane.columns, pane.rows, b""), "")
    spool.seed_announced.unlink(missing_ok=True)


def write_seed(spool: Spool, now: int, picture: Picture, cause: str) -> None:
    seed = {
        "time_ns": now,
        "cause": cause,
        "columns": picture.columns,
        "rows": picture.rows,
        "escapes": base64.b64encode(picture.escapes).decode(),
    }
    write_whole(spool.seeds / f"{now}.json", json.dumps(seed).encode())


def detach(spool: Spool, meta: Meta, patience_s: float = 2.0) -> None:
    """Take the tap off when it has read what there is; output that never pauses is cut after ``patience_s``.

    tmux throws away what it has not handed over when a pipe is closed. It hands over while it serves a command, so a tap
    that has read nothing more through several of them has everything.
    """
    tmux = Tmux(meta.tmux_socket)
    until = time.monotonic() + patience_s
    seen, calm = -1, 0
    while calm < CALM and time.monotonic() < until:
        tmux.run("display-message", "-p", "-t", meta.pane_id, "")
        time.sleep(QUIET_S)
        state = spool.state()
        end = state.end if state else 0
        calm = calm + 1 if end == seen and spool.tap_is_running() else 0
        seen = end
    is_ours = any(str(spool.path) in tool for tool in pipe_tools(meta.server_pid, set()))
    if is_ours or spool.tap_is_running():  # by itself, where its loop was killed; else the pipe is another tool's by now
        tmux.detach(meta.pane_id)


def check_free(pane: Pane, panes: list[Pane]) -> None:
    """Raise PaneTaken, with the tool's name, when somebody else's pipe is on the pane."""
    if pane.piped:
        tools = pipe_tools(pane.server_pid, {one.pid for one in panes})
        others = [tool[:120] for tool in tools if "procy/capture/tap" not in tool]
        raise PaneTaken(
            f"pane {pane.pane_id} is piped by another tool already ({'; '.join(others) or 'unknown'})",
            "Stop it there, or take the pane over with --steal",
        )


def tap_command(places: Places, spool: Spool) -> list[str]:
    capture = resources.files("procy.capture")
    return [
        "/bin/sh", str(capture / "tap.sh"), sys.executable, str(capture / "tap.py"), str(spool.path),
        places.sidecar_lock, places.home, places.config, places.db,
    ]  # fmt: skip


def is_under_way(spool: Spool, taken: Collection[Path]) -> bool:
    """Whether a tap is being put on the pane, the picture of which is not among those ``taken``."""
    return any(path not in taken and is_fresh(path) for path in spool.seeds.glob("[!.]*"))


def is_fresh(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < PATIENCE_S  # the clock may have been set back
    except OSError:
        return False


def seeds(spool: Spool) -> list[Seed]:
    """The pictures not yet taken, oldest first; waits for one that is being taken."""
    while is_fresh(spool.seed_announced):
        time.sleep(0.005)
    found = []
    for path in sorted(spool.seeds.glob("[0-9]*.json")):
        try:
            one = json.loads(path.read_bytes())
            picture = Picture(one["columns"], one["rows"], base64.b64decode(one["escapes"]))
            found.append(Seed(path, one["time_ns"], one["cause"], picture))
        except (OSError, ValueError, KeyError):
            continue
    return found
