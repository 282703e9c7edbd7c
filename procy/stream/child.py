"""The agent's process: started in a group of its own, told of signals, buried, and what it leaves behind ended."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from procy.errors import AgentError
from procy.stream.pump import CHUNK

MARK = "PROCY_STREAM"
ESCALATION = (signal.SIGTERM, signal.SIGKILL)


class Child:
    """One start of the agent. ``mark`` is in the environment of all that it starts, whatever session or parent that gets."""

    def __init__(self, argv: Sequence[str], mark: str, environment: Mapping[str, str]) -> None:
        self.argv, self.mark = tuple(argv), mark
        marks = ":".join(filter(None, (environment.get(MARK), mark)))
        try:
            self.process = subprocess.Popen(
                list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                start_new_session=True, env={**environment, MARK: marks},
            )  # fmt: skip
        except FileNotFoundError as error:
            raise AgentError(f"{argv[0]} was not found", "Install it, or give its path") from error
        except OSError as error:
            raise AgentError(f"{argv[0]} cannot be started: {error.strerror}", "Give the command of an agent") from error
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.stdin = self.process.stdin.fileno()
        self.stdout, self.stderr = os.dup(self.process.stdout.fileno()), os.dup(self.process.stderr.fileno())
        widen(self.stdout)
        self.process.stdout.close()
        self.process.stderr.close()
        self.signals = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    def write_end(self) -> int:
        """A descriptor of the agent's input for one writer to close; ``close_input`` closes the other."""
        return os.dup(self.stdin)

    def close_input(self) -> None:
        with suppress(OSError):
            if self.process.stdin:
                self.process.stdin.close()

    def signal(self, number: int) -> None:
        """To the agent and all in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def end_by(self, number: int) -> None:
        """Pass a signal on that asks to end. The second and third are harder, whatever was sent."""
        self.signal(number if self.signals == 0 else ESCALATION[min(self.signals, len(ESCALATION)) - 1])
        self.signals += 1

    def wait(self) -> int:
        """Blocks. The exit status as a shell gives it: 128 and the signal's number where one ended it."""
        code = self.process.wait()
        return code if code >= 0 else 128 - code

    def sweep(self) -> list[int]:
        """End what the agent left running: its group, and processes anywhere with its mark. Returns their pids."""
        self.signal(signal.SIGKILL)
        left = marked(self.mark)
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        return left


def widen(pipe: int) -> None:
    """Let a pipe hold as much as a chunk, where the system can."""
    with suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, CHUNK)


def marked(mark: str) -> list[int]:
    """Living processes of ours with that mark in their environment, this one excepted."""
    import psutil  # here: 20 ms that only the end of a killed agent pays

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and mark in process.environ().get(MARK, "").split(":"):
                found.append(process.pid)
    return found
