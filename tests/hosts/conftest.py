"""A real sshd on a loopback port, and hosts that are reached through it: each has a procy with a data directory of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.evaluate.contract import Metric
from procy.evaluate.job import Job
from procy.hosts import ssh
from procy.settings import Settings
from procy.settings.evolve import HostSettings
from tests.conftest import wait_until
from tests.evaluate.bench import Bench

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else "")
SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {root}/host
AuthorizedKeysFile {root}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxSessions {sessions}
"""
CLIENT = """\
Host big small
    HostName 127.0.0.1
    Port {port}
Host closed
    HostName 127.0.0.1
    Port {closed}
Host *
    IdentityFile {root}/user
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {root}/known
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking accept-new
"""
COUNTED = (Metric(name="speed", kind="count"), Metric(name="cost", direction="minimize"))


class Sshd:
    """The server below ``root``. ``config`` is for ``ssh -F``: it knows the machines big and small, and closed, which is none."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / name], check=True)
        self.port, closed = free_port(), free_port()
        self.allow(sessions=10)
        (root / "client").write_text(CLIENT.format(port=self.port, closed=closed, root=root))
        self.process: subprocess.Popen[bytes] | None = None

    def allow(self, sessions: int) -> None:
        """So many through one connection, from the next start on."""
        (self.root / "server").write_text(SERVER.format(port=self.port, root=self.root, sessions=sessions))

    @property
    def config(self) -> str:
        return str(self.root / "client")

    def start(self) -> None:
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # which the package's service makes
        with open(self.root / "log", "ab") as log:
            words = [SSHD, "-D", "-e", "-f", str(self.root / "server")]
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
        wait_until(self.answers, what=f"sshd: {(self.root / 'log').read_text()}")

    def answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"sshd does not start: {(self.root / 'log').read_text()}")
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """The server and every connection that it has."""
        if self.process is not None:
            children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
            for pid in [str(self.process.pid), *children.stdout.split()]:
                subprocess.run(["kill", pid], check=False, capture_output=True)
            self.process.wait(10)
            self.process = None

    def host(self, name: str = "big", lanes: int = 1, evaluators: int = 1, **changes: str) -> HostSettings:
        """A host whose procy is this one, with a data directory of its own."""
        home = self.root / "hosts" / name
        words = {"PROCY_HOME": home, "PROCY_CONFIG": self.root / "config.toml", "PYTHONPATH": os.getcwd(),
                 "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **changes}  # fmt: skip
        procy = shlex.join(["env", *(f"{key}={value}" for key, value in words.items()), sys.executable, "-m", "procy"])
        return HostSettings(name, name, procy=procy, lanes=lanes, evaluators=evaluators, options=("-F", self.config))

    def home(self, name: str = "big") -> Path:
        return self.root / "hosts" / name


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    if not SSHD:
        pytest.skip("sshd is not installed: apt install openssh-server")
    server = Sshd(tmp_path / "ssh")
    server.start()
    yield server
    ssh.close_all()
    server.stop()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A work tree with an evaluator."""
    return Bench(tmp_path)


def settings_of(*hosts: HostSettings) -> Settings:
    return Settings(hosts={host.name: host for host in hosts})


def job_of(bench: Bench, **job: object) -> Job:
    """Of an evaluator that measures no time, if no other is given."""
    evaluator = job.pop("evaluator", None) or bench.registered(metrics=COUNTED)
    return Job(evaluator=evaluator, repo=bench.repo, commit=bench.commit(), **job)  # type: ignore[arg-type]
