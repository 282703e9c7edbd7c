"""What goes wrong in a run: killed at any step, panes that vanish, evaluators that are edited, people who take over."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
from pathlib import Path

import psutil
import pytest

from procy.demo.task import HERE
from procy.evaluate.contract import Metric, Stage
from procy.evaluate.register import register
from procy.evolve.held import surroundings
from procy.evolve.steps import STEPS
from procy.store import runs
from procy.store.write import written
from tests.conftest import wait_until
from tests.evolve.conftest import Bench, contract

EXITS = r"""
import os, tty
tty.setraw(0)
os.write(1, b"\x1b[?2004hready\r\n")
while not (typed := os.read(0, 4096)).endswith(b"\r"):
    os.write(1, typed.replace(b"\x1b[200~", b"").replace(b"\x1b[201~", b""))
"""
DYING = Path(__file__).parent / "dying"


def check_whole(bench: Bench, tries: int) -> None:
    """Every try is there once, was asked once, and was judged once in its own name."""
    run = bench.until("done")
    rows = run["tries"]
    assert [row["seq"] for row in rows] == list(range(tries + 1))
    assert all(row["step"] == "done" and row["decision"] for row in rows)
    for row in rows[1:]:
        turns = bench.lab.rows("SELECT prompt FROM turns WHERE try_id = ?", row["id"])
        assert [turn["prompt"] for turn in turns] == [row["prompt"]]
        first = bench.lab.rows("SELECT 1 FROM evaluations WHERE for_try_id = ? AND purpose = 'try'", row["id"])
        assert len(first) == (0 if row["status"] == "unchanged" else 1)
    sent = bench.lab.rows("SELECT key, count(*) AS n FROM turns JOIN injections ON turn_id = turns.id GROUP BY key")
    assert all(row["n"] == 1 for row in sent)
    assert bench.state() == bench.before


@pytest.mark.faults
def test_a_run_that_is_killed_in_every_step_loses_and_doubles_nothing(bench: Bench) -> None:
    """One try, whose run is killed in each of its steps in turn, and gone on with every time."""
    bench.begin()
    path = os.pathsep.join([str(DYING), *filter(None, [os.environ.get("PYTHONPATH")])])
    arguments: tuple[str, ...] = ("1", "--yes")
    for step in (step for step in STEPS if step not in ("ask", "smoke")):
        bench.evolve(*arguments, check=False, PROCY_TEST_DIE=f"{step}:1", PYTHONPATH=path)  # it may be dead before it is seen
        bench.until_dead()
        assert bench.run()["tries"][1]["step"] == step
        arguments = ("resume",)
    bench.evolve("resume")
    check_whole(bench, 1)


@pytest.mark.faults
def test_a_run_that_is_killed_while_the_start_is_measured_goes_on(bench: Bench) -> None:
    bench.begin()
    path = os.pathsep.join([str(DYING), *filter(None, [os.environ.get("PYTHONPATH")])])
    bench.evolve("1", "--yes", PROCY_TEST_DIE="full:0", PYTHONPATH=path)
    bench.until_dead()
    bench.evolve("resume")
    check_whole(bench, 1)
    assert len(bench.lab.rows("SELECT 1 FROM evaluations WHERE purpose = 'baseline'")) == 2


def test_a_pane_that_vanishes_pauses_the_run(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("1", "--yes")
    bench.lab.tmux("kill-pane", "-t", bench.until_at_work())
    run = bench.until("paused")
    assert "gone" in run["reason"]
    bench.let_go()
    bench.evolve("resume")
    run = bench.until("done")
    assert [row["step"] for row in run["tries"]] == ["done"] * 2


def test_an_agent_that_exits_pauses_the_run(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("1", "--yes")
    pane = psutil.Process(int(bench.lab.tmux("display-message", "-p", "-t", bench.until_at_work(), "#{pane_pid}")))
    below = [one for one in pane.children(recursive=True) if "procy.demo.agent" in one.cmdline()]
    for one in below or [pane]:  # not what started it: tmux 3.3a can miss that end, and the agent would go on
        one.kill()
    run = bench.until("paused")
    assert "has ended" in run["reason"] or "gone" in run["reason"]
    bench.let_go()
    bench.evolve("resume")
    assert len(bench.until("done")["tries"]) == 2


def test_an_agent_that_always_exits_at_its_prompt_is_not_asked_for_ever(bench: Bench) -> None:
    path = bench.lab.root / "exits.py"
    path.write_text(EXITS)
    bench.begin()
    bench.evolve("1", "--agent", f"{sys.executable} {path}", "--yes")
    bench.until("paused")
    assert len(bench.lab.rows("SELECT 1 FROM injections")) <= 2


def test_two_runs_from_one_pane_are_refused(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("1", "--yes")
    again = bench.evolve("1", "--yes", check=False)
    assert again.returncode == 1
    assert "is at work from this pane already" in again.stderr
    bench.let_go()
    bench.until("done")


def test_what_a_run_works_in_is_no_other_runs(bench: Bench) -> None:
    """Two that begin in the same moment do not see each other in the database yet."""
    bench.begin()
    bench.evolve("1", "--yes")
    row = bench.until("done")
    assert set(surroundings(bench.lab.places, {**row, "mode": "here"})) == {"from this pane", "in this work tree"}
    [path] = surroundings(bench.lab.places, row).values()
    with open(path) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        done = bench.evolve("1", "--yes", check=False)
    assert done.returncode == 1 and "another run is at work from this pane already" in done.stderr
    bench.evolve("resume")
    bench.until("done")


def test_runs_of_two_panes_are_shown_side_by_side(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("1", "--yes")
    bench.until_step("wait")
    bench.lab.tmux("set-option", "-g", f"@procy_evolve_{os.getpid()}", "evolve 3/5 +12%")
    bench.lab.tmux("set-option", "-g", "@procy_evolve_999999999", "evolve of a dead process")
    bench.let_go()
    wait_until(lambda: len(shown := bench.shown().split(", ")) == 2 and "evolve 3/5 +12%" in shown, 30, "both")
    bench.until("done")
    wait_until(lambda: bench.shown() == "evolve 3/5 +12%", what="the other one")


def test_a_run_is_not_resumed_beside_another_from_its_pane(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("1", "--yes")
    bench.until_step("wait")
    bench.evolve("stop")
    first = bench.run()["id"]
    bench.evolve("1", "--yes")
    again = bench.evolve("resume", first, check=False)
    assert again.returncode == 1
    assert "is at work from this pane already" in again.stderr
    bench.let_go()
    bench.until("done")


def test_stop_interrupts_and_resume_begins_that_try_again(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("1", "--yes")
    bench.until_step("wait")
    lane = next(iter(bench.lanes()))
    bench.evolve("stop")
    assert bench.run()["status"] == "stopped"
    wait_until(lambda: "interrupted" in bench.lab.tmux("capture-pane", "-p", "-t", lane), what="an interrupted agent")
    bench.let_go()
    bench.evolve("resume")
    run = bench.until("done")
    assert run["tries"][1]["decision"] in ("kept", "reverted")


def test_an_agent_that_edits_the_evaluator_is_not_promoted(bench: Bench) -> None:
    task = bench.lab.root / "task"
    shutil.copytree(HERE / "wordcount", task)
    head, *_ = (task / "task.toml").read_text().partition("[[patch]]")
    cheat = '[[patch]]\nname = "cheat"\nkind = "tamper"\npath = "evaluate.py"\nsign = "* 99"\nsays = "This counts better."\n'
    change = 'old = "len(CASES) - len(wrong)"\nnew = "len(CASES) * 99"\n'
    (task / "task.toml").write_text(head + cheat + change)
    (task / "wordcount.py.jinja").write_text((bench.lab.work / "wordcount.py").read_text())
    bench.begin()
    agent = " ".join([*bench.agent, "--task", str(task), "--break", "1"])
    bench.evolve("2", "--yes", "--goal", "cheat", "--agent", agent)
    run = bench.until("done")
    tampered = [row for row in run["tries"] if row["status"] == "tampered"]
    assert tampered
    assert all((row["decision"], row["score"]) == ("failed", None) for row in tampered)
    assert run["best_try_id"] not in [row["id"] for row in tampered]
    assert "* 99" in bench.repo.run("show", f"{tampered[0]['commit_sha']}:evaluate.py"), "it did try"


def test_an_agent_that_nobody_knows_works_too(bench: Bench) -> None:
    bench.begin()
    bench.evolve("1", "--yes", "--agent", f"{sys.executable} {Path(__file__).parent / 'stranger.py'}")
    row = bench.until("done")["tries"][1]
    assert row["status"] == "tampered", "it edits whatever there is, and was waited for"


def test_a_human_who_takes_over_makes_the_try_mixed(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("1", "--yes", "--keep-lanes")
    bench.until_step("wait")
    lane = next(iter(bench.lanes()))
    wait_until(lambda: bench.lab.rows("SELECT 1 FROM turns WHERE origin = 'procy'"), what="the turn")
    bench.lab.tmux("send-keys", "-t", lane, "-l", "and mind the apostrophes")
    bench.let_go()
    wait_until(lambda: bench.lab.rows("SELECT 1 FROM turns WHERE origin = 'procy' AND status = 'done'"), 30, "the answer")
    bench.lab.tmux("send-keys", "-t", lane, "Enter")
    run = bench.until("done")
    assert run["tries"][1]["mixed"] == 1
    assert "'’" in bench.repo.run("show", f"{run['tries'][1]['commit_sha']}:wordcount.py"), "what the human asked for is in it"


def test_an_endpoint_that_is_down_pauses_the_run(bench: Bench) -> None:
    Path(bench.lab.places.config).write_text('[proxy_model]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\nretry_s = 0\n')
    bench.begin()
    bench.evolve("1", "--yes")
    run = bench.until("paused")
    assert "127.0.0.1:9" in run["reason"]
    assert run["tries"][1]["step"] == "propose"


def test_a_strategy_of_somebody_elses_that_fails_pauses_the_run(bench: Bench) -> None:
    path = bench.lab.root / "broken.py"
    path.write_text(
        "from procy.evolve.strategies.greedy import Greedy\n\nclass Broken(Greedy):\n"
        "    def pick_parent(self, rng):\n        raise KeyError('nowhere')\n\n\ndef strategy(options):\n    return Broken()\n"
    )
    bench.begin()
    bench.evolve("1", "--yes", "--strategy", str(path))
    assert "KeyError: 'nowhere'" in bench.until("paused")["reason"]


def test_an_evaluator_that_breaks_pauses_the_run(bench: Bench) -> None:
    """Its crash on a candidate is looked into by measuring what was measured before."""
    mark = bench.lab.root / "broken"
    program = bench.lab.work / "judge.py"
    program.write_text(
        f"import json, os, sys\nif os.path.exists({str(mark)!r}): sys.exit(3)\n"
        "json.dump({'metrics': {'correct': 1}}, open(os.environ['PROCY_OUT'], 'w'))\n"
    )
    judge = contract(
        stages=(Stage(name="full", command=("python3", "judge.py")),), metrics=(Metric(name="correct"),), sandbox=False
    )
    register(bench.lab.places, bench.repo, judge, {"judge.py": program})
    bench.begin(hold=True)
    bench.evolve("1", "--yes")
    bench.until_step("wait")
    mark.touch()
    bench.let_go()
    run = bench.until("paused")
    assert "fails on what it has measured before" in run["reason"]
    mark.unlink()
    bench.evolve("resume")
    assert bench.until("done")["tries"][1]["decision"] == "reverted"


def test_a_start_that_cannot_be_measured_fails_the_run(bench: Bench) -> None:
    judge = contract(stages=(Stage(name="full", command=("false",)),))
    register(bench.lab.places, bench.repo, judge, {})
    bench.begin()
    bench.evolve("1", "--yes")
    run = bench.until("failed")
    assert "procy eval run" in run["reason"]
    assert len(run["tries"]) == 1


def test_a_start_that_is_not_valid_may_become_so(bench: Bench) -> None:
    (bench.lab.work / "wordcount.py").write_text("def count(:\n")
    bench.begin()
    bench.evolve("1", "--yes")
    run = bench.until("done")
    start, first = run["tries"]
    assert (start["status"], start["score"]) == ("invalid", None)
    assert (first["decision"], first["reason"]) == ("kept", "the first that could be measured")


def test_reset_clears_a_run_that_was_killed(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("1", "--yes")
    bench.until_step("wait")
    lock = next(Path(bench.lab.places.home, "runs").glob("*.lock"))
    os.kill(int(lock.read_text()), signal.SIGKILL)
    bench.until_dead()
    assert bench.lanes()
    bench.evolve("reset")
    assert not bench.lanes()
    assert bench.run()["status"] == "stopped"
    assert "lanes" not in bench.repo.run("worktree", "list")
    bench.let_go()
    bench.evolve("resume")
    assert len(bench.until("done")["tries"]) == 2


@pytest.mark.faults
def test_a_try_of_a_lane_that_is_no_more_is_made_in_another(bench: Bench) -> None:
    bench.begin(hold=True)
    bench.evolve("2", "--lanes", "2", "--yes")
    bench.until_step("wait", 2)
    lock = next(Path(bench.lab.places.home, "runs").glob("*.lock"))
    os.kill(int(lock.read_text()), signal.SIGKILL)
    bench.until_dead()
    run = bench.run()
    with written(bench.lab.places.db) as connection:
        runs.change_run(connection, run["id"], {"options": {**run["options"], "lanes": 1}})
    bench.let_go()
    bench.evolve("resume")
    rows = bench.until("done")["tries"]
    assert [(row["step"], row["lane"]) for row in rows[1:]] == [("done", 1), ("done", 1)]
