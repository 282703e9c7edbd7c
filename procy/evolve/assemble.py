"""A run's row as the workshop, the lanes and the loop that carry it out."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from procy.capture.tmux import Tmux
from procy.errors import ProcyError
from procy.evaluate.executors import executor_named
from procy.evaluate.register import Evaluator, evaluator_by_id
from procy.evolve.gate import ONE_SAMPLE, Gate
from procy.evolve.here_lane import HereLane
from procy.evolve.host_lane import HostLane
from procy.evolve.lane import Lane
from procy.evolve.pane_lane import PaneLane
from procy.evolve.plan import Plan, budget_from, plan_from
from procy.evolve.proposers import asking, proposer_named
from procy.evolve.strategies import strategy_named
from procy.evolve.templates import templates_of
from procy.evolve.workshop import Workshop
from procy.gateway.own import own_way
from procy.git import Repo, find_repo
from procy.places import Places
from procy.recording.foreground import program_of
from procy.settings import Settings
from procy.store import runs
from procy.store.db import open_reader


def workshop_of(places: Places, settings: Settings, run_id: str) -> Workshop:
    """Raises ConfigError, GitError and others for what has changed since the run began."""
    with open_reader(places.db) as connection:
        row = runs.run_by_id(connection, run_id)
        evaluator = evaluator_by_id(connection, places, row["evaluator_id"])
    plan = plan_from(row["options"])
    strategy = strategy_named(row["strategy"], plan.strategy_options)
    templates, stop = templates_of(places, settings, row["root"]), threading.Event()
    return Workshop(
        places=places,
        run_id=run_id,
        goal=row["goal"],
        base_sha=row["base_sha"],
        plan=plan,
        budget=budget_from(row["budget"]),
        repo=find_repo(Path(row["root"]), shadows(places)),
        evaluator=evaluator,
        executor=executor_named(plan.executor, places, settings, plan.hosts),
        strategy=strategy,
        proposer=proposer_named(
            row["proposer"],
            asking(settings, plan.proxy_url, plan.proxy_model),
            templates,
            argv=plan.agent,
            stop=stop,
            way=partial(own_way, places, settings, session_id=row["session_id"]),
        ),
        gate=gate_of(evaluator) if strategy.confirms else ONE_SAMPLE,
        templates=templates,
        stop=stop,
    )


def gate_of(evaluator: Evaluator) -> Gate:
    """With as many pairs as the evaluator's contract allows."""
    stage = evaluator.contract.stage("confirm")
    return Gate(max_pairs=max(stage.repeats, 1)) if stage else Gate()


def shadows(places: Places) -> Path:
    """Where the history of directories without git is kept."""
    return Path(places.home) / "shadows"


def lanes_of(shop: Workshop, mode: str, settings: Settings) -> list[Lane]:
    if mode == "here":
        return [HereLane(shop.places, shop.run_id, shop.repo, shop.plan, last_asked(shop))]
    environment, plan = agents_environment(shop.plan), shop.plan
    here: list[Lane] = [
        PaneLane(shop.places, shop.run_id, number, shop.repo, plan, environment) for number in range(1, plan.lanes + 1)
    ]
    there = [(host, place == 0) for host in map(settings.host, plan.hosts) for place in range(host.lanes)]
    numbered = enumerate(there, plan.lanes + 1)
    return [*here, *(HostLane(shop.run_id, number, shop.repo, plan, *host) for number, host in numbered)]


def last_asked(shop: Workshop) -> str | None:
    """The commit of the last try whose prompt was typed, "" where it has none; None before the first."""
    with open_reader(shop.places.db) as connection:
        rows = runs.tries_of(connection, shop.run_id)
    asked = [row["commit_sha"] or "" for row in rows if row["injection_id"]]
    return asked[-1] if asked else None


def agents_environment(plan: Plan) -> Mapping[str, str]:
    """Of the agent that runs in the user's pane: it may have keys and paths that the tmux server has not."""
    if plan.pane:
        try:
            process, _ = program_of(Tmux(plan.socket).pane(plan.pane))
        except ProcyError:  # the pane is gone
            process = None
        if process is not None:
            return process.environment
    return dict(os.environ)


def repo_at(places: Places, cwd: str) -> Repo:
    return find_repo(Path(cwd), shadows(places))


def repo_of_run(places: Places, root: str, limit_s: float | None = None) -> Repo:
    """The repository that a run worked in; none is made. Raises GitError where it is gone."""
    return replace(find_repo(Path(root), shadows(places), make=False), limit_s=limit_s)
