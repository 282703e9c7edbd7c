"""An evaluator really run: every status, every limit, and nothing left behind."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from procy.errors import EvaluatorError, GitError
from procy.evaluate import run as run_module
from procy.evaluate.contract import Metric, Resources
from procy.evaluate.process import KEPT
from procy.evaluate.register import evaluator_by_id, find_evaluator
from procy.evaluate.sandbox import why_not
from procy.git import remove_tree
from procy.places import find_places
from procy.store import evaluations
from procy.store.db import open_reader
from procy.store.write import written
from tests.conftest import is_running, wait_until
from tests.evaluate.bench import RETURNS, Bench

SANDBOXES = [False, pytest.param(True, marks=pytest.mark.skipif(bool(why_not(False)), reason=why_not(False)))]
DETACHED = "# {root}\nimport os, sys, time; os.setsid(); open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(300)"
PRINTS = "import json\nprint(json.dumps({}))\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def printing(*lines: str) -> str:
    return "\n".join(f"print({line!r})" for line in lines)


# -- statuses -----------------------------------------------------------------------------------------------------------


def test_measured(bench: Bench) -> None:
    heard: list[str] = []
    bench.evaluator_is(
        "import json, os\n"
        "print('working')\n"
        "json.dump({'schema': 1, 'valid': True, 'metrics': {'speed': 7, 'cost': 1.5, 'note': 'x'}, 'instances': {'q1':"
        " {'speed': 6}}, 'feedback': ['slow in f', {'at': 3}], 'artifacts': {'profile': 'f 90 %'}},"
        " open(os.environ['PROCY_OUT'], 'w'))\n"
    )
    commit = bench.commit()
    sample = bench.measured(commit=commit, on_output=heard.append)
    assert (sample.status, sample.reason, sample.score) == ("ok", "", 7.0)
    assert sample.metrics == {"speed": 7.0, "cost": 1.5} and sample.instances == {"q1": {"speed": 6.0}}
    assert sample.feedback == ("slow in f", {"at": 3}) and sample.artifacts == {"profile": "f 90 %"}
    assert sample.output == "working\n" == "".join(heard)
    assert sample.exit_code == 0 and sample.host and sample.commit == commit
    assert bench.leftovers() == []


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ('print(\'{"speed": 1, "cost": 1}\')', "ok", ""),
        (printing('{"speed": 1}', "not this {", '{"speed": 2, "cost": 1}', "bye", "{broken"), "ok", ""),
        ("raise SystemExit(10)", "invalid", "exit status 10"),
        (printing('{"metrics": {"speed": 1}, "valid": false, "reason": "it cheats"}'), "invalid", "it cheats"),
        (printing('{"speed": NaN}'), "invalid", "speed is NaN"),
        (printing('{"speed": 1, "cost": 1e999}'), "invalid", "cost is Infinity"),
        (printing('{"speed": "fast"}'), "invalid", 'speed is "fast", and no number'),
        (printing('{"cost": 1}'), "invalid", "lacks speed, which is the objective"),
        (printing('{"speed": 1' + "0" * 400 + "}"), "invalid", "speed is"),
        ("import sys; print('{\"speed\": 1}', file=sys.stderr)", "crash", "gave no result"),
        (printing("[1]"), "crash", "gave no result"),
        ("print('{\"speed\": ' + '[' * 100000)", "crash", "gave no result"),
        ("import os; os.symlink('/etc/hostname', os.environ['PROCY_OUT'])", "crash", "gave no result"),
        ("import os; os.mkfifo(os.environ['PROCY_OUT'])", "crash", "gave no result"),
        (printing('{"speed": 1}') + "\nraise ValueError('no data')", "crash", "exit status 1: ValueError: no data"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash", f"signal {signal.SIGSEGV.value}"),
    ],
)
def test_statuses(bench: Bench, source: str, status: str, words: str) -> None:
    bench.evaluator_is(source)
    sample = bench.measured()
    assert (sample.status, sample.score is None) == (status, status != "ok"), sample
    assert words in sample.reason


def test_the_last_line_counts(bench: Bench) -> None:
    bench.evaluator_is(printing('{"speed": 1}', '{"speed": 2}', "[3]", "done"))
    assert bench.measured().score == 2


def test_a_command_that_is_not_there(bench: Bench) -> None:
    bench.write(".procy/eval.toml", 'command = ["./no-such"]\n[metrics]\nspeed = "maximize"\n')
    sample = bench.measured(bench.registered(sandbox=False))
    assert (sample.status, sample.reason) == ("crash", "cannot start ./no-such: No such file or directory")


def test_minimise(bench: Bench) -> None:
    bench.toml('objective = "cost"')
    assert bench.measured().score == -2


def test_a_broken_constraint(bench: Bench) -> None:
    bench.toml('constraints = ["cost <= 1"]')
    sample = bench.measured()
    assert (sample.status, sample.score) == ("invalid", None)
    assert sample.reason == "cost is 2, and must be at most 1" and sample.metrics["speed"] == 3


def test_the_machine_is_at_fault(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """75 is tried again; the third time it stands."""
    monkeypatch.setattr(run_module, "PAUSES_S", (0.01, 0.01))
    bench.toml("sandbox = false")
    bench.evaluator_is(f"open({str(tmp_path / 'times')!r}, 'a').write('x'); raise SystemExit(75)")
    sample = bench.measured()
    assert (sample.status, (tmp_path / "times").read_text()) == ("infra", "xxx")
    bench.evaluator_is(
        f"import os; there = os.path.exists({str(tmp_path / 'once')!r}); open({str(tmp_path / 'once')!r}, 'w')\n"
        "if not there: raise SystemExit(75)\n" + printing('{"speed": 1}')
    )
    assert bench.measured().status == "ok"


def test_guards(bench: Bench) -> None:
    bench.toml('guards = ["grep -q SPEED solution.py", "! grep -q BAD solution.py"]')
    assert bench.measured().status == "ok"
    bench.write("solution.py", "BAD = SPEED = 3\n")
    sample = bench.measured()
    assert (sample.status, sample.exit_code) == ("invalid", 1)
    assert sample.reason == "the guard '! grep -q BAD solution.py' failed with exit status 1"
    assert bench.measured(stage="confirm").status == "ok"  # it was guarded when it was measured first


def test_a_guard_cannot_change_the_evaluator(bench: Bench) -> None:
    bench.toml('guards = ["echo 1/0 > bench/eval.py; echo {} > $PROCY_OUT"]')
    assert bench.measured().score == 3


def test_stages(bench: Bench) -> None:
    bench.evaluator_is("import os; print('{\"speed\": %d}' % (os.environ['PROCY_STAGE'] == 'smoke'))")
    bench.toml(tables="[stages.smoke]\ntimeout = 5\n")
    assert [bench.measured(stage=name).score for name in ("smoke", "full", "confirm")] == [1, 0, 0]
    bench.toml()
    with pytest.raises(EvaluatorError, match="no stage 'smoke'"):
        bench.measured(stage="smoke")


def test_a_commit_that_is_not_there(bench: Bench) -> None:
    with pytest.raises(GitError, match="has no commit 'nowhere'"):
        bench.measured(commit="nowhere")


def test_no_room_for_a_checkout(bench: Bench) -> None:
    """The folder of checkouts is on a disk that is full: nothing can be made in it."""
    evaluator = bench.registered()
    checkouts = Path(bench.places.home) / "checkouts"
    checkouts.symlink_to("/dev/full")
    sample = bench.measured(evaluator)
    assert sample.status == "infra" and "no checkout could be made under" in sample.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk(bench: Bench) -> None:
    evaluator = bench.registered()
    checkouts = Path(bench.places.home) / "checkouts"
    checkouts.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(checkouts)], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        bench.write("large", os.urandom(1 << 20).hex() * 12)
        sample = bench.measured(evaluator)
        assert sample.status == "infra" and "it needs 24 MB" in sample.reason, sample
        (checkouts / "fill").write_bytes(b"x" * (10 << 20))
        assert "free disk space" in bench.measured(evaluator).reason
    finally:
        subprocess.run(["umount", str(checkouts)], check=True)


# -- time and processes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sandbox", SANDBOXES)
@pytest.mark.parametrize("end", ["time.sleep(300)", "while True: print('x' * 100, flush=True)", "pass"])
def test_nothing_is_left(bench: Bench, tmp_path: Path, sandbox: bool, end: str) -> None:
    """A child, a grandchild with a session of its own, and one whose parent has gone: within the limit and a second."""
    pids = tmp_path / "pids" if not sandbox else Path("pids")
    bench.evaluator_is(
        "import os, subprocess, sys, time\n"
        f"code, path = {DETACHED.replace('{root}', str(tmp_path))!r}, {str(pids)!r}\n"
        "subprocess.Popen([sys.executable, '-c', code, path])\n"
        "again = f'import subprocess, sys; subprocess.Popen([sys.executable, \"-c\", {code!r}, {path!r}])'\n"
        "subprocess.run([sys.executable, '-c', again])\n"
        "while not os.path.exists(path) or open(path).read().count('\\n') < 2: time.sleep(0.01)\n"
        "print('{\"speed\": 1}', flush=True)\n"
        f"{end}\n"
    )
    began = time.monotonic()
    sample = bench.measured(bench.registered(sandbox=sandbox, stages=short(bench, 2.0)))
    took = time.monotonic() - began
    assert sample.status == ("ok" if end == "pass" else "timeout")
    assert end == "pass" or sample.reason == "ran longer than 2 s and was ended"
    assert sample.duration_ms < 3000 and took < 4.5
    assert sandbox or end != "pass" or sample.left == 2
    if not sandbox:
        assert [pid for pid in pids.read_text().split() if is_running(int(pid))] == []
    assert [one for one in psutil.process_iter(["cmdline"]) if f"# {tmp_path}\\n" in str(one.info["cmdline"])] == []
    assert bench.leftovers() == []


def short(bench: Bench, seconds: float):
    return tuple(replace(stage, timeout_s=seconds) for stage in bench.registered().contract.stages)


def test_one_that_kills_its_keeper(bench: Bench, tmp_path: Path) -> None:
    """Without a sandbox it can kill the process that watches over it. It is found by its environment."""
    pid = tmp_path / "pid"
    bench.evaluator_is(
        f"import os, signal, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n"
        "os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(300)\n"
    )
    sample = bench.measured(bench.registered(sandbox=False, stages=short(bench, 1.0)))
    assert sample.status in ("infra", "timeout"), sample
    assert not is_running(int(pid.read_text()))


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_procy_is_killed(bench: Bench, tmp_path: Path, sandbox: bool) -> None:
    """Its evaluator ends with it, and the next measurement removes the checkout."""
    bench.evaluator_is("import time\nprint('up', flush=True)\ntime.sleep(300)\n")
    evaluator = bench.registered(sandbox=sandbox)
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.evaluate.bench import *\n"
        "from procy.evaluate.register import evaluator_by_id\nfrom procy.store.db import open_reader\n"
        "places, work, key = eval(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]\n"
        "repo = find_repo(work, Path(places.home) / 'shadows')\n"
        "one = evaluator_by_id(open_reader(places.db), places, key)\n"
        "measure(places, Job(evaluator=one, repo=repo, commit='HEAD'), lambda text: print(text, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, repr(bench.places), str(bench.work), evaluator.id],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:  # fmt: skip
        assert process.stdout.readline() == b"up\n"
        below = psutil.Process(process.pid).children(recursive=True)
        assert below and bench.leftovers()
        process.kill()
    wait_until(lambda: not any(is_running(one.pid) for one in below), 5, "the end of all below")
    bench.evaluator_is(printing('{"speed": 1}'))
    assert bench.measured().status == "ok" and bench.leftovers() == []
    assert len(bench.git("worktree", "list").splitlines()) == 1


def test_stop(bench: Bench) -> None:
    stop = threading.Event()
    bench.evaluator_is("import time\nprint('up', flush=True)\ntime.sleep(300)\n")
    sample = bench.measured(on_output=lambda text: stop.set(), stop=stop)
    assert (sample.status, sample.reason, sample.output) == ("infra", "stopped", "up\n")
    assert sample.duration_ms < 5000


def test_a_measurement_of_time_has_the_host_alone(bench: Bench) -> None:
    bench.evaluator_is("import time; begun = time.time(); time.sleep(0.4); print({'speed': 1, 'a': begun})".replace("'", '"'))
    counted, timed = (bench.registered(metrics=(Metric(name="speed", kind=kind),)) for kind in ("count", "time"))
    assert timed.contract.is_timed and not counted.contract.is_timed

    def spans(evaluator) -> list[tuple[float, float]]:
        samples: list[tuple[float, float]] = []
        threads = [
            threading.Thread(target=lambda: samples.append(span(bench.measured(evaluator, commit="HEAD")))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(samples)

    def span(sample) -> tuple[float, float]:
        return sample.started_ns, sample.started_ns + sample.duration_ms * 1_000_000

    apart = spans(timed)
    assert all(left[1] <= right[0] for left, right in pairwise(apart)), apart
    together = spans(counted)
    assert any(left[1] > right[0] for left, right in pairwise(together)), together


# -- limits -------------------------------------------------------------------------------------------------------------


def test_limits(bench: Bench) -> None:
    bench.evaluator_is("x = bytearray(300 << 20); print('{\"speed\": 1}')")
    sample = bench.measured(bench.registered(resources=Resources(memory_mb=100)))
    assert sample.status == "crash" and "MemoryError" in sample.reason
    assert bench.measured(bench.registered(resources=Resources(memory_mb=600))).status == "ok"
    bench.evaluator_is("while True: pass")
    sample = bench.measured(bench.registered(resources=Resources(cpu_s=1)))
    assert (sample.status, sample.reason) == ("timeout", "used more than 1 s of CPU time and was ended")
    bench.evaluator_is("import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); open('x', 'wb').write(b'x' * (3 << 20))")
    sample = bench.measured(bench.registered(resources=Resources(files_mb=1)))
    assert (sample.status, sample.reason) == ("crash", "a file became larger than it may")
    bench.evaluator_is("import os; print('{\"speed\": %d}' % len(os.sched_getaffinity(0)))")
    assert bench.measured(bench.registered(resources=Resources(cores=1))).score == 1


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_huge_output_is_bounded(bench: Bench, sandbox: bool) -> None:
    heard = [0]

    def hear(text: str) -> None:
        heard[0] += len(text)

    bench.evaluator_is(
        "import sys\nfor number in range(400000): print('line', number)\n"
        "sys.stdout.write('x' * (9 << 20))\nprint()\nprint('{\"speed\": 1}')\nprint('the end')\n"
    )
    sample = bench.measured(bench.registered(sandbox=sandbox), on_output=hear)
    assert (sample.status, sample.score) == ("ok", 1)
    assert len(sample.output) <= KEPT + 2 and sample.output.endswith("the end\n") and heard[0] > 14_000_000


def test_output_that_is_no_text(bench: Bench) -> None:
    bench.evaluator_is(
        "import os; os.write(1, b'caf\\xe9 \\xf0\\x9f\\x91' + b'\\n{\"speed\": 1}\\n'); os.write(2, b'\\xff\\xfe')"
    )
    sample = bench.measured()
    assert sample.status == "ok" and sample.output.startswith("caf\ufffd \ufffd")


def test_secrets_are_masked(bench: Bench) -> None:
    key = "ghp_" + "a1" * 20
    bench.evaluator_is(
        f"import json\nprint('with {key}')\n"
        f"print(json.dumps({{'metrics': {{'speed': 1}}, 'feedback': [{{'at': ['{key}']}}], 'artifacts': {{'a': '{key}'}}}}))"
    )
    sample = bench.measured()
    assert sample.status == "ok" and key not in repr((sample.output, sample.feedback, sample.artifacts))


# -- what it sees -------------------------------------------------------------------------------------------------------


def test_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANTED", "WANTED_TOO", "UNWANTED", "PROCY_HOME"):
        monkeypatch.setenv(name, "1")
    bench.toml('env = ["WANTED*", "THREADS=4"]\nseeds = [5, 6]')
    bench.evaluator_is(
        "import json, os\n"
        "print(json.dumps({'metrics': {'speed': 1}, 'artifacts': {'env': dict(os.environ), 'cwd': os.getcwd()}}))"
    )
    sample = bench.measured(try_id="T1")
    found = sample.artifacts["env"]
    assert {"WANTED", "WANTED_TOO", "PATH", "HOME"} <= set(found) and not {"UNWANTED", "PROCY_HOME"} & set(found)
    assert (found["THREADS"], found["PROCY_SEED"], found["PROCY_TRY"], found["PROCY_STAGE"]) == ("4", "5", "T1", "full")
    assert sample.seed == 5 and found["TMPDIR"] == found["PROCY_TMP"]
    assert sample.artifacts["cwd"].startswith(bench.places.home)
    assert bench.measured(seed=9).artifacts["env"]["PROCY_SEED"] == "9"


def test_clean_checkout(bench: Bench) -> None:
    """Neither what is ignored nor what was written by an earlier run is there, but what is linked."""
    bench.write(".gitignore", "data/\nbuild/\n")
    bench.write("data/points", "4")
    bench.write("build/old", "")
    bench.toml('link = ["data"]')
    bench.evaluator_is(
        "import os\nassert not os.path.exists('build')\nos.mkdir('build')\nprint('{\"speed\": %s}' % open('data/points').read())"
    )
    assert [bench.measured().score for _ in range(2)] == [4, 4]
    assert (bench.work / "build/old").exists()


@pytest.mark.skipif(bool(why_not(False)), reason=why_not(False))
def test_the_sandbox(bench: Bench, tmp_path: Path) -> None:
    """Only the checkout and /tmp can be written; there is no network; what procy knows cannot be read."""
    secret = Path(bench.places.home) / "secret"
    secret.write_text("x")
    bench.evaluator_is(
        "import json, os, socket\n"
        "def tried(what):\n"
        "    try: what()\n"
        "    except OSError: return 0\n"
        "    return 1\n"
        f"can = dict(outside=tried(lambda: open({str(bench.work / 'made')!r}, 'w')),\n"
        f"    below_tmp=tried(lambda: open({str(tmp_path / 'made')!r}, 'w')), home=tried(lambda: open({str(secret)!r})),\n"
        "    inside=tried(lambda: open('made', 'w')), tmp=tried(lambda: open('/tmp/made', 'w')),\n"
        "    net=len(socket.if_nameindex()), processes=len([p for p in os.listdir('/proc') if p.isdigit()]))\n"
        "print(json.dumps({'metrics': {'speed': 1}, 'artifacts': can}))"
    )
    found = bench.measured().artifacts
    assert {name: found[name] for name in ("outside", "home", "inside", "tmp", "net")} == {
        "outside": 0, "home": 0, "inside": 1, "tmp": 1, "net": 1,
    }  # fmt: skip
    assert found["processes"] < 6 and not (bench.work / "made").exists() and not (tmp_path / "made").exists()


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_a_data_directory_behind_a_link(bench: Bench, tmp_path: Path, sandbox: bool) -> None:
    """And one that holds the work tree itself, as ``--db ./procy.db`` makes it."""
    bench.evaluator_is(RETURNS + "\nimport subprocess; subprocess.run(['git', 'status'], check=True)")
    (tmp_path / "link").symlink_to(bench.places.home)
    bench.places = find_places(str(tmp_path / "link" / "procy.db"))
    assert bench.measured(bench.registered(sandbox=sandbox)).status == "ok"
    bench.places = find_places(str(bench.work / "procy.db"))
    bench.write(".gitignore", "checkouts\nevaluators\n*.db*\nspool\n*.lock\n")
    sample = bench.measured(bench.registered(sandbox=sandbox))
    assert sample.status == "ok", sample


def test_the_candidate_may_be_a_commit_of_long_ago(bench: Bench) -> None:
    first = bench.commit()
    bench.write("solution.py", "SPEED = 8\n")
    assert [bench.measured(commit=commit).score for commit in (first, bench.commit())] == [3, 8]


def test_a_change_that_git_could_overlook(bench: Bench) -> None:
    """As large as before, and in the same second in which the index was written."""
    then = time.time() - 100
    bench.git("config", "core.trustctime", "false")
    for number, text in enumerate(("SPEED = 4\n", "SPEED = 5\n")):
        os.utime(bench.write("solution.py", text), (then, then))
        if number == 0:
            bench.git("add", "-A")
            os.utime(bench.work / ".git/index", (then, then))
    assert bench.git("show", f"{bench.commit()}:solution.py") == "SPEED = 5"


def test_a_directory_without_git(tmp_path: Path) -> None:
    bench = Bench(tmp_path, git=False)
    assert bench.measured().score == 3
    bench.write("solution.py", "SPEED = 4\n")
    assert bench.measured().score == 4 and not (bench.work / ".git").exists()


def test_a_directory_within_the_work_tree(bench: Bench) -> None:
    """`.procy` of a part of a larger repository: that part is where it runs."""
    bench.write("part/.procy/eval.toml", f'command = ["{sys.executable}", "judge.py"]\n[metrics]\nspeed = "maximize"\n')
    bench.write("part/judge.py", "print('{\"speed\": %s}' % open('value').read())")
    bench.write("part/value", "12")
    from procy.evaluate.reading import read_file
    from procy.evaluate.register import own_files, register

    definition = read_file(bench.work / "part/.procy/eval.toml", "part")
    evaluator = register(bench.places, bench.repo, definition.contract, own_files(bench.repo, definition.contract))
    assert list(evaluator.files) == ["part/judge.py"]
    assert bench.measured(evaluator).score == 12


# -- tampering ----------------------------------------------------------------------------------------------------------


def tampered(bench: Bench, base: str) -> str:
    sample = bench.measured(find(bench), base_commit=base)
    return sample.reason if sample.status == "tampered" else sample.status


def find(bench: Bench):
    with open_reader(bench.places.db) as connection:
        return find_evaluator(connection, bench.places, bench.repo.root)


def test_tampering(bench: Bench) -> None:
    bench.toml('protect = ["tests/**", "conftest.py"]')
    bench.write("tests/test_a.py", "")
    evaluator, base = bench.registered(), bench.commit()
    eval_py = bench.work / "bench/eval.py"
    source = eval_py.read_text()

    bench.write("solution.py", "SPEED = 4\n")
    assert tampered(bench, base) == "ok"
    bench.evaluator_is(source + "\n# faster")
    assert tampered(bench, base) == "the candidate changed what is protected: bench/eval.py"
    eval_py.unlink()
    assert "bench/eval.py" in tampered(bench, base)
    eval_py.symlink_to("/etc/hostname")
    assert "bench/eval.py" in tampered(bench, base)
    eval_py.unlink()
    (bench.work / "bench").rename(bench.work / "elsewhere")
    (bench.work / "bench").symlink_to("elsewhere")
    assert "bench" in tampered(bench, base)
    (bench.work / "bench").unlink()
    (bench.work / "elsewhere").rename(bench.work / "bench")
    bench.evaluator_is(source)
    assert tampered(bench, base) == "ok"
    bench.write("src/conftest.py", "")
    assert "src/conftest.py" in tampered(bench, base)
    (bench.work / "src/conftest.py").unlink()
    bench.write("tests/test_a.py", "assert False")
    assert "tests/test_a.py" in tampered(bench, base)
    bench.write("tests/test_a.py", "")
    bench.toml()
    assert ".procy/eval.toml" in tampered(bench, base)
    assert evaluator.sha256 == find(bench).sha256


def test_the_pinned_one_is_run(bench: Bench, tmp_path: Path) -> None:
    """Whatever stands in its place, and no file outside is written through a link."""
    evaluator = bench.registered()
    eval_py = bench.work / "bench/eval.py"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "eval.py").write_text("theirs")
    eval_py.write_text("print('{\"speed\": 99}')")
    assert bench.measured(evaluator).score == 3
    eval_py.unlink()
    assert bench.measured(evaluator).score == 3
    eval_py.symlink_to(outside / "eval.py")
    assert bench.measured(evaluator).score == 3
    remove_tree(bench.work / "bench")
    (bench.work / "bench").symlink_to(outside)
    assert bench.measured(evaluator).score == 3
    assert (outside / "eval.py").read_text() == "theirs"
    (bench.work / "bench").unlink()
    bench.write("bench", "a file")
    assert bench.measured(evaluator).score == 3
    (bench.work / "bench").unlink()
    bench.write("bench/eval.py/deeper", "a folder")
    assert bench.measured(evaluator).score == 3


def test_the_pinned_files_are_checked(bench: Bench) -> None:
    evaluator = bench.registered()
    pinned = evaluator.pinned / "bench/eval.py"
    assert not pinned.stat().st_mode & 0o222
    pinned.chmod(0o600)
    pinned.write_text("print('{\"speed\": 99}')")
    with pytest.raises(EvaluatorError, match="are not those that were registered"):
        bench.measured(evaluator)
    assert bench.measured(bench.registered()).score == 3


# -- the store ----------------------------------------------------------------------------------------------------------


def test_registered_again(bench: Bench) -> None:
    """The same is the same row, also after it has run; another one is the newest, and the first can be had again."""
    first = bench.registered()
    sample = bench.measured(first)
    with written(bench.places.db) as connection:
        evaluations.add_sample(connection, "S1", first.id, sample)
        evaluations.add_sample(connection, "S1", first.id, sample)
    assert bench.registered().id == first.id
    bench.evaluator_is("1/0")
    second = bench.registered()
    assert second.id != first.id and find(bench).id == second.id
    with open_reader(bench.places.db) as connection:
        assert evaluator_by_id(connection, bench.places, first.id) == first
        [row] = evaluations.samples(connection, evaluator_id=first.id)
    assert (row["score"], row["metrics"], row["status"]) == (3, {"speed": 3, "cost": 2}, "ok")


def test_failures_are_kept_without_a_score(bench: Bench) -> None:
    bench.evaluator_is("raise SystemExit(3)")
    evaluator = bench.registered()
    sample = bench.measured(evaluator)
    with written(bench.places.db) as connection:
        evaluations.add_sample(connection, "S1", evaluator.id, sample, "doctor", try_id="T1")
        evaluations.add_sample(connection, "S2", evaluator.id, sample)
        with pytest.raises(TypeError):
            evaluations.add_sample(connection, "S3", evaluator.id, sample, turn="x")
    with open_reader(bench.places.db) as connection:
        rows = evaluations.history(connection, str(bench.repo.root), evaluator.name)
        [of_try] = evaluations.samples(connection, try_id="T1")
    assert [(row["id"], row["status"], row["score"], row["exit_code"]) for row in rows] == [("S2", "crash", None, 3)]
    assert of_try["reason"] == "exit status 3" and of_try["metrics"] == {}
    assert not math.isnan(of_try["duration_ms"])
