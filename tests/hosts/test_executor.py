"""Evaluators on hosts: every end that one can have there, and who gets which job."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from procy.errors import ConfigError, EvaluatorError
from procy.evaluate.contract import Metric
from procy.evaluate.executors import Executor, executor_named
from procy.evaluate.executors.local import LocalExecutor
from procy.evaluate.guest import measure_guest
from procy.evaluate.parcel import evaluator_from, is_kept, job_from, job_json, pack, sample_from, sample_json, unpack
from procy.evaluate.run import Sample
from procy.git import remove_tree
from procy.places import Places, make_home
from procy.settings.evolve import HostSettings
from tests.conftest import wait_until
from tests.evaluate.bench import Bench
from tests.hosts.conftest import COUNTED, Sshd, job_of, settings_of

SLOW = "import json, time\ntime.sleep(1.0)\nprint(json.dumps({'speed': 1, 'cost': 1}))\n"
TIMED = (Metric(name="speed", kind="time"), Metric(name="cost", direction="minimize"))


def executor(bench: Bench, *hosts: HostSettings) -> Executor:
    return executor_named("ssh", bench.places, settings_of(*hosts), ())


def at_once(samples: list[Sample]) -> int:
    """The most that ran together."""
    events = sorted(
        event for one in samples for event in ((one.started_ns, 1), (one.started_ns + one.duration_ms * 1_000_000, -1))
    )
    running = most = 0
    for _, step in events:
        running += step
        most = max(most, running)
    return most


def measured_together(one: Executor, bench: Bench, count: int, **job: object) -> list[Sample]:
    wanted = job_of(bench, **job)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: one.measure(wanted), range(count)))


# -- what becomes of one ------------------------------------------------------------------------------------------------


def test_measured(sshd: Sshd, bench: Bench) -> None:
    bench.evaluator_is(
        "import json, os, sys\nprint('working', flush=True)\nsys.path.insert(0, '.')\nimport solution\n"
        "json.dump({'metrics': {'speed': solution.SPEED, 'cost': 1.5}, 'feedback': ['slow in f', {'at': 3}],"
        " 'artifacts': {'seed': os.environ['PROCY_SEED']}}, open(os.environ['PROCY_OUT'], 'w'))\n"
    )
    heard: list[str] = []
    one = executor(bench, sshd.host())
    job = job_of(bench, seed=5)
    first = one.measure(job, heard.append)
    assert (first.status, first.score, first.host) == ("ok", 3.0, "big")
    assert first.feedback == ("slow in f", {"at": 3}) and first.artifacts == {"seed": "5"}
    assert "".join(heard) == first.output == "working\n"
    assert first.commit == job.commit
    bench.write("solution.py", "SPEED = 4\n")
    assert one.measure(job_of(bench)).score == 4.0
    assert not list((sshd.home() / "checkouts").iterdir())


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("raise SystemExit('no data')", "crash", "exit status 1: no data"),
        ("raise SystemExit(10)", "invalid", "exit status 10"),
        ("import time; time.sleep(60)", "timeout", "ran longer than 1 s"),
    ],
)
def test_it_fails_there_as_here(sshd: Sshd, bench: Bench, source: str, status: str, words: str) -> None:
    bench.evaluator_is(source)
    bench.toml("[stages.full]\ntimeout = 1")
    sample = executor(bench, sshd.host()).measure(job_of(bench))
    assert (sample.status, sample.score) == (status, None), sample
    assert words in sample.reason


def test_tampered(sshd: Sshd, bench: Bench) -> None:
    base, evaluator = bench.commit(), bench.registered()
    bench.evaluator_is('print(\'{"speed": 1000, "cost": 0}\')')
    sample = executor(bench, sshd.host()).measure(job_of(bench, evaluator=evaluator, base_commit=base))
    assert (sample.status, sample.score) == ("tampered", None)
    assert "bench/eval.py" in sample.reason


def test_pinned_files_that_somebody_changed_there_are_sent_again(sshd: Sshd, bench: Bench) -> None:
    one, evaluator = executor(bench, sshd.host()), bench.registered()
    one.measure(job_of(bench, evaluator=evaluator))
    there = sshd.home() / "evaluators" / evaluator.sha256 / "bench" / "eval.py"
    there.chmod(0o600)
    there.write_text('print(\'{"speed": 1000, "cost": 0}\')')
    assert one.measure(job_of(bench, evaluator=evaluator)).score == 3.0


def test_what_cannot_even_begin_is_an_error(sshd: Sshd, bench: Bench) -> None:
    with pytest.raises(EvaluatorError, match="has no stage 'smoke'"):
        executor(bench, sshd.host()).measure(job_of(bench, stage="smoke"))


# -- hosts that fail ----------------------------------------------------------------------------------------------------


def test_no_host_to_be_reached_is_no_verdict(sshd: Sshd, bench: Bench) -> None:
    sample = executor(bench, replace(sshd.host(), ssh="closed")).measure(job_of(bench))
    assert (sample.status, sample.score) == ("infra", None)
    assert "host big cannot be reached (ssh: connect to host 127.0.0.1 port" in sample.reason


def test_another_host_steps_in(sshd: Sshd, bench: Bench) -> None:
    one = executor(bench, replace(sshd.host("small"), ssh="closed"), sshd.host())
    assert [one.measure(job_of(bench)).host for _ in range(2)] == ["big", "big"]


def test_killed_there_it_is_measured_elsewhere(sshd: Sshd, bench: Bench) -> None:
    marks = bench.work.parent / "marks"
    bench.evaluator_is(
        f"import json, os, time\nmine = os.open({str(marks)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)\n"
        f"first = os.fstat(mine).st_size == 0\nos.write(mine, b'x')\ntime.sleep(60 if first else 0)\n"
        "print(json.dumps({'speed': 1, 'cost': 1}))\n"
    )
    evaluator = bench.registered(sandbox=False, metrics=COUNTED)
    one = executor(bench, sshd.host("big"), sshd.host("small"))
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(one.measure, job_of(bench, evaluator=evaluator))
        wait_until(marks.exists, what="the evaluator")
        for pid in processes(f"PROCY_HOME={sshd.home()}", "host job"):
            os.kill(pid, signal.SIGKILL)
        sample = future.result(60)
    assert (sample.status, sample.host) == ("ok", "small")


def test_a_server_that_ends_mid_run_is_no_verdict(sshd: Sshd, bench: Bench) -> None:
    bench.evaluator_is("import time\nprint('working', flush=True)\ntime.sleep(60)")
    one, begun = executor(bench, sshd.host()), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(one.measure, job_of(bench), lambda text: begun.set())
        assert begun.wait(30)
        sshd.stop()
        sample = future.result(60)
    assert (sample.status, sample.score) == ("infra", None)
    assert "host big" in sample.reason
    wait_until(lambda: not processes(f"PROCY_OUT={sshd.home()}"), 30, "the end of the evaluator there")


def test_stopped_it_ends_there(sshd: Sshd, bench: Bench) -> None:
    bench.evaluator_is("import time\nprint('working', flush=True)\ntime.sleep(60)")
    one, begun, stop = executor(bench, sshd.host()), threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(one.measure, job_of(bench), lambda text: begun.set(), stop)
        assert begun.wait(30)
        assert processes(f"PROCY_OUT={sshd.home()}")
        stop.set()
        sample = future.result(30)
    assert (sample.status, sample.reason) == ("infra", "stopped")
    wait_until(lambda: not processes(f"PROCY_OUT={sshd.home()}"), what="the end of the evaluator there")
    assert not processes(f"PROCY_HOME={sshd.home()}", "host job")


def processes(*words: str) -> list[int]:
    """Those that have all the words in their environment or command line."""
    listed = subprocess.run(["ps", "axeww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if all(word in line for word in words)]


# -- how many at once ---------------------------------------------------------------------------------------------------


def test_a_host_takes_as_many_as_it_says(sshd: Sshd, bench: Bench) -> None:
    bench.evaluator_is(SLOW)
    samples = measured_together(executor(bench, sshd.host(evaluators=2)), bench, 5)
    assert {one.status for one in samples} == {"ok"}
    assert at_once(samples) == 2


def test_times_are_measured_by_one_at_a_time(sshd: Sshd, bench: Bench) -> None:
    bench.evaluator_is(SLOW)
    evaluator = bench.registered(metrics=TIMED)
    hosts = (sshd.host("big", evaluators=3), sshd.host("small", evaluators=3))
    samples = measured_together(executor(bench, *hosts), bench, 3, evaluator=evaluator)
    assert at_once(samples) == 1
    assert {one.host for one in samples} == {"big"}, "times of two machines cannot be compared"


def test_another_process_measures_no_time_beside_it(sshd: Sshd, bench: Bench) -> None:
    bench.evaluator_is(SLOW)
    evaluator = bench.registered(metrics=TIMED)
    ones = [executor(bench, sshd.host()), executor(bench, sshd.host(evaluators=2))]
    with ThreadPoolExecutor(2) as pool:
        samples = list(pool.map(lambda one: one.measure(job_of(bench, evaluator=evaluator)), ones))
    assert at_once(samples) == 1


def test_what_measures_no_time_is_shared_among_hosts(sshd: Sshd, bench: Bench) -> None:
    bench.evaluator_is(SLOW)
    samples = measured_together(executor(bench, sshd.host("big"), sshd.host("small")), bench, 4)
    assert sorted(one.host for one in samples) == ["big", "big", "small", "small"]


def test_here_as_many_at_once_as_there_are_cores(bench: Bench) -> None:
    bench.evaluator_is(SLOW)
    assert at_once(measured_together(LocalExecutor(bench.places, cores=2), bench, 4)) == 2
    timed = bench.registered(metrics=TIMED)
    assert at_once(measured_together(LocalExecutor(bench.places, cores=4), bench, 3, evaluator=timed)) == 1


def test_here_a_job_that_waits_is_stopped_at_once(bench: Bench) -> None:
    bench.evaluator_is(SLOW)
    one, stop = LocalExecutor(bench.places, cores=1), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one.measure, job_of(bench))
        wait_until(lambda: not one.slots.free)
        second = pool.submit(one.measure, job_of(bench), None, stop)
        stop.set()
        assert second.result(10).reason == "stopped"
        assert first.result(30).status == "ok"


def test_hosts_of_the_run_are_chosen_by_name(sshd: Sshd, bench: Bench) -> None:
    settings = settings_of(sshd.host("big"), sshd.host("small"))
    one = executor_named("ssh", bench.places, settings, ("small",))
    assert one.measure(job_of(bench)).host == "small"
    with pytest.raises(ConfigError, match=r"no host 'bgi'. Did you mean big\?"):
        executor_named("ssh", bench.places, settings, ("bgi",))
    with pytest.raises(ConfigError, match="no host is there for evaluators"):
        executor_named("ssh", bench.places, settings_of(), ())
    with pytest.raises(ConfigError, match="Choose one of"):
        executor_named("slurm", bench.places, settings, ())


# -- on the way ---------------------------------------------------------------------------------------------------------


def test_a_job_and_a_sample_come_over_as_they_are(bench: Bench, tmp_path: Path) -> None:
    job = job_of(bench, seed=3, run_id="R", iteration=4, files_changed=("a", "b"), base_commit=bench.commit())
    home = str(tmp_path / "there")
    found = job_json(job)
    evaluator = evaluator_from(home, found["evaluator"], False)
    assert not is_kept(evaluator)
    evaluator.pinned.parent.mkdir(parents=True)
    unpack(evaluator, pack(job.evaluator))
    assert is_kept(evaluator)
    assert evaluator.contract == job.evaluator.contract
    again = job_from(found, bench.repo, job.evaluator)
    assert again == job
    sample = bench.measured()
    assert sample_from(sample_json(sample)) == sample


def test_other_files_than_the_pinned_are_refused(bench: Bench, tmp_path: Path) -> None:
    job = job_of(bench)
    evaluator = evaluator_from(str(tmp_path / "there"), job_json(job)["evaluator"], False)
    bench.evaluator_is("print(1)")
    with pytest.raises(EvaluatorError):
        unpack(evaluator, pack(bench.registered()))
    with pytest.raises(EvaluatorError, match="arrived broken"):
        unpack(evaluator, b"no tar")
    assert not evaluator.pinned.exists()


def test_what_the_evaluator_borrows_must_be_there(bench: Bench, tmp_path: Path) -> None:
    (bench.work / "data").mkdir()
    (bench.work / ".gitignore").write_text("data\n")
    evaluator = bench.registered(links=("data", "not even here"))
    found = job_json(job_of(bench, evaluator=evaluator))
    assert found["borrowed"] == ["data"]
    home = str(tmp_path / "there")
    places = Places(home, f"{home}/procy.db", f"{home}/spool", "")
    make_home(places)
    unpack(evaluator_from(home, found["evaluator"], True), pack(evaluator))
    assert sample_from(measure_guest(places, found, bench.repo)).status == "ok"
    remove_tree(bench.work / "data")
    sample = sample_from(measure_guest(places, found, bench.repo))
    assert sample.status == "infra" and "borrows from its work tree, is not on that machine" in sample.reason
