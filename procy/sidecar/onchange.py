"""The user's command for changes of state (``@procy-on-change``), run beside everything else.

What it is told stands in its environment and never in its text: reasons hold words that an agent chose.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from procy.capture.tmux import Tmux
from procy.errors import TmuxError
from procy.sidecar.board import Change
from procy.sidecar.log import log

AT_ONCE = 4
LIMIT_S = 60.0  # then it is ended, or it would keep the place of others
WAITING = 100  # changes; of more the oldest are forgotten


class OnChange:
    """Runs one command for each change, a few at once, in the order of the changes."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Change, str]] = deque(maxlen=WAITING)
        self.running: dict[subprocess.Popen[bytes], tuple[str, float]] = {}  # command, since when by the monotonic clock
        self.complained: set[str] = set()

    def tell(self, changes: Sequence[Change]) -> None:
        """Start what may start and bury what has ended; returns at once."""
        commands = {socket: command_of(socket) for socket in {change.shown.socket for change in changes}}
        self.waiting.extend((change, command) for change in changes if (command := commands[change.shown.socket]))
        self.reap()
        while self.waiting and len(self.running) < AT_ONCE:
            self.start(*self.waiting.popleft())

    def start(self, change: Change, command: str) -> None:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=os.environ | environment(change), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self.complain(command, str(error))
        else:
            self.running[process] = (command, time.monotonic())

    def reap(self) -> None:
        for process, (command, since) in list(self.running.items()):
            status = process.poll()
            if status is None and time.monotonic() - since > LIMIT_S:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                self.complain(command, f"ended after {LIMIT_S:g} s")
            elif status is not None:
                del self.running[process]
                if status:
                    self.complain(command, f"exit status {status}")

    def complain(self, command: str, why: str) -> None:
        """Once a command is enough."""
        if command not in self.complained:
            self.complained.add(command)
            log.warning("@procy-on-change failed: %s", why)


def command_of(socket: str) -> str:
    """What the user of that server set; "" for nothing."""
    try:
        return Tmux(socket).option("@procy-on-change")
    except TmuxError:  # the server is gone
        return ""


def environment(change: Change) -> dict[str, str]:
    """What the command is told. tmux inside it speaks to the pane's server, about that pane."""
    shown = change.shown
    return {
        "PROCY_PANE": shown.pane_id,
        "PROCY_STATE": shown.state,
        "PROCY_REASON": shown.reason,
        "PROCY_PREVIOUS": change.previous,
        "PROCY_SESSION": shown.session_id,
        "PROCY_AGENT": shown.agent,
        "PROCY_CWD": shown.cwd,
        "TMUX": f"{shown.socket},0,0",
        "TMUX_PANE": shown.pane_id,
    }
