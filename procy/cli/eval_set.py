"""``procy eval set``."""

from __future__ import annotations

from pathlib import Path

import click

from procy.cli.common import db_option, json_option, places_of, print_json
from procy.cli.eval_common import HIDDEN, as_json, keep, metrics_table, repo_here, say, session_here, status_text, watched
from procy.errors import ConfigError
from procy.evaluate.contract import Direction
from procy.evaluate.draft import Draft, Wish, draft_of, rejudged
from procy.evaluate.job import Job
from procy.evaluate.register import Evaluator, pin, register
from procy.evaluate.run import Sample
from procy.git import Repo
from procy.places import Places

HERE = "procy eval set"


@click.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("what", nargs=-1, metavar="[FILE | COMMAND]")
@click.option("--name", default="", help="What to call it (default: what the file is called).")
@click.option("--objective", default="", metavar="METRIC", help="The metric that counts (default: the first).")
@click.option("--minimize/--maximize", "minimize", default=None, help="Which way the objective is better.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Time limit of each run.")
@click.option("--pin", "pinned", multiple=True, metavar="GLOB", help="More files that are the evaluator's own; repeatable.")
@click.option("--link", "links", multiple=True, metavar="PATH", help="Ignored files to lend to the checkout; repeatable.")
@click.option("--no-run", is_flag=True, help="Do not try it first.")
@json_option
@db_option
def set_command(  # noqa: PLR0913
    what: tuple[str, ...],
    name: str,
    objective: str,
    minimize: bool | None,
    timeout: float | None,
    pinned: tuple[str, ...],
    links: tuple[str, ...],
    no_run: bool,
    as_json: bool,
    db: str | None,
) -> int:
    """Make a file or a command line the evaluator of this work tree.

    \b
    procy eval set                        .procy/eval.toml
    procy eval set bench.py               a script that prints its metrics as JSON
    procy eval set make bench --objective cycles --minimize

    It is run once on the work tree as it stands, its metrics are shown, and it is registered with the hashes of its files.
    """
    places = places_of(db)
    repo = repo_here(places)
    direction: Direction | None = None if minimize is None else "minimize" if minimize else "maximize"
    wish = Wish(name, objective, direction, timeout, pinned, links)
    draft = draft_of(repo, Path.cwd(), text_of(what), wish)
    return establish(places, repo, draft, run=not no_run, as_json_too=as_json)


def text_of(words: tuple[str, ...]) -> str:
    """One path, also with blanks that nobody quoted, or a command line."""
    import shlex

    plain = " ".join(words)
    return plain if len(words) < 2 or Path(plain).expanduser().exists() else shlex.join(words)


def establish(places: Places, repo: Repo, draft: Draft, run: bool, as_json_too: bool = False) -> int:
    """Try a draft and register it; exit status 1 where it does not work."""
    sample, session = None, session_here(places)
    if run:
        sample, draft = tried(places, repo, draft, session)
        if not has_measured(draft, sample):
            refuse(repo, sample, "it")
            say("  mend it and set it again; untried it is taken with --no-run --objective METRIC")
            return 1
    evaluator = register_tried(places, repo, draft, sample, session)
    show(evaluator, sample, as_json_too)
    return 0


def register_tried(places: Places, repo: Repo, draft: Draft, sample: Sample | None, session_id: str) -> Evaluator:
    """Register a draft, with its first result."""
    evaluator = register(places, repo, draft.contract, draft.files, session_id or None)
    if sample:
        keep(places, evaluator, sample)
    metric = evaluator.contract.metric(evaluator.contract.objective)
    other = "; another objective: --objective METRIC" if len(evaluator.contract.metrics) > 1 else ""
    say(f"detected metrics: {', '.join(one.name for one in evaluator.contract.metrics)}")
    say(f"evaluator {evaluator.name} is registered: {metric.direction if metric else ''} {evaluator.contract.objective}{other}")
    if not evaluator.files:
        say("  none of its files is pinned: name those that a candidate must not change with pin = […], or --pin")
    return evaluator


def tried(places: Places, repo: Repo, draft: Draft, session_id: str) -> tuple[Sample, Draft]:
    """Its first result, and the draft with the metrics that it has."""
    one = pin(places, repo, draft.contract, draft.files)
    job = Job(evaluator=one, repo=repo, commit=repo.snapshot("procy: the work tree as it stands"), session_id=session_id)
    sample = watched(places, job, f"{one.name}: first run")
    try:
        informed = draft.informed(sample.raw)
    except ConfigError:
        say(f"it has none of that name; its result was: {dict(sample.raw)}")
        raise
    return rejudged(sample, draft.contract, informed.contract), informed


def has_measured(draft: Draft, sample: Sample) -> bool:
    """Whether a first run gave what counts, be it good enough or not."""
    return sample.status in ("ok", "invalid") and draft.contract.objective in sample.metrics


def refuse(repo: Repo, sample: Sample, what: str) -> None:
    no_number = sample.exit_code == 0 and sample.status in ("ok", "invalid")
    why = "gave no number" if no_number else f"came out as {sample.status}: {sample.reason}"
    say(f"procy: {what} is not registered, since its first run {why}")
    if repo.run("ls-files", "--others", "--ignored", "--exclude-standard", "--directory"):
        say(f"  it ran in a clean checkout: {HIDDEN}")


def show(evaluator: Evaluator, sample: Sample | None, as_json_too: bool) -> None:
    contract = evaluator.contract
    if as_json_too:
        result = as_json(sample) if sample else None
        print_json({"evaluator": evaluator.id, "name": evaluator.name, "sha256": evaluator.sha256,
                    "definition": contract.as_json(), "files": dict(evaluator.files), "first": result})  # fmt: skip
        return
    if sample:
        click.echo(f"{status_text(sample.status)}" + (f"  {sample.reason}" if sample.reason else ""))
        metrics_table(contract, sample.metrics, ())
