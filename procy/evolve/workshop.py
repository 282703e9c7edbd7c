"""What the lanes of one run share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from procy import plugins
from procy.evaluate.executors import Executor
from procy.evaluate.register import Evaluator
from procy.evolve.gate import Gate
from procy.evolve.lane import Stopped
from procy.evolve.plan import Budget, Plan
from procy.evolve.templates import Templates
from procy.git import Repo
from procy.places import Places
from procy.store import runs
from procy.store.db import open_reader
from procy.store.runs import Row
from procy.store.write import written
from procy.tries import Outcome, Proposer, Strategy

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(slots=True)
class Workshop:
    """``lock`` guards the strategy and the outcomes. ``stop`` is set when lanes are to end what they do at once."""

    places: Places
    run_id: str
    goal: str
    base_sha: str
    plan: Plan
    budget: Budget
    repo: Repo
    evaluator: Evaluator
    executor: Executor
    strategy: Strategy
    proposer: Proposer
    gate: Gate
    templates: Templates
    outcomes: list[Outcome] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    stop: threading.Event = field(default_factory=threading.Event)
    told: dict[int, str] = field(default_factory=dict)  # lane → what its agent asks
    on_change: Callable[[], None] = lambda: None

    def watch(self) -> None:
        """Raises Stopped when the run is to end."""
        if self.stop.is_set():
            raise Stopped

    def tell(self, lane: int) -> Callable[[str], None]:
        def told(question: str) -> None:
            if self.told.get(lane, "") != question:
                self.told[lane] = question
                self.on_change()

        return told

    def asked(self, method: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """What a method of the strategy, which may be somebody else's, says. Raises PluginError."""
        return plugins.call(f"strategy {self.strategy.name}", method, *args, **kwargs)

    def observe(self, outcome: Outcome) -> None:
        with self.lock:
            self.asked(self.strategy.observe, outcome)
            self.outcomes.append(outcome)

    @property
    def start(self) -> Outcome:
        return self.outcomes[0]

    @property
    def best(self) -> Outcome:
        return self.asked(self.strategy.best)

    def outcome(self, try_id: str) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.id == try_id)

    def ref(self, name: str) -> str:
        """A ref of this run."""
        return f"refs/procy/{self.run_id.lower()}/{name}"

    def change_try(self, row: Row, **values: Any) -> Row:
        """In one transaction; the row as it is then."""
        with written(self.places.db) as connection:
            runs.change_try(connection, row["id"], values)
        return {**row, **values}

    def change_run(self, **values: Any) -> None:
        with written(self.places.db) as connection:
            runs.change_run(connection, self.run_id, values)

    def row(self) -> Row:
        with open_reader(self.places.db) as connection:
            return runs.run_by_id(connection, self.run_id)

    def sleep(self, seconds: float) -> None:
        """Raises Stopped as soon as the run is to end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.watch()
            time.sleep(min(0.1, seconds))
