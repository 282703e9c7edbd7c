"""Evaluators on this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from procy.evaluate.contract import Contract
from procy.evaluate.executors.slots import Slots
from procy.evaluate.host import Stopped
from procy.evaluate.job import Job
from procy.evaluate.run import Sample, infra, measure
from procy.places import Places


class LocalExecutor:
    """See ``procy.evaluate.executors.Executor``. So many at once as the cores allow; that times are measured by one alone is seen
    to by ``measure``, also beside other processes."""

    def __init__(self, places: Places, cores: int | None = None) -> None:
        self.places = places
        self.cores = cores or os.cpu_count() or 1
        self.slots = Slots(self.cores)

    def measure(self, job: Job, on_output: Callable[[str], None] | None = None, stop: threading.Event | None = None) -> Sample:
        try:
            with self.slots.taken(cores_of(job.evaluator.contract, self.cores), stop):
                return measure(self.places, job, on_output, stop)
        except Stopped:
            return infra(job, "stopped")

    def close(self) -> None:
        """There is nothing to let go of."""


def cores_of(contract: Contract, most: int) -> int:
    """Of the cores of a host, how many an evaluator is given."""
    return min(contract.resources.cores or 1, most)
