"""``procy eval run``."""

from __future__ import annotations

import click

from procy.cli.common import db_option, json_option, places_of, print_json, printable
from procy.cli.eval_common import as_json, evaluator_here, keep, metrics_table, say, session_here, status_text, watched
from procy.evaluate.contract import STAGES
from procy.evaluate.job import Job
from procy.evaluate.pinned import hash_of
from procy.evaluate.register import Evaluator
from procy.evaluate.run import Sample
from procy.evolve.feedback import items
from procy.git import Repo
from procy.store import evaluations
from procy.ui import words


@click.command("run", short_help="Judge a commit, or the work tree as it stands.")
@click.argument("commit", default="")
@click.option("--name", default="", help="Which evaluator (default: the newest of the work tree).")
@click.option("--stage", type=click.Choice(STAGES), default="full", show_default=True)
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N", help="Measure so many times.")
@click.option("--seed", type=int, help="PROCY_SEED (default: the seeds of the evaluator, in turn).")
@json_option
@db_option
def run_command(commit: str, name: str, stage: str, repeat: int, seed: int | None, as_json: bool, db: str | None) -> int:
    """Judge COMMIT, or the work tree as it stands: new files too, ignored ones not.

    What the evaluator prints comes on standard error while it runs. Every result is kept: procy eval metrics. Ends with 1 unless
    all of them are ok.
    """
    places = places_of(db)
    with evaluator_here(places, name) as (connection, repo, evaluator):
        wanted = repo.resolve(commit) if commit else repo.snapshot("procy: the work tree as it stands")
        before = [row for row in evaluations.history(connection, str(repo.root), evaluator.name) if counts(row, evaluator, stage)]
        usual = evaluations.usual_ms(connection, evaluator.id, stage)
    if not commit:
        remind(repo, evaluator)
    session, samples = session_here(places), []
    for place in range(repeat):
        seeds = evaluator.contract.seeds
        chosen = seed if seed is not None else seeds[place % len(seeds)] if seeds else None
        job = Job(evaluator=evaluator, repo=repo, commit=wanted, stage=stage, seed=chosen, session_id=session)
        what = f"{evaluator.name} {stage}" + (f" {place + 1}/{repeat}" if repeat > 1 else "")
        sample = watched(places, job, what, usual)
        keep(places, evaluator, sample)
        samples.append(sample)
        if not as_json:
            show(evaluator, sample, [row["metrics"] for row in before])
    if as_json:
        print_json(results(evaluator, samples))
    return 0 if all(sample.status == "ok" for sample in samples) else 1


def counts(row: dict[str, object], evaluator: Evaluator, stage: str) -> bool:
    return (row["status"], row["stage"], row["evaluator_sha"]) == ("ok", stage, evaluator.sha256)


def results(evaluator: Evaluator, samples: list[Sample]) -> object:
    """One result, or a list of them where several were asked for."""
    found = [{"evaluator": evaluator.name, **as_json(sample)} for sample in samples]
    return found[0] if len(found) == 1 else found


def remind(repo: Repo, evaluator: Evaluator) -> None:
    """What is run is the pinned evaluator, which may not be what stands in the work tree."""
    changed = [name for name, wanted in evaluator.files.items()
               if (repo.root / name).is_file() and hash_of(repo.root / name) != wanted]  # fmt: skip
    if changed:
        say(f"{', '.join(changed)} changed since it was registered; what runs is what was: procy eval set takes the new one")


def show(evaluator: Evaluator, sample: Sample, before: list[dict[str, float]]) -> None:
    click.echo(status_text(sample.status) + (f"  {sample.reason}" if sample.reason else ""))
    if sample.metrics:
        metrics_table(evaluator.contract, sample.metrics, before)
    for line in items(sample.feedback, "", 0):
        click.echo(f"  {printable(line)}")
    left = f", {sample.left} processes left behind were ended" if sample.left else ""
    say(f"{words.duration(sample.duration_ms)}, commit {sample.commit[:10]}, {sample.stage}, load {sample.load:.1f}{left}")
