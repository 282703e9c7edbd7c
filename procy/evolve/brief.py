"""What a proposer is told: the run's rows, put together."""

from __future__ import annotations

import json
from collections.abc import Iterable

from procy.evaluate.process import shell_words
from procy.evaluate.register import Evaluator
from procy.evolve.workshop import Workshop
from procy.store import corrections
from procy.store.db import open_reader
from procy.store.runs import Row
from procy.tries import Brief, Choice, CorrectionView, MetricView, Outcome

CORRECTIONS = 200  # the newest ones, of which the proposer takes what concerns it


def brief_of(shop: Workshop, row: Row, choice: Choice, outcomes: tuple[Outcome, ...], cwd: str) -> Brief:
    return Brief(
        goal=shop.goal,
        seq=row["seq"],
        total=max(shop.budget.tries or row["seq"], row["seq"]),
        metrics=metric_views(shop.evaluator),
        evaluator=evaluator_text(shop.evaluator),
        start=outcomes[0],
        parent=choice.parent,
        best=shop.best,
        outcomes=outcomes[1:],
        mode=choice.mode,
        inspirations=choice.inspirations,
        corrections=known_corrections(shop),
        knows_parent=bool(row["notes"].get("knows_parent")),
        cwd=cwd or str(shop.repo.root),
    )


def evaluator_text(evaluator: Evaluator) -> str:
    """Its name, and how it is called."""
    stage = evaluator.contract.stage("full")
    return f"{evaluator.name}: {shell_words(stage.command)}" if stage else evaluator.name


def metric_views(evaluator: Evaluator) -> tuple[MetricView, ...]:
    contract = evaluator.contract
    return tuple(
        MetricView(
            name=metric.name, direction=metric.direction, unit=metric.unit, is_objective=metric.name == contract.objective,
            at_least=metric.at_least, at_most=metric.at_most,
        )
        for metric in contract.metrics
    )  # fmt: skip


def known_corrections(shop: Workshop) -> tuple[CorrectionView, ...]:
    with open_reader(shop.places.db) as connection:
        return correction_views(corrections.newest(connection, CORRECTIONS))


def correction_views(rows: Iterable[Row]) -> tuple[CorrectionView, ...]:
    return tuple(
        CorrectionView(rejected=row["rejected"], chosen=row["chosen"], note=row["note"] or "", gain=gain_in(row["outcome"]))
        for row in rows
    )


def gain_in(outcome: str | None) -> float | None:
    found = json.loads(outcome) if outcome else {}
    gain: float | None = found.get("gain")
    return gain


def with_account(shop: Workshop, brief: Brief, prompt: str) -> str:
    """The prompt, after a short account for an agent that knows nothing of what came before."""
    account = shop.templates.account(brief)
    return f"{account}\n\n{prompt}" if account else prompt
