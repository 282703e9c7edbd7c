"""A pane that is recorded for real, and whose program keeps a copy of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from procy.capture.spool import Spool
from tests.conftest import Lab, is_running, wait_until

PROGRAM = Path(__file__).with_name("program.py")
PATIENCE_S = 60.0


class Scene:
    """``home``: where the data directory lies, if not beside the rest.
    ``environment``: more of it, of tmux and all of ours."""

    def __init__(self, root: Path, chance: random.Random, home: Path | None = None, environment: Mapping[str, str] = {}) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.chance, self.folder = chance, root
        self.lab = Lab(home or root)
        self.lab.environment |= environment
        self.spool: Spool = Spool("")
        self.server = 0  # pid of tmux, as long as it is to live
        self.unfixable: list[str] = []  # what doctor found while something was wrong, and named no fix for

    def begin(self, seconds: float) -> None:
        """Record the pane, then let the program print for that long."""
        seed = str(self.chance.random())
        self.lab.start(sys.executable, "-S", str(PROGRAM), str(self.folder), seed, str(seconds))
        self.server = int(self.lab.option("pid"))
        wait_until((self.folder / "copy").exists, what="the program")
        self.spool = self.lab.record()
        (self.folder / "go").touch()

    @property
    def copy(self) -> bytes:
        return (self.folder / "copy").read_bytes()

    @property
    def is_over(self) -> bool:
        return (self.folder / "done").exists() or not is_running(self.server)

    # -- our processes --------------------------------------------------------------------------------------------------

    def tap(self) -> int:
        state = self.spool.state()
        return state.pid if state and is_running(state.pid) else 0

    def loop(self) -> int:
        """The shell around the tap, which holds the pipe."""
        try:
            return next(
                child.pid for child in psutil.Process(self.server).children() if str(self.spool.path) in " ".join(child.cmdline())
            )
        except (psutil.Error, StopIteration):
            return 0

    def tmux_quietly(self, *arguments: str) -> None:
        self.lab.tmux(*arguments, check=False)

    # -- how it ends ----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Let the program print to its end, wait until all of that is read, and stop the recording."""
        wait_until(lambda: self.is_over, PATIENCE_S, "the program's end")
        if not self.loop() and not self.lab.sidecar_pid():
            self.lab.procy("sessions")  # nothing is left that could go on by itself: the next command sees to it
        if is_running(self.server):
            self.until_heard()
            self.lab.procy("record", "off", inside=True)
        self.lab.until_ended(self.spool.session_id, PATIENCE_S)
        wait_until(lambda: not self.spool.path.exists(), PATIENCE_S, "an empty spool")

    def until_heard(self) -> None:
        """Until a tap reads the pane and has nothing more to read."""

        def heard() -> bool:
            before = self.spool.state()
            time.sleep(0.3)
            after = self.spool.state()
            return bool(before and after and before.end == after.end and not after.lost and self.spool.tap_is_running())

        wait_until(heard, PATIENCE_S, f"a tap that has read everything\n{self.lab.log()}")

    def close(self) -> None:
        (self.folder / "quit").touch()
        with suppress(OSError):
            os.kill(self.server, signal.SIGCONT)
        self.lab.stop()

    # -- what there is to see -------------------------------------------------------------------------------------------

    def gaps(self) -> list[tuple[int, dict[str, Any]]]:
        """Offset and detail of every hole that is told."""
        rows = self.lab.rows(
            "SELECT offset, detail FROM pane_events WHERE session_id = ? AND kind = 'gap' ORDER BY offset, at_ns",
            self.spool.session_id,
        )
        return [(int(str(row["offset"])), json.loads(str(row["detail"]))) for row in rows]


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Whether there was such a process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
