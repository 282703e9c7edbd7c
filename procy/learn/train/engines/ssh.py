"""Trainings on a host that ssh reaches: nothing has to be installed there but Python and what trains, or Docker.

The host is told a fixed program and a folder; all else travels as files. The training is nobody's child there, so a link that
dies only ends the watching; what was not seen meanwhile is read from its files later.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from procy.errors import HostError, ProcyError
from procy.hosts.ssh import Host, host_of
from procy.learn.train.engines import Job, LinkLost, Look
from procy.learn.train.engines.parcel import as_tar, unpack_adapter
from procy.learn.train.engines.runner import answer_of, look_of
from procy.learn.train.plan import ADAPTER
from procy.settings import Settings

HOME = ".local/share/procy"  # there, where the settings name no data directory
SSH_FAILED = 255  # status of ssh where it is not that of the command
ENDS_S = 10.0  # in which ssh ends after its output


class Ssh:
    every_s = 2.0

    def __init__(self, settings: Settings, name: str) -> None:
        """Raises ConfigError where there is no such host."""
        self.settings = settings.host(name)

    @property
    def host(self) -> Host:
        return host_of(self.settings)

    def folder(self, job: Job) -> str:
        """There; a relative one is meant from the home directory."""
        return f"{(self.settings.dir or HOME).removeprefix('~/')}/trainings/{job.id}"

    def submit(self, job: Job) -> dict[str, Any]:
        there = shlex.quote(self.folder(job))
        unpack = f"umask 077 && mkdir -p {there} && tar -xzf - -C {there}"
        self.run(unpack, as_tar(job.folder))
        found = answer_of(self.run(self.runner(job, "start")).decode("utf-8", "replace"))
        return {"host": self.settings.name, "folder": self.folder(job), "pid": found.get("pid", 0)}

    def look(self, job: Job, known: Mapping[str, int]) -> Look:
        said = self.run(self.runner(job, "look", "--offsets", json.dumps(dict(known))))
        return look_of(answer_of(said.decode("utf-8", "replace")))

    def cancel(self, job: Job) -> None:
        self.run(self.runner(job, "cancel"))

    def fetch(self, job: Job) -> None:
        process = self.open(f"tar -cf - -C {shlex.quote(self.folder(job))} {ADAPTER}")
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            unpack_adapter(process.stdout, job.folder)
        except ProcyError:
            self.check_link(process)
            raise
        finally:
            process.kill()
            process.wait()

    def check_link(self, process: subprocess.Popen[bytes]) -> None:
        """Raises LinkLost where it was ssh that ended."""
        with suppress(subprocess.TimeoutExpired):
            if process.wait(ENDS_S) == SSH_FAILED:
                assert process.stderr is not None
                lost = self.host.unreachable(process.stderr.read().decode("utf-8", "replace"))
                raise LinkLost(lost.what, lost.remedy)

    # -- what is said there ---------------------------------------------------------------------------------------------

    def runner(self, job: Job, verb: str, *more: str) -> str:
        """A command line for the shell there."""
        there = self.folder(job)
        return shlex.join(["python3", f"{there}/train/run.py", verb, there, *more])

    def open(self, command: str) -> subprocess.Popen[bytes]:
        try:
            return self.host.open(command)
        except HostError as error:
            raise LinkLost(error.what, error.remedy) from error

    def run(self, command: str, data: bytes = b"") -> bytes:
        """What it prints. Raises LinkLost, ProcyError."""
        process = self.open(command)
        out, err = process.communicate(data)
        if process.returncode == SSH_FAILED:
            lost = self.host.unreachable(err.decode("utf-8", "replace"))
            raise LinkLost(lost.what, lost.remedy)
        if process.returncode:
            lines = err.decode("utf-8", "replace").strip().splitlines()
            last = lines[-1] if lines else f"exit status {process.returncode}"
            raise ProcyError(
                f"host {self.settings.name} cannot train ({last})", f"Try by hand: ssh {self.settings.ssh} python3 --version"
            )
        return out
