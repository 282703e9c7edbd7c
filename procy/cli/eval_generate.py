"""``procy eval generate``."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from procy.act.proof import answered_turn
from procy.act.queue import turn_to_send
from procy.act.send import deliver, said_of
from procy.act.target import Target, find_target
from procy.cli.common import db_option, places_of
from procy.cli.eval_common import metrics_table, repo_here, say, status_text
from procy.cli.eval_set import HERE, has_measured, refuse, register_tried, tried
from procy.cli.send import MOMENT_S, agent_here
from procy.errors import EvaluatorError
from procy.evaluate import asking
from procy.evaluate.draft import Draft, Wish, draft_of
from procy.evaluate.run import Sample
from procy.git import Repo
from procy.places import Places
from procy.recording.start import start_sidecar
from procy.store.db import open_reader


@click.command("generate")
@click.argument("description", nargs=-1)
@click.option(
    "-t", "--target", default="", metavar="PANE", help="Pane whose agent writes it (default: this pane, else the last)."
)
@click.option("--name", default="", help="What to call it (default: what its file is called).")
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=900.0, show_default=True, metavar="SECONDS", help="For its answer."
)
@click.option("-y", "--yes", is_flag=True, help="Register it without asking.")
@db_option
def generate_command(description: tuple[str, ...], target: str, name: str, timeout: float, yes: bool, db: str | None) -> int:
    """Ask the agent in a pane to write an evaluator.

    \b
    procy eval generate "recall@10 against brute force, queries per second, build time"

    The file that it wrote is found, tried once in a clean checkout, and its metrics are shown. Then you are asked whether it
    becomes the evaluator of the agent's work tree.
    """
    places = places_of(db)
    found = find_target(places, target or agent_here(places, db) or "last")
    folder = folder_of(found)
    repo = repo_here(places, folder)
    wanted, before = asking.free_name(folder), repo.snapshot_tree()
    turn = answer_of(places, found, asking.prompt_for(" ".join(description), wanted), timeout)
    path = written_by(places, repo, folder, turn, before, wanted)
    draft = draft_of(repo, folder, str(path), Wish(name=name))
    if path.suffix != ".toml":
        asking.promised(path)
    sample, draft = tried(places, repo, draft, found.session_id)
    if not has_measured(draft, sample):
        refuse(repo, sample, f"the evaluator {path.name}")
        say(f"  let the agent mend it, then: {HERE} {path.name}")
        return 1
    show(path, draft, sample)
    if not (yes or agreed(path)):
        say(f"not registered; later: {HERE} {path.name}")
        return 0
    register_tried(places, repo, draft, sample, found.session_id)
    return 0


def folder_of(target: Target) -> Path:
    """The directory that the agent works in."""
    return Path((target.process and target.process.cwd) or target.spool.meta().cwd).resolve()


def answer_of(places: Places, target: Target, prompt: str, patience_s: float) -> dict[str, Any]:
    """The turn in which the agent did it. Raises a ProcyError where it did not."""

    def ask(question: str) -> None:
        say(f"procy: {target.program} asks ({question}); answer it: procy answer -t {target.name}")
        if sys.stdin.isatty() and sys.stdout.isatty():
            subprocess.run([sys.executable, "-m", "procy", "answer", "-t", target.name, "--db", places.db], check=False)

    start_sidecar(places)
    until = time.monotonic() + patience_s
    with turn_to_send(target, MOMENT_S):
        delivery = deliver(target, prompt)
    say(f"{said_of(target, delivery)}; waiting for its answer")
    turn = answered_turn(target, delivery.injection_id, until - time.monotonic(), ask)
    if turn is None:
        what = f"{target.program} has not answered within {patience_s:g} s"
        raise EvaluatorError(what, "It goes on. When it has written one: procy eval set FILE")
    if turn["status"] != "done":
        raise EvaluatorError(f"the turn ended as {turn['status']}", f"See it: procy show {target.name}")
    return turn


def written_by(places: Places, repo: Repo, folder: Path, turn: dict[str, Any], before: str, wanted: str) -> Path:
    """The evaluator that came of a turn: told by its transcript, or seen in the work tree, or shown in the answer."""
    with open_reader(places.db) as connection:
        paths = [*files_of(connection, turn["id"], folder), *changed_since(repo, before)]
    path = asking.chosen(folder, [folder / wanted, *paths], wanted)
    if path:
        say(f"found {path}")
        return path
    block = asking.from_answer(turn["response"])
    if block is None:
        raise EvaluatorError("the agent wrote no evaluator", "Say more about what to measure, or write one: procy eval set FILE")
    path = asking.save(folder, wanted, block)
    say(f"the agent wrote no file; the code of its answer is now in {path}")
    return path


def files_of(connection: sqlite3.Connection, turn_id: str, folder: Path) -> Iterator[Path]:
    for row in connection.execute("SELECT path FROM turn_files WHERE turn_id = ? AND change != 'deleted'", (turn_id,)):
        yield folder / row[0]


def changed_since(repo: Repo, before: str) -> Iterator[Path]:
    for name in repo.changed_files(before, repo.snapshot_tree()):
        yield repo.root / name


def show(path: Path, draft: Draft, sample: Sample) -> None:
    click.echo(f"{path.name}: {status_text(sample.status)}" + (f"  {sample.reason}" if sample.reason else ""))
    metrics_table(draft.contract, sample.metrics, ())


def agreed(path: Path) -> bool:
    """What a human says to it; no where there is none to ask."""
    if not sys.stdin.isatty():
        return False
    return click.confirm(f"Make {path.name} the evaluator of this work tree?", default=True, err=True)
