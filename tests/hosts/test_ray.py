"""Evaluators on a Ray cluster of two nodes on this machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from procy.errors import ConfigError, EvaluatorError, MissingExtra
from procy.evaluate.contract import Metric
from procy.evaluate.executors import executor_named
from procy.settings import Settings
from procy.settings.evolve import EvolveSettings
from tests.conftest import wait_until
from tests.evaluate.bench import Bench
from tests.hosts.conftest import job_of
from tests.hosts.test_executor import SLOW, TIMED, at_once, measured_together, processes

try:
    import ray
    from ray.cluster_utils import Cluster
except ImportError:
    ray = None
needs_ray = pytest.mark.skipif(ray is None, reason="Ray is not installed: pip install 'procy[ray]'")
MEMORY = 100 << 20


class Ray:
    """A head without cores, and two nodes of two each. Their procy has the data directory ``home``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cluster = Cluster()
        self.cluster.add_node(num_cpus=0, object_store_memory=MEMORY, include_dashboard=False)
        self.nodes = [self.add() for _ in range(2)]
        self.cluster.wait_for_nodes()

    def add(self) -> Any:
        return self.cluster.add_node(num_cpus=2, object_store_memory=MEMORY)

    def executor(self, bench: Bench) -> Any:
        return executor_named("ray", bench.places, Settings(evolve=EvolveSettings(ray=self.cluster.address)))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ray]:
    home = tmp_path_factory.mktemp("nodes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))  # Ray keeps a token there
        patch.setenv("PROCY_HOME", str(home))
        patch.setenv("PYTHONPATH", os.getcwd())
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        one = Ray(home)
        yield one
        ray.shutdown()
        one.cluster.shutdown()


@needs_ray
def test_measured(cluster: Ray, bench: Bench) -> None:
    heard: list[str] = []
    one, evaluator = cluster.executor(bench), bench.registered()
    base = bench.commit()
    bench.write("solution.py", "print('from there')\nSPEED = 5\n")
    sample = one.measure(job_of(bench, evaluator=evaluator, base_commit=base), heard.append)
    assert (sample.status, sample.score) == ("ok", 5.0), sample
    assert sample.host == ray.util.get_node_ip_address() and heard == ["from there\n"]
    assert (cluster.home / "evaluators" / evaluator.sha256 / "bench" / "eval.py").exists()
    assert one.measure(job_of(bench, evaluator=evaluator)).score == 5.0


@needs_ray
def test_every_other_end(cluster: Ray, bench: Bench) -> None:
    one, evaluator, base = cluster.executor(bench), bench.registered(), bench.commit()
    bench.evaluator_is("raise SystemExit('no data')")
    crashed = one.measure(job_of(bench))
    assert (crashed.status, crashed.reason) == ("crash", "exit status 1: no data")
    tampered = one.measure(job_of(bench, evaluator=evaluator, base_commit=base))
    assert (tampered.status, tampered.score) == ("tampered", None)
    with pytest.raises(EvaluatorError, match="has no stage 'smoke'"):
        one.measure(job_of(bench, stage="smoke"))


@needs_ray
def test_as_many_at_once_as_the_cluster_has_cores(cluster: Ray, bench: Bench) -> None:
    bench.evaluator_is(SLOW)
    samples = measured_together(cluster.executor(bench), bench, 6)
    assert {one.status for one in samples} == {"ok"}
    assert 2 <= at_once(samples) <= 4


@needs_ray
def test_times_have_a_node_for_themselves(cluster: Ray, bench: Bench) -> None:
    bench.evaluator_is(SLOW)
    one = cluster.executor(bench)
    timed = job_of(bench, evaluator=bench.registered(metrics=TIMED))
    place = one.place(timed)
    assert place["num_cpus"] == 2
    assert place["scheduling_strategy"].node_id == one.place(timed)["scheduling_strategy"].node_id
    assert at_once(measured_together(one, bench, 3, evaluator=timed.evaluator)) == 1


@needs_ray
def test_stopped_it_ends_there(cluster: Ray, bench: Bench) -> None:
    marks = bench.work.parent / "begun"
    bench.evaluator_is(f"import time\nopen({str(marks)!r}, 'w').close()\ntime.sleep(60)")
    stop = threading.Event()
    job = job_of(bench, evaluator=bench.registered(sandbox=False))
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(cluster.executor(bench).measure, job, None, stop)
        wait_until(marks.exists, 60, "the evaluator")
        stop.set()
        sample = future.result(30)
    assert (sample.status, sample.reason) == ("infra", "stopped")
    wait_until(lambda: not processes(f"PROCY_OUT={cluster.home}"), what="the end of the evaluator there")


@needs_ray
def test_a_node_that_dies_mid_task_costs_no_verdict(cluster: Ray, bench: Bench) -> None:
    marks = bench.work.parent / "marks"
    bench.evaluator_is(
        f"import json, os, time\nmine = os.open({str(marks)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)\n"
        "os.write(mine, b'x')\ntime.sleep(4)\nprint(json.dumps({'speed': 1, 'cost': 1}))\n"
    )
    metrics = (Metric(name="speed", kind="count"), Metric(name="cost"))
    job = job_of(bench, evaluator=bench.registered(sandbox=False, metrics=metrics))
    one = cluster.executor(bench)
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(one.measure, job) for _ in range(4)]  # both nodes are full
        wait_until(lambda: marks.exists() and marks.stat().st_size == 4, 60, "the evaluators")
        cluster.cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)
        samples = [future.result(100) for future in futures]
    assert [(sample.status, sample.reason) for sample in samples] == [("ok", "")] * 4
    assert marks.stat().st_size > 4, "some were begun anew"
    cluster.nodes.append(cluster.add())


@needs_ray
def test_a_node_that_dies_while_it_measures_time_is_no_verdict(cluster: Ray, bench: Bench) -> None:
    marks = bench.work.parent / "begun"
    bench.evaluator_is(f"import time\nopen({str(marks)!r}, 'w').close()\ntime.sleep(60)")
    one = cluster.executor(bench)
    job = job_of(bench, evaluator=bench.registered(sandbox=False, metrics=TIMED))
    chosen = one.place(job)["scheduling_strategy"].node_id
    node = next(node for node in cluster.nodes if node.node_id == chosen)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(one.measure, job)
        wait_until(marks.exists, 60, "the evaluator")
        cluster.cluster.remove_node(node, allow_graceful=False)
        sample = future.result(100)
    assert (sample.status, sample.score) == ("infra", None)
    assert sample.reason.startswith("Ray: ")
    cluster.nodes.remove(node)
    cluster.nodes.append(cluster.add())


@needs_ray
def test_no_cluster_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ray.shutdown()
    with pytest.raises(ConfigError, match="no Ray cluster is there"):
        executor_named("ray", bench.places, Settings(evolve=EvolveSettings(ray="127.0.0.1:9")))


def test_without_the_library_it_says_what_to_install(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "procy.evaluate.executors.ray", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'procy\[ray\]'"):
        executor_named("ray", bench.places, Settings())
