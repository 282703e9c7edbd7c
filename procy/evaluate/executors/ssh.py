"""Evaluators on hosts reached by ssh. Each host measures with its own procy; commits go there by git, pinned files by hash.

What measures time goes to the first of the hosts only, alone: times of two machines cannot be compared.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from procy.errors import ConfigError, HostError
from procy.evaluate.executors.slots import Slots
from procy.evaluate.host import Stopped
from procy.evaluate.job import Job
from procy.evaluate.parcel import job_json, pack, sample_from
from procy.evaluate.run import Sample, infra
from procy.hosts.mirror import key_of, push
from procy.hosts.ssh import Host, host_of
from procy.hosts.talk import ask
from procy.settings.evolve import HostSettings

AWAY_S = 60.0  # a host that failed is asked last for so long
ATTEMPTS = 3  # at one host that lacks something
LEAST_TRIED = 2  # hosts, or one of them twice
AGAIN_S = 2.0  # before the second time


@dataclass(slots=True, eq=False)
class Site:
    """``jobs``: that are there, or on their way. ``failed_at``: by the monotonic clock, when it last did; 0 where it did not."""

    host: Host
    slots: Slots
    jobs: int = 0
    failed_at: float = 0.0

    def rank(self, now: float) -> tuple[bool, float]:
        """The smallest is asked first."""
        return (bool(self.failed_at) and now - self.failed_at < AWAY_S, self.jobs / self.slots.count)


class SshExecutor:
    """See ``procy.evaluate.executors.Executor``."""

    def __init__(self, hosts: Sequence[HostSettings]) -> None:
        self.sites = [Site(host_of(one), Slots(one.evaluators)) for one in hosts if one.evaluators]
        self.lock, self.ended = threading.Lock(), threading.Event()
        if not self.sites:
            raise ConfigError("no host is there for evaluators", "Write one into the settings: [hosts.NAME]")

    def measure(self, job: Job, on_output: Callable[[str], None] | None = None, stop: threading.Event | None = None) -> Sample:
        job.evaluator.check()
        job = replace(
            job, commit=job.repo.resolve(job.commit), base_commit=job.repo.resolve(job.base_commit) if job.base_commit else ""
        )
        try:
            return self.first_sample(job, on_output or ignored, stop)
        except Stopped:
            return infra(job, "stopped")

    def first_sample(self, job: Job, said: Callable[[str], None], stop: threading.Event | None) -> Sample:
        """Of the hosts in turn, until one of them is not at fault itself. Raises Stopped."""
        troubles: list[str] = []
        tried: list[Site] = []
        while len(tried) < max(len(self.fit(job)), LEAST_TRIED):
            with self.chosen(job, tried) as site:
                tried.append(site)
                if tried.count(site) > 1:
                    self.pause(AGAIN_S, stop)
                try:
                    sample = self.sample_of(site, job, said, stop)
                except HostError as error:
                    sample = infra(job, error.what)
                if sample.status != "infra" or sample.reason == "stopped":
                    site.failed_at = 0.0
                    return sample
                site.failed_at = time.monotonic()
                troubles.append(sample.reason if site.host.name in sample.reason else f"host {site.host.name}: {sample.reason}")
        return infra(job, "; ".join(dict.fromkeys(troubles)))

    def fit(self, job: Job) -> list[Site]:
        return self.sites[:1] if job.evaluator.contract.is_timed else self.sites

    @contextmanager
    def chosen(self, job: Job, tried: Sequence[Site]) -> Iterator[Site]:
        """The one with the least to do, of those that were not tried yet."""
        with self.lock:
            left = [site for site in self.fit(job) if site not in tried] or self.fit(job)
            site = min(left, key=lambda one: one.rank(time.monotonic()))
            site.jobs += 1
        try:
            yield site
        finally:
            with self.lock:
                site.jobs -= 1

    def sample_of(self, site: Site, job: Job, said: Callable[[str], None], stop: threading.Event | None) -> Sample:
        """Raises HostError and Stopped."""
        wanted = site.slots.count if job.evaluator.contract.is_timed else 1
        request = {"repository": key_of(job.repo), "job": job_json(job)}
        data = b""
        with site.slots.taken(wanted, stop):
            for _ in range(ATTEMPTS):
                found = ask(site.host, "job", request, data, said, lambda: self.check(stop))
                if "sample" in found:
                    return replace(sample_from(found["sample"]), host=site.host.name)
                lacks = found["lacks"]
                if lacks["commits"]:
                    push(site.host, job.repo, lacks["path"], lacks["commits"])
                data = pack(job.evaluator) if lacks["evaluator"] else b""
        raise HostError(f"host {site.host.name} keeps nothing that it is sent", "Try there: procy doctor")

    def check(self, stop: threading.Event | None) -> None:
        if self.ended.is_set() or (stop and stop.is_set()):
            raise Stopped

    def pause(self, seconds: float, stop: threading.Event | None) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check(stop)
            time.sleep(0.1)

    def close(self) -> None:
        self.ended.set()


def ignored(text: str) -> None:
    """For output that nobody wants."""
