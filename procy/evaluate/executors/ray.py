"""Evaluators on a Ray cluster that is there already. Its nodes have procy installed; commits and pinned files go to them as
objects of Ray's store, and Ray begins a task anew whose node is lost.

What measures time has one node for itself, and always the same: times of two machines cannot be compared.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from procy import __version__, errors
from procy.errors import ConfigError, EvaluatorError, MissingExtra, ProcyError
from procy.evaluate.executors.local import cores_of
from procy.evaluate.guest import measure_parcel
from procy.evaluate.host import Stopped
from procy.evaluate.job import Job
from procy.evaluate.parcel import job_json, pack, sample_from
from procy.evaluate.run import Sample, infra
from procy.hosts.mirror import key_of, packed

try:
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    raise MissingExtra("the executor ray needs Ray, which is not installed", "pip install 'procy[ray]'") from error

RETRIES = 3  # of a task whose node or process is lost
POLL_S = 0.2
KNOCK_S = 10.0
END_S = 10.0  # that a task is given to end what it has begun


@dataclass(frozen=True, slots=True)
class Node:
    """``key``: Ray's name of it; ``address``: what it keeps when it is started again."""

    key: str
    address: str
    cores: float


class RayExecutor:
    """See ``procy.evaluate.executors.Executor``. ``address``: "" for the cluster that this machine belongs to."""

    def __init__(self, address: str = "") -> None:
        try:
            knock(address)
            ray.init(address or "auto", log_to_driver=False, configure_logging=False, ignore_reinit_error=True)
        except (OSError, ValueError, RuntimeError) as error:
            what = f"no Ray cluster is there ({str(error).splitlines()[0]})"
            raise ConfigError(what, 'Start one: ray start --head; or name it: [evolve] ray = "ADDRESS"') from error
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.objects: dict[str, Any] = {}  # what was put into the store, by what it is
        self.clock = ""  # address of the node that measures times

    def measure(self, job: Job, on_output: Callable[[str], None] | None = None, stop: threading.Event | None = None) -> Sample:
        """What it prints comes all at once, when it is over."""
        job.evaluator.check()
        base = job.repo.resolve(job.base_commit) if job.base_commit else ""
        job = replace(job, commit=job.repo.resolve(job.commit), base_commit=base)
        try:
            sample = self.sample_of(job, stop)
        except Stopped:
            return infra(job, "stopped")
        except RayError as error:
            return infra(job, f"Ray: {in_short(error)}")
        if on_output and sample.output:
            on_output(sample.output)
        return sample

    def sample_of(self, job: Job, stop: threading.Event | None) -> Sample:
        """Raises RayError, Stopped, and the ProcyError that was raised there."""
        task = ray.remote(measure_there).options(name=f"procy {job.evaluator.name}", **self.place(job))
        found = self.await_result(task.remote(__version__, key_of(job.repo), job_json(job), self.parcel(job)), stop)
        if "kind" in found:
            kind = getattr(errors, found["kind"], ProcyError)
            raise kind(found["what"], found["remedy"])
        return replace(sample_from(found["sample"]), host=found["node"])

    def await_result(self, task: Any, stop: threading.Event | None) -> dict[str, Any]:
        while not ray.wait([task], timeout=POLL_S)[0]:
            if self.ended.is_set() or (stop and stop.is_set()):
                ray.cancel(task)
                if not ray.wait([task], timeout=END_S)[0]:
                    ray.cancel(task, force=True)
                raise Stopped
        return dict(ray.get(task))

    # -- where ----------------------------------------------------------------------------------------------------------

    def place(self, job: Job) -> dict[str, Any]:
        """What of the cluster it takes. Raises EvaluatorError where there is no such node."""
        nodes = alive()
        contract = job.evaluator.contract
        if not contract.is_timed:
            return {"num_cpus": cores_of(contract, int(nodes[0].cores)), "max_retries": RETRIES}
        with self.lock:
            self.clock = self.clock or nodes[0].address
        node = next((node for node in nodes if node.address == self.clock), None)
        if node is None:
            what = f"node {self.clock} of the Ray cluster, on which all times of this run were measured, is gone"
            raise EvaluatorError(what, "Start it again, or begin a new run")
        strategy = NodeAffinitySchedulingStrategy(node.key, soft=False)
        return {"num_cpus": node.cores, "scheduling_strategy": strategy, "max_retries": 0}

    # -- what is sent ---------------------------------------------------------------------------------------------------

    def parcel(self, job: Job) -> dict[str, Any]:
        """References, each in a list so that a node gets only what it lacks: Ray fetches plain ones beforehand."""
        base = job.base_commit or job.commit
        own = "" if base == job.commit else job.commit
        return {
            "base": [self.kept(base, lambda: packed(job.repo, base))],
            "own": [self.kept(own, lambda: packed(job.repo, own, base))] if own else [],
            "evaluator": [self.kept(job.evaluator.sha256, lambda: pack(job.evaluator))],
        }

    def kept(self, key: str, made: Callable[[], bytes]) -> Any:
        with self.lock:
            if key not in self.objects:
                self.objects[key] = ray.put(made())
            return self.objects[key]

    def close(self) -> None:
        """Jobs that still run are ended. The connection is the process's, and goes with it."""
        self.ended.set()
        self.objects.clear()


def in_short(error: RayError) -> str:
    """Its first sentence; of an error in the task the last line of the traceback."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1] if isinstance(error, RayTaskError) else lines[0]


def knock(address: str) -> None:
    """Raises OSError where nobody listens at an address; Ray itself would try for minutes."""
    machine, _, port = address.rpartition("://")[2].rpartition(":")
    if machine and port.isdigit():
        socket.create_connection((machine.strip("[]"), int(port)), KNOCK_S).close()


def alive() -> list[Node]:
    """Those that have cores; the one with the most first, and of equals always the same. Raises EvaluatorError."""
    found = [
        Node(one["NodeID"], one["NodeManagerAddress"], one["Resources"]["CPU"])
        for one in ray.nodes()
        if one["Alive"] and one["Resources"].get("CPU", 0) >= 1
    ]
    if not found:
        raise EvaluatorError("no node of the Ray cluster has a core", "See them: ray status")
    return sorted(found, key=lambda node: (-node.cores, node.address, node.key))


def measure_there(version: str, repository: str, job: Mapping[str, Any], parcel: Mapping[str, Any]) -> dict[str, Any]:
    """On a node of the cluster: the sample as JSON, or an error."""
    if version != __version__:
        what = f"the nodes of the Ray cluster have procy {__version__}, and here it is {version}"
        return {"kind": "EvaluatorError", "what": what, "remedy": "Install the same version on all"}
    try:
        sample = measure_parcel(repository, job, lambda name: bytes(ray.get(parcel[name][0])))
    except ProcyError as error:
        return {"kind": type(error).__name__, "what": error.what, "remedy": error.remedy}
    return {"sample": sample, "node": ray.util.get_node_ip_address()}
