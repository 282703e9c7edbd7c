"""Where evaluators run: here, on hosts reached by ssh, or on a Ray cluster. One file each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from procy.errors import ConfigError
from procy.evaluate.job import Job
from procy.evaluate.run import Sample
from procy.places import Places
from procy.settings import Settings


class Executor(Protocol):
    """Takes jobs from several threads at once."""

    def measure(self, job: Job, on_output: Callable[[str], None] | None = None, stop: threading.Event | None = None) -> Sample:
        """One measurement. What fails on the way is a sample with status ``infra``, never a verdict. Raises EvaluatorError or
        GitError where it cannot even begin."""

    def close(self) -> None:
        """Let go of connections. Jobs that still run are ended."""


def executor_named(name: str, places: Places, settings: Settings, hosts: Sequence[str] = ()) -> Executor:
    """``hosts``: of ``[hosts]``, for ssh; () means all of them. Raises ConfigError, and MissingExtra without Ray's library."""
    if name == "local":
        from procy.evaluate.executors.local import LocalExecutor

        return LocalExecutor(places)
    if name == "ssh":
        from procy.evaluate.executors.ssh import SshExecutor

        return SshExecutor([settings.host(one) for one in dict.fromkeys(hosts or settings.hosts)])
    if name == "ray":
        from procy.evaluate.executors.ray import RayExecutor

        return RayExecutor(settings.evolve.ray)
    raise ConfigError(f"there is no executor {name!r}", "Choose one of local, ssh, ray")
