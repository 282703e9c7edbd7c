"""What the commands of ``procy eval`` share: where they are, an evaluator watched while it runs, its result in words."""

from __future__ import annotations

import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from procy import ids
from procy.cli.common import pane_here, printable, table
from procy.errors import HandleError, ProcyError
from procy.evaluate.contract import Contract, Metric
from procy.evaluate.job import Job
from procy.evaluate.register import Evaluator, find_evaluator
from procy.evaluate.run import Sample, measure
from procy.git import Repo, find_repo
from procy.places import Places, make_home
from procy.recording.start import find_spool
from procy.store import evaluations
from procy.store.db import open_reader
from procy.store.write import written
from procy.ui import words

STATUS_COLOURS = {"ok": "green", "invalid": "yellow", "tampered": "red", "crash": "red", "timeout": "red", "infra": "magenta"}
HIDDEN = 'what git ignores is not in the checkout; lend it with link = ["…"], or --link'


def repo_here(places: Places, cwd: Path | None = None) -> Repo:
    """The work tree that this runs in."""
    make_home(places)
    return find_repo(cwd or Path.cwd(), Path(places.home) / "shadows")


@contextmanager
def evaluator_here(places: Places, name: str = "") -> Iterator[tuple[sqlite3.Connection, Repo, Evaluator]]:
    """The newest evaluator of this work tree, or the one of that name. Raises HandleError."""
    repo = repo_here(places)
    try:
        connection = open_reader(places.db)
    except ProcyError as error:
        raise HandleError(f"{repo.root} has no evaluator", "Set one: procy eval set FILE") from error
    with connection:
        yield connection, repo, find_evaluator(connection, places, repo.root, name)


def session_here(places: Places) -> str:
    """The session of the pane that this was typed in or over; "" where that is not recorded."""
    pane = pane_here(places.db)
    return find_spool(places, pane).session_id if pane else ""


def keep(places: Places, evaluator: Evaluator, sample: Sample, purpose: str = "run") -> str:
    """Store a sample; its id."""
    key = ids.new_id(sample.started_ns or time.time_ns(), secrets.token_bytes(10))
    with written(places.db) as connection:
        evaluations.add_sample(connection, key, evaluator.id, sample, purpose)
    return key


# -- watching -----------------------------------------------------------------------------------------------------------


def watched(places: Places, job: Job, what: str, usual_ms: int | None = None) -> Sample:
    """Measure, with what the evaluator prints and how far it may be on standard error."""
    stage = job.evaluator.contract.stage(job.stage)
    limit_s = stage.timeout_s if stage else 0.0
    with watching(what, usual_ms / 1000 if usual_ms else None, limit_s) as hear:
        return measure(places, job, hear)


@contextmanager
def watching(what: str, usual_s: float | None, limit_s: float) -> Iterator[Callable[[str], None]]:
    """Gives a function that takes output as it comes. A bar where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: click.echo(printable(text), nl=False, err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    class Passing(BarColumn):
        """Of the usual time; without one, only that something goes on."""

        def render(self, task: Task) -> ProgressBar:
            passed = min(task.elapsed or 0.0, usual_s or 0.0)
            return ProgressBar(total=usual_s, completed=passed, width=24, pulse=usual_s is None, animation_time=time.monotonic())

    class Clock(ProgressColumn):
        def render(self, task: Task) -> Text:
            of = f"of about {words.duration(usual_s * 1000)}" if usual_s else f"of {words.duration(limit_s * 1000)} at most"
            return Text(f"{words.duration(round((task.elapsed or 0.0) * 10) * 100)} {of}", style="dim")

    lines = Lines()
    with Progress(TextColumn("{task.description}"), Passing(), Clock(), console=Console(stderr=True), transient=True) as shown:
        shown.add_task(what, total=None)

        def hear(text: str) -> None:
            for line in lines.whole(printable(text)):
                shown.console.print(Text(line))

        yield hear
        for line in lines.rest():
            shown.console.print(Text(line))


class Lines:
    """Makes whole lines of what comes in pieces."""

    def __init__(self) -> None:
        self.begun = ""

    def whole(self, text: str) -> list[str]:
        *lines, self.begun = (self.begun + text).split("\n")
        return lines

    def rest(self) -> list[str]:
        return [self.begun] if self.begun else []


# -- saying -------------------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    click.echo(printable(text), err=True)


def status_text(status: str) -> str:
    return click.style(status, fg=STATUS_COLOURS.get(status))


def as_json(sample: Sample) -> dict[str, Any]:
    wanted = ("status", "reason", "score", "metrics", "instances", "feedback", "artifacts", "exit_code", "duration_ms", "stage",
              "seed", "commit", "host", "load", "output")  # fmt: skip
    return {name: getattr(sample, name) for name in wanted}


def number(value: float | None) -> str:
    """``45.2``, ``0.00123``, ``12,400``; "" for None."""
    if value is None:
        return ""
    if abs(value) >= 10_000 and value == value // 1:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def change_text(metric: Metric | None, old: float | None, new: float | None) -> str:
    """``+12 %``, green where that is better; "" where there is nothing to compare with."""
    if old is None or new is None:
        return ""
    if old == new:
        return "="
    text = f"{(new - old) / abs(old):+.1%}".replace("%", " %") if old else f"{new - old:+.4g}"
    better = metric is not None and metric.larger_is_better(new) > metric.larger_is_better(old)
    return click.style(text, fg="green" if better else "red") if metric else text


def metrics_table(contract: Contract, metrics: Mapping[str, float], before: Sequence[Mapping[str, float]]) -> None:
    """The metrics of a result, with changes against the last one before it and the best."""
    rows = []
    for metric in contract.metrics:
        value = metrics.get(metric.name)
        known = [one[metric.name] for one in before if metric.name in one]
        best = max(known, key=metric.larger_is_better) if known else None
        rows.append(
            {
                "METRIC": metric.name + (" *" if metric.name == contract.objective else ""),
                "VALUE": f"{number(value)} {metric.unit}".strip(),
                "LAST": change_text(metric, known[-1] if known else None, value),
                "BEST": change_text(metric, best, value),
                "WANTED": wanted_text(metric),
            }
        )
    table(rows, ("METRIC", "VALUE", "LAST", "BEST", "WANTED") if before else ("METRIC", "VALUE", "WANTED"))


def wanted_text(metric: Metric) -> str:
    bounds = [f"≥ {metric.at_least:g}"] if metric.at_least is not None else []
    bounds += [f"≤ {metric.at_most:g}"] if metric.at_most is not None else []
    return ", ".join([f"{metric.direction}", *bounds])
