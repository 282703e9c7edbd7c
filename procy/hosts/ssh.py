"""One host as ssh reaches it: a connection that is kept, commands through it, and why there is none, in words.

Nobody is asked for a password: what ssh cannot do by itself fails at once. The kept connection is a process of ours whose
standard input holds it open, so it ends with us, however we end.
"""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from procy.errors import HostError
from procy.settings.evolve import HostSettings

CONNECT_S = 20
OPTIONS = (
    "-T", "-x",
    "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4",
    "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", "-o", "ControlPersist=no", "-o", "LogLevel=ERROR",
)  # fmt: skip
POLL_S = 0.02
TROUBLES = (
    ("Permission denied", "lets nobody in without a password", "Set up a key: ssh-copy-id {there}"),
    ("Host key verification failed", "is not known here, or has another key than before", "Connect once by hand: ssh {there}"),
    ("Could not resolve hostname", "has a name that nobody knows", "Correct hosts.{name}.ssh"),
)


class Host:
    """Safe to use from several threads. See ``host_of``."""

    def __init__(self, settings: HostSettings) -> None:
        self.settings, self.name = settings, settings.name
        self.folder = ""  # of the connection's socket; short, for its path has room for 107 bytes
        self.keeper: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()
        self.sending = threading.Lock()  # git push

    # -- the connection -------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Keep a connection from now on. Raises HostError."""
        with self.lock:
            if self.keeper is not None and self.keeper.poll() is None and os.path.exists(self.socket):
                return
            self.let_go()
            self.folder = self.folder or tempfile.mkdtemp(prefix="procy-", dir="/tmp" if os.access("/tmp", os.W_OK) else None)
            with open(self.log, "wb") as log:
                self.keeper = subprocess.Popen(
                    [*self.ssh("-o", "ControlMaster=yes"), self.settings.ssh, "exec cat"],
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
                )  # fmt: skip
            self.await_socket(self.keeper)

    def await_socket(self, keeper: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + 3 * CONNECT_S
        while not os.path.exists(self.socket):
            if keeper.poll() is not None or time.monotonic() > until:
                self.let_go()
                raise self.unreachable(Path(self.log).read_text(errors="replace"))
            time.sleep(POLL_S)

    def let_go(self) -> None:
        if self.keeper is not None:
            self.keeper.terminate()
            self.keeper.wait()
            if self.keeper.stdin:
                self.keeper.stdin.close()
            self.keeper = None

    def close(self) -> None:
        with self.lock:
            self.let_go()
            if self.folder:
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder = ""

    @property
    def socket(self) -> str:
        return f"{self.folder}/s"

    @property
    def log(self) -> str:
        return f"{self.folder}/log"

    # -- through it -----------------------------------------------------------------------------------------------------

    def ssh(self, *more: str) -> list[str]:
        """The ssh command, so far as it comes before the destination."""
        return ["ssh", *OPTIONS, *more, "-o", f"ControlPath={self.socket}", *self.settings.options]

    def open(self, command: str) -> subprocess.Popen[bytes]:
        """Run a command line of the shell there, with pipes. Raises HostError where there is no connection."""
        self.connect()
        return subprocess.Popen(
            [*self.ssh("-o", "ControlMaster=no"), self.settings.ssh, command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    @property
    def git_environment(self) -> Mapping[str, str]:
        """What makes git go through it."""
        return {"GIT_SSH_COMMAND": shlex.join(self.ssh("-o", "ControlMaster=no")), "GIT_SSH_VARIANT": "ssh"}

    def url(self, path: str) -> str:
        """Of a repository there, as git takes it."""
        there = self.settings.ssh
        if there.startswith("ssh://"):
            return there.rstrip("/") + path
        user, at, machine = there.rpartition("@")
        return f"{user}{at}[{machine}]:{path}" if ":" in machine else f"{there}:{path}"

    def unreachable(self, words: str) -> HostError:
        lines = [line.strip() for line in words.splitlines() if line.strip()]
        there = shlex.join([*self.settings.options, self.settings.ssh])
        for sign, what, remedy in TROUBLES:
            if line := next((line for line in lines if sign in line), ""):
                return HostError(f"host {self.name} {what} ({line})", remedy.format(there=there, name=self.name))
        why = lines[-1] if lines else "it does not answer"
        return HostError(f"host {self.name} cannot be reached ({why})", f"Try by hand: ssh {there} true")


KNOWN: dict[HostSettings, Host] = {}
KNOWN_LOCK = threading.Lock()


def host_of(settings: HostSettings) -> Host:
    """The one of this process."""
    with KNOWN_LOCK:
        return KNOWN.setdefault(settings, Host(settings))


@atexit.register
def close_all() -> None:
    """Let go of every connection of this process."""
    with KNOWN_LOCK:
        for host in KNOWN.values():
            host.close()
        KNOWN.clear()
