"""Beginning a run, and going on with one: what ``procy evolve N`` and ``resume`` do before the loop has it."""

from __future__ import annotations

import os
import secrets
import shlex
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from procy import ids
from procy.capture.locks import is_locked
from procy.capture.spool import Spool
from procy.capture.tmux import Tmux
from procy.errors import ConfigError, HandleError, ProcyError
from procy.evaluate.register import Evaluator, find_evaluator
from procy.evolve import here_lane
from procy.evolve.assemble import repo_at
from procy.evolve.held import is_at_work, lock_path
from procy.evolve.host_lane import check_host
from procy.evolve.plan import Budget, Plan
from procy.evolve.proposers import asking, proposer_named
from procy.evolve.strategies import strategy_named
from procy.evolve.templates import templates_of
from procy.git import LEFT_BEHIND, Repo
from procy.places import Places, make_home
from procy.plugins import profile_of
from procy.recording.foreground import program_of
from procy.recording.restore import first_command
from procy.settings import Settings
from procy.store import corrections, runs
from procy.store.db import open_reader
from procy.store.read import short
from procy.store.runs import Row
from procy.store.write import written

CLEARING_S = 30.0
LAUNCH_S = 30.0  # in which a run's process has begun, or says why it does not
ALIVE = ("running", "paused", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants of a run. ``spool`` is that of the pane which it starts from, where there is one."""

    places: Places
    cwd: str
    spool: Spool | None = None
    goal: str = ""
    strategy: str
    proposer: str
    evaluator: str = ""
    mode: Literal["lanes", "here", "headless"] = "lanes"
    budget: Budget
    plan: Plan
    agent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A run that could begin: everything checked, nothing written."""

    order: Order
    repo: Repo
    evaluator: Evaluator
    plan: Plan
    goal: str
    left_out: tuple[str, ...] = ()


def draft(order: Order, settings: Settings) -> Draft:
    """Check all that can be checked before anything is spent. Raises a ProcyError that says what to do."""
    repo = repo_at(order.places, order.cwd)
    with open_reader(order.places.db) as connection:
        evaluator = find_evaluator(connection, order.places, repo.root, order.evaluator)
        plan = with_agent(connection, order, settings)
        session_id = order.spool.session_id if order.spool else None
        refuse_second(connection, order.places, {"id": "", "session_id": session_id, "mode": order.mode, "root": str(repo.root),
                                                 "options": plan.as_json()})  # fmt: skip
        goal = order.goal or task_of(connection, order) or f"Improve {evaluator.contract.objective}."
    profile = profile_of(plan.agent)
    plan = replace(plan, profile=profile.name)
    check_hosts(plan, settings)
    strategy_named(order.strategy, plan.strategy_options)
    templates = templates_of(order.places, settings, str(repo.root))
    proposer_named(order.proposer, asking(settings, plan.proxy_url, plan.proxy_model), templates, argv=plan.agent)
    left_out = tuple(name for name in repo.left_out() if os.path.basename(name) != LEFT_BEHIND)
    return Draft(order, repo, evaluator, plan, goal, left_out)


def check_hosts(plan: Plan, settings: Settings) -> None:
    """Whether every lane can be made. Raises ConfigError, HostError and AgentError."""
    hosts = [settings.host(name) for name in plan.hosts]
    if not plan.lanes + sum(host.lanes for host in hosts):
        raise ConfigError("no host of the run has lanes", "Give it some: [hosts.NAME] lanes = 1; or say --lanes 1")
    for host in hosts:
        if host.lanes:
            check_host(plan, host)


def refuse_second(connection: sqlite3.Connection, places: Places, wanted: Row) -> None:
    """Two runs on one pane, or in one work tree, would undo each other's work. ``wanted``: the row of the one that is to be at
    work too."""
    for row in runs.list_runs(connection, limit=1000):
        if row["id"] == wanted["id"] or not is_at_work(places, row):
            continue
        same_pane = shares_pane(row, wanted)
        same_tree = wanted["mode"] == row["mode"] == "here" and row["root"] == wanted["root"]
        if same_pane or same_tree:
            what = f"run {short(row['id'])} is at work {'from this pane' if same_pane else 'in this work tree'} already"
            raise HandleError(what, f"Wait for it, or end it: procy evolve stop {short(row['id'])}")


def shares_pane(one: Row, other: Row) -> bool:
    """Whether both began from the same session, or the same pane in whatever session."""
    panes = [(row["options"].get("socket"), row["options"].get("pane")) for row in (one, other)]
    same_session = one["session_id"] is not None and one["session_id"] == other["session_id"]
    return same_session or (bool(panes[0][1]) and panes[0] == panes[1])


def with_agent(connection: sqlite3.Connection, order: Order, settings: Settings) -> Plan:
    """The plan with the agent that is to work: the one given, that of the pane, else the configured one."""
    plan = order.plan
    if order.spool is None:
        return replace(plan, agent=order.agent or tuple(shlex.split(settings.agent)))
    meta = order.spool.meta()
    row = connection.execute("SELECT * FROM sessions WHERE id = ?", (order.spool.session_id,)).fetchone()
    process, profile = program_of(Tmux(meta.tmux_socket).pane(meta.pane_id))
    command = tuple(meta.command) or (process.argv if process and profile and profile.transcript else ())
    if row and row["command"]:
        command = first_command(connection, row) or command
    if not (order.agent or command):
        raise HandleError(f"no agent is known in pane {meta.pane_id}", "Name one: procy evolve 5 --agent claude")
    same = not order.agent and row is not None
    return replace(
        plan, agent=order.agent or command, socket=meta.tmux_socket, pane=meta.pane_id,
        conversation=(row["agent_session_id"] or "") if same else "",
    )  # fmt: skip


def task_of(connection: sqlite3.Connection, order: Order) -> str:
    """What the human last asked for in the session, as it was corrected."""
    if order.spool is None:
        return ""
    row = connection.execute(
        "SELECT id, try_id, prompt FROM turns WHERE session_id = ? "
        "AND origin = 'human' AND kind = 'prompt' ORDER BY seq DESC LIMIT 1",
        (order.spool.session_id,),
    ).fetchone()
    if row is None:
        return ""
    corrected = corrections.standing(connection, row["id"], row["try_id"])
    return str(corrected["chosen"] if corrected else row["prompt"])


def begin(found: Draft) -> str:
    """Write the run down, with its start as a commit of its own; returns its id."""
    order, now_ns = found.order, time.time_ns()
    run_id, start_id = (ids.new_id(now_ns, secrets.token_bytes(10)) for _ in range(2))
    base = found.repo.snapshot(f"procy: where run {run_id} starts")
    found.repo.set_ref(f"refs/procy/{run_id.lower()}/start", base)
    if order.mode == "here":
        here_lane.save(found.repo, run_id)
    values: Mapping[str, Any] = {
        "session_id": order.spool.session_id if order.spool else None, "evaluator_id": found.evaluator.id, "mode": order.mode,
        "strategy": order.strategy, "proposer": order.proposer, "goal": found.goal, "budget": order.budget.as_json(),
        "options": found.plan.as_json(), "root": str(found.repo.root), "base_sha": base, "status": "stopped",
    }  # fmt: skip
    start = {"run_id": run_id, "seq": 0, "step": "full", "commit_sha": base, "notes": {}}
    with written(order.places.db) as connection:
        runs.add_run(connection, run_id, now_ns, values)
        runs.add_try(connection, start_id, now_ns, start)
    return run_id


def launch(places: Places, run_id: str, environment: Mapping[str, str] | None = None) -> None:
    """Start the run's process in the background, with this process's ``environment`` or another one. Raises ProcyError where it
    does not take the run, or pauses it at once."""
    make_home(places)
    folder = Path(places.home) / "runs"
    folder.mkdir(mode=0o700, exist_ok=True)
    log = os.open(folder / f"{run_id}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "procy.evolve", run_id],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            env={**(os.environ if environment is None else environment), **places.environment},
        )  # fmt: skip
    finally:
        os.close(log)
    until = time.monotonic() + LAUNCH_S
    while time.monotonic() < until:
        ended = process.poll() is not None
        with open_reader(places.db) as connection:
            row = runs.run_by_id(connection, run_id)
        if row["status"] == "running" and not ended:
            threading.Thread(target=process.wait, daemon=True).start()  # so that a long-lived caller keeps no dead child
            return
        if row["status"] in ("paused", "failed"):
            raise ProcyError(f"the run is {row['status']}: {row['reason']}")
        if ended:
            break
        time.sleep(0.05)
    words = (folder / f"{run_id}.log").read_text(errors="replace").strip().splitlines()
    raise ProcyError(f"the run did not start: {words[-1] if words else 'no word of why'}", f"See {folder / f'{run_id}.log'}")


def go_on(places: Places, row: Row, tries: int | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Resume a run that was stopped, paused or cut off; with more ``tries`` in all, also one that is done."""
    if row["status"] not in ALIVE and not (row["status"] == "done" and tries):
        raise HandleError(f"run {short(row['id'])} is {row['status']}", "Start another, or give it more: --tries N")
    if is_at_work(places, row):
        raise HandleError(f"run {short(row['id'])} is at work already", "See it: procy evolve status")
    with open_reader(places.db) as connection:
        refuse_second(connection, places, row)
    until_free(places, row["id"])
    budget = {**row["budget"], **({"tries": tries} if tries else {})}
    with written(places.db) as connection:
        runs.change_run(connection, row["id"], {"status": "stopped", "wanted": "run", "reason": None, "budget": budget})
    launch(places, row["id"], environment)


def until_free(places: Places, run_id: str) -> None:
    """Wait for a process that has ended the run, and still clears away what it needed. Raises HandleError."""
    until = time.monotonic() + CLEARING_S
    while is_locked(str(lock_path(places, run_id))):
        if time.monotonic() > until:
            raise HandleError(f"an earlier process of run {short(run_id)} does not end", f"procy evolve reset {short(run_id)}")
        time.sleep(0.05)


def want_stop(places: Places, row: Row, patience_s: float = 30.0) -> bool:
    """Ask the run's process to stop; True when it has. A run without a process is marked stopped."""
    if not is_at_work(places, row):
        if row["status"] == "running":
            with written(places.db) as connection:
                runs.change_run(connection, row["id"], {"status": "stopped", "reason": "its process was gone"})
        return True
    with written(places.db) as connection:
        runs.change_run(connection, row["id"], {"wanted": "stop"})
    until = time.monotonic() + patience_s
    while is_at_work(places, row):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
