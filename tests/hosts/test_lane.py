"""Lanes on hosts: whole runs whose agents work in worktrees and panes there, and what of them comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from procy.evolve.guest_lane import tmux_socket
from procy.evolve.plan import Plan
from procy.evolve.steps import conversation_of
from procy.hosts import ssh
from procy.settings.evolve import HostSettings
from procy.store import runs
from procy.store.db import open_reader
from procy.store.write import written
from tests.conftest import wait_until
from tests.evolve.conftest import Bench, bench  # noqa: F401
from tests.hosts.conftest import Sshd
from tests.hosts.test_executor import processes

pytestmark = pytest.mark.timeout(300)


class Farm:
    """The work tree here, and hosts that share nothing with it but the agent's program."""

    def __init__(self, bench: Bench, sshd: Sshd) -> None:  # noqa: F811
        self.bench, self.sshd = bench, sshd

    def host(self, name: str, lanes: int = 1, **changes: str) -> HostSettings:
        folder = self.sshd.home(name) / "conversations"
        return self.sshd.host(name, lanes=lanes, PROCY_DEMO_TRANSCRIPTS=str(folder), **changes)

    def know(self, *hosts: HostSettings, more: str = "") -> None:
        """Write the settings."""
        tables = [
            f"[hosts.{one.name}]\nssh = {json.dumps(one.ssh)}\nprocy = {json.dumps(one.procy)}\nlanes = {one.lanes}\n"
            f"evaluators = {one.evaluators}\noptions = {json.dumps(list(one.options))}\n"
            for one in hosts
        ]
        Path(self.bench.lab.places.config).write_text(more + "\n".join(tables))

    def rows(self, name: str, sql: str, *values: object) -> list[dict[str, Any]]:
        """Of the host's own database."""
        path = self.sshd.home(name) / "procy.db"
        if not path.exists():
            return []
        with open_reader(str(path)) as connection:
            return [dict(row) for row in connection.execute(sql, values)]

    def tmux(self, name: str, *words: str) -> str:
        socket = tmux_socket(str(self.sshd.home(name)))
        return subprocess.run(["tmux", "-S", socket, *words], capture_output=True, text=True, check=False).stdout

    def worktrees(self, name: str) -> list[Path]:
        return [path for path in (self.sshd.home(name) / "lanes").glob("*/*") if path.is_dir()]

    def stop(self) -> None:
        for home in (self.sshd.root / "hosts").glob("*"):
            self.tmux(home.name, "kill-server")
            Path(tmux_socket(str(home))).unlink(missing_ok=True)
            for pid in processes("procy.sidecar", f"PROCY_HOME={home}"):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def farm(bench: Bench, sshd: Sshd) -> Iterator[Farm]:  # noqa: F811
    one = Farm(bench, sshd)
    yield one
    for row in bench.lab.rows("SELECT id FROM runs WHERE status = 'running'"):
        bench.lab.procy("evolve", "stop", str(row["id"]), check=False)
    one.stop()
    ssh.close_all()


def test_a_run_on_a_host(farm: Farm) -> None:
    farm.know(farm.host("big"))
    farm.bench.begin()
    begun = farm.bench.evolve("2", "--goal", "count better", "--host", "big", "--yes")
    run = farm.bench.until("done", 180)
    assert "has begun" in begun.stderr
    start, *tries = run["tries"]
    assert (start["metrics"]["correct"], start["host"]) == (7.0, None)
    assert {row["host"] for row in tries} == {"big"} and {row["lane"] for row in tries} == {1}
    assert {row["decision"] for row in tries} <= {"kept", "reverted"}
    for row in tries:
        assert farm.bench.repo.refs("refs/procy")[f"refs/procy/{run['id'].lower()}/try/{row['seq']}"] == row["commit_sha"]
        [turn] = farm.rows("big", "SELECT * FROM turns WHERE id = ?", row["notes"]["elsewhere"]["turn"])
        assert (turn["prompt"], turn["response"], turn["status"]) == (row["prompt"], row["response"], "done")
        assert row["turn_id"] is None and turn["session_id"] == row["session_id"]
    tokens = sum(row["notes"]["elsewhere"]["tokens"] for row in tries)
    with open_reader(farm.bench.lab.places.db) as connection:
        assert runs.usage_of_run(connection, run["id"])[0] == tokens > 0
    assert farm.bench.state() == farm.bench.before
    wait_until(lambda: not farm.worktrees("big") and not farm.tmux("big", "list-panes", "-a"), 30, "nothing is left there")
    assert not farm.bench.lanes()


def test_a_child_remembers_its_parent_on_the_same_host_only(farm: Farm) -> None:
    farm.know(farm.host("big"), farm.host("small"))
    farm.bench.begin()
    farm.bench.evolve("5", "--host", "big", "--host", "small", "--lanes", "1", "--yes")
    tries = {row["id"]: row for row in farm.bench.until("done", 240)["tries"]}
    assert {row["host"] for row in tries.values() if row["seq"]} == {None, "big", "small"}
    for row in tries.values():
        if row["seq"]:
            parent = tries[row["parent_id"]]
            same = parent["host"] == row["host"] and parent["seq"] > 0  # nothing was said before the start
            assert bool(row["notes"]["knows_parent"]) == same, (row["seq"], parent["seq"])


@pytest.mark.parametrize(("host", "found"), [("big", ("", "there")), ("small", ("", "")), ("", ("begun", ""))])
def test_a_conversation_is_gone_on_with_where_it_is(bench: Bench, host: str, found: tuple[str, str]) -> None:  # noqa: F811
    places = bench.lab.places
    run = {"mode": "lanes", "strategy": "greedy", "proposer": "template", "goal": "", "budget": {}, "options": {}, "root": "/",
           "base_sha": "", "status": "stopped"}  # fmt: skip
    with written(places.db) as connection:
        runs.add_run(connection, "R", 0, run)
        for seq, name, where in ((0, "start", None), (1, "there", "big")):
            conversation = name if seq else None
            values = {"run_id": "R", "seq": seq, "step": "done", "host": where, "conversation": conversation}
            runs.add_try(connection, name, 0, values)
    shop: Any = SimpleNamespace(places=places, plan=Plan(conversation="begun"))
    assert (conversation_of(shop, "start", host), conversation_of(shop, "there", host)) == found


def test_two_lanes_of_a_host_work_at_once_and_are_judged_there(farm: Farm) -> None:
    farm.know(farm.host("big", lanes=2))
    farm.bench.begin(hold=True)
    farm.bench.evolve("2", "--host", "big", "--executor", "ssh", "--yes")
    wait_until(lambda: len(farm.tmux("big", "list-panes", "-a").splitlines()) == 2, 60, "two panes there")
    assert len(farm.worktrees("big")) == 2
    farm.bench.let_go()
    run = farm.bench.until("done", 240)
    assert {row["lane"] for row in run["tries"][1:]} == {1, 2}
    assert {row["host"] for row in farm.bench.lab.rows("SELECT host FROM evaluations")} == {"big"}


def test_stopped_and_gone_on_with(farm: Farm) -> None:
    farm.know(farm.host("big"))
    farm.bench.begin(hold=True)
    farm.bench.evolve("1", "--host", "big", "--yes")
    farm.bench.until_step("wait")
    farm.bench.evolve("stop")
    farm.bench.until("stopped")
    assert not processes("procy host lane", f"PROCY_HOME={farm.sshd.home()}")
    farm.bench.let_go()
    farm.bench.evolve("resume")
    run = farm.bench.until("done", 180)
    assert [row["step"] for row in run["tries"]] == ["done", "done"]


def test_the_process_killed_mid_answer_types_nothing_twice(farm: Farm) -> None:
    farm.know(farm.host("big"))
    farm.bench.begin(hold=True)
    farm.bench.evolve("1", "--host", "big", "--yes")
    farm.bench.until_step("wait")
    [pid] = processes(f"-m procy.evolve {farm.bench.run()['id']}")
    os.kill(pid, signal.SIGKILL)
    farm.bench.until_dead()
    farm.bench.evolve("resume")
    farm.bench.let_go()
    run = farm.bench.until("done", 180)
    turns = farm.rows("big", "SELECT prompt FROM turns WHERE origin = 'procy'")
    assert [turn["prompt"] for turn in turns] == [run["tries"][1]["prompt"]]


def test_a_host_that_goes_away_pauses_the_run(farm: Farm) -> None:
    farm.know(farm.host("big"))
    farm.bench.begin(hold=True)
    farm.bench.evolve("1", "--host", "big", "--yes")
    farm.bench.until_step("wait")
    farm.sshd.stop()
    run = farm.bench.until("paused", 120)
    assert "host big" in run["reason"] and "procy evolve resume" in run["reason"]
    farm.sshd.start()
    farm.bench.let_go()
    farm.bench.evolve("resume")
    assert farm.bench.until("done", 180)["tries"][1]["host"] == "big"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--host", "bgi"), "there is no host 'bgi'. Did you mean big?"),
        (("--host", "closed"), "host closed cannot be reached"),
        (("--host", "lazy"), "no host of the run has lanes"),
        (("--host", "big", "--agent", "no-such-agent"), "host big does not find no-such-agent"),
    ],
)
def test_what_cannot_begin_is_said_before(farm: Farm, arguments: tuple[str, ...], words: str) -> None:
    lazy = HostSettings("lazy", "big", procy="false", lanes=0)
    closed = HostSettings("closed", "closed", options=("-F", farm.sshd.config))
    farm.know(farm.host("big"), lazy, closed)
    farm.bench.begin()
    done = farm.bench.evolve("1", *arguments, "--yes", check=False)
    assert done.returncode == 1 and words in done.stderr
    assert farm.bench.lab.rows("SELECT 1 FROM runs") == []


def test_the_agent_there_is_seen_here(farm: Farm) -> None:
    farm.know(farm.host("big"))
    farm.bench.begin(hold=True)
    farm.bench.evolve("1", "--host", "big", "--yes")
    farm.bench.until_step("wait")
    [pane] = farm.bench.lanes()
    farm.bench.let_go()
    wait_until(lambda: "Done:" in farm.bench.lab.tmux("capture-pane", "-p", "-t", pane, check=False), 60, "the agent's words")
    farm.bench.until("done", 180)
    wait_until(lambda: not farm.bench.lanes(), 30, "the end of the pane")


def test_doctor_looks_at_hosts(farm: Farm) -> None:
    assert " host " not in farm.bench.lab.procy("doctor", check=False).stdout
    closed = HostSettings("closed", "closed", options=("-F", farm.sshd.config))
    farm.know(farm.host("big"), closed, more='agent = "sh"\n')
    found = json.loads(farm.bench.lab.procy("doctor", "--json", check=False).stdout)
    texts = {one["what"]: one for one in found if one["what"].startswith("host ")}
    assert any(what.startswith("host big: procy ") and one["level"] == "ok" for what, one in texts.items())
    [problem] = [one for one in texts.values() if one["level"] == "problem"]
    assert problem["what"].startswith("host closed cannot be reached") and "Try by hand: ssh -F" in problem["remedy"]
