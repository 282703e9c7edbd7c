"""What goes wrong, one function each. Some last a while; each leaves the rest to procy."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import is_running, wait_until
from tests.faults import clock
from tests.faults.disk import Disk
from tests.faults.scene import Scene, kill
from tests.faults.verdict import problems_of

PAGE = 4096  # of a database
Inject = Callable[[Scene], object]


@dataclass(frozen=True)
class Fault:
    """``loses``: bytes may be missing then, where it is told. ``ends``: tmux is gone afterwards."""

    name: str
    do: Inject
    loses: bool = False
    ends: bool = False


# -- processes that die -------------------------------------------------------------------------------------------------


def kill_tap(scene: Scene) -> None:
    kill(scene.tap() or 1 << 30)


def kill_sidecar(scene: Scene) -> None:
    kill(scene.lab.sidecar_pid() or 1 << 30)


def kill_both(scene: Scene) -> None:
    kill_tap(scene)
    kill_sidecar(scene)


def kill_loop(scene: Scene) -> None:
    """Only the shell: the tap goes on, and has nobody who would start another."""
    kill(scene.loop() or 1 << 30)


def kill_loop_and_tap(scene: Scene) -> None:
    kill_loop(scene)
    kill_tap(scene)


def kill_tmux(scene: Scene) -> None:
    kill(scene.server)
    wait_until(lambda: not is_running(scene.server))


def kill_everything(scene: Scene) -> None:
    """As when the power goes: the next command finds what is left."""
    for pid in (scene.loop(), scene.tap(), scene.lab.sidecar_pid(), scene.server):
        kill(pid or 1 << 30)
    wait_until(lambda: not is_running(scene.server))


# -- others that interfere ----------------------------------------------------------------------------------------------


def stop_for_a_while(pid: int, seconds: float) -> None:
    kill(pid or 1 << 30, signal.SIGSTOP)
    time.sleep(seconds)
    kill(pid or 1 << 30, signal.SIGCONT)


def stop_tmux(scene: Scene) -> None:
    stop_for_a_while(scene.server, scene.chance.uniform(0.3, 2.5))


def stop_sidecar(scene: Scene) -> None:
    stop_for_a_while(scene.lab.sidecar_pid(), scene.chance.uniform(0.3, 2.5))


def stop_tap(scene: Scene) -> None:
    stop_for_a_while(scene.tap(), scene.chance.uniform(0.3, 2.5))


def cut_pipe(scene: Scene) -> None:
    scene.tmux_quietly("pipe-pane", "-t", scene.lab.pane)


def take_pipe(scene: Scene) -> None:
    """Another tool has the pane for a while."""
    scene.tmux_quietly("pipe-pane", "-t", scene.lab.pane, "cat >/dev/null # othertool")
    time.sleep(scene.chance.uniform(0.1, 2.0))
    scene.tmux_quietly("pipe-pane", "-t", scene.lab.pane)


def end_tmux(scene: Scene) -> None:
    scene.tmux_quietly("kill-server")
    wait_until(lambda: not is_running(scene.server))


def ask_doctor(scene: Scene) -> None:
    scene.unfixable += [str(one) for one in problems_of(scene.lab) if not one["remedy"]]


def lock_database(scene: Scene) -> None:
    connection = sqlite3.connect(scene.lab.places.db, timeout=10, isolation_level=None)
    with suppress(sqlite3.OperationalError):
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(scene.chance.uniform(0.5, 4.0))
        ask_doctor(scene)
        connection.execute("ROLLBACK")
    connection.close()


def jump_clock(scene: Scene) -> None:
    """By minutes to days, back or forth; see ``clock``."""
    seconds = scene.chance.choice((-1, 1)) * scene.chance.choice((1, 90, 3600, 5 * 86400))
    clock.jump(scene.lab.environment["CLOCK_OFFSET"], seconds)


def set_clock_back(scene: Scene) -> None:
    """By an hour: whoever waits for a time by it waits for long."""
    clock.jump(scene.lab.environment["CLOCK_OFFSET"], -3600)


def fill_disk(disk: Disk) -> Inject:
    """Nothing can be written for a while."""

    def fill(scene: Scene) -> None:
        disk.fill(scene)
        time.sleep(scene.chance.uniform(0.5, 3.0))
        ask_doctor(scene)
        disk.free(scene)

    return fill


# -- what is on the disk goes bad ---------------------------------------------------------------------------------------


def spoil(path: Path, start: int, length: int) -> None:
    """Other bytes than were there."""
    with path.open("r+b", buffering=0) as file:
        file.seek(start)
        data = file.read(length)
        file.seek(start)
        file.write(bytes(byte ^ 0xA5 for byte in data))


def spoil_spool(scene: Scene) -> None:
    """The last bytes of what the tap wrote, as the sidecar finds them when it comes up again."""
    sidecar = scene.lab.sidecar_pid()
    kill(sidecar or 1 << 30, signal.SIGSTOP)
    with suppress(OSError):
        time.sleep(scene.chance.uniform(0.1, 0.6))
        kill_tap(scene)
        state = scene.spool.state()
        if state and state.raw_size and state.index_size:
            kind = scene.chance.choice(("raw", "idx", "cut"))
            path = scene.spool.segment(state.segment, "raw" if kind == "cut" else kind)
            size = path.stat().st_size
            length = min(size, scene.chance.randint(1, 600))
            if kind == "cut":
                os.truncate(path, size - length)
            else:
                spoil(path, size - length, length)
    kill(sidecar or 1 << 30)


LOOP = Fault("kill the tap's loop", kill_loop)


def spoil_database(scene: Scene) -> None:
    """Its last page, or another one but the first, with everything written and nobody at work on it."""
    sidecar = scene.lab.sidecar_pid()
    kill(sidecar or 1 << 30)
    wait_until(lambda: not is_running(sidecar))
    path = Path(scene.lab.places.db)
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    count = path.stat().st_size // PAGE
    spoil(path, PAGE * (scene.chance.choice((count, scene.chance.randint(2, count))) - 1), PAGE)


LOOP = Fault("kill the tap's loop", kill_loop)
PANE = (
    Fault("kill tap", kill_tap),
    Fault("kill sidecar", kill_sidecar),
    Fault("kill tap and sidecar", kill_both),
    LOOP,
    Fault("kill loop and tap", kill_loop_and_tap, loses=True),
    Fault("stop tmux", stop_tmux),
    Fault("stop sidecar", stop_sidecar),
    Fault("stop tap", stop_tap),
    Fault("cut the pipe", cut_pipe, loses=True),
    Fault("another tool takes the pipe", take_pipe, loses=True),
    Fault("lock the database", lock_database),
)
ENDS = (
    Fault("kill tmux", kill_tmux, ends=True),
    Fault("tmux kill-server", end_tmux, ends=True),
    Fault("kill everything", kill_everything, ends=True),
)
CLOCK = Fault("jump the clock", jump_clock)
SPOOL = Fault("spoil the spool's tail", spoil_spool, loses=True)
