"""``procy evolve``: begin a run, look at it, stop it, go on with it, take what it found."""

from __future__ import annotations

import os
import shlex
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import click

from procy.capture.spool import Spool
from procy.capture.tmux import Tmux
from procy.cli.common import db_option, json_option, pane_here, places_of, print_json, reader
from procy.cli.evolve_show import describe_draft, show_comparison, show_run, show_runs
from procy.errors import ProcyError
from procy.evaluate.reading import inside
from procy.evolve import start
from procy.evolve.plan import Budget, Plan, read_budget
from procy.evolve.proposers import ALIASES, asking, default_proposer
from procy.evolve.proposers.served import told, with_served
from procy.evolve.start import Draft, Order
from procy.evolve.strategies import settled
from procy.git import Repo
from procy.learn.serve.stop import forget_dead
from procy.places import Places
from procy.recording.start import find_spool
from procy.settings import Settings, load_settings
from procy.store import runs
from procy.store.read import short
from procy.store.runs import Row


class EvolveGroup(click.Group):
    """``evolve 5`` is ``evolve run 5``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("evolve", cls=EvolveGroup)
def evolve_command() -> None:
    """Let prompts find a better state of the code: propose, ask the agent, evaluate, keep or revert, again.

    \b
    procy evolve 5                       five tries, in a lane of their own
    procy evolve 20 --goal "fewer allocations" --budget time=2h,usd=5
    procy evolve status                  what became of them
    procy evolve apply best              take the best one over

    The judge is the evaluator of the work tree: procy eval set. Your branch, index and files stay as they are until apply.
    The options of a run: procy evolve run --help.
    """


@evolve_command.command("run", short_help="Begin a run of TRIES tries, in the background.")
@click.argument("tries", type=click.IntRange(min=1), default=3)
@click.option(
    "-t", "--target-pane", "pane", default="", metavar="PANE", help="Recorded pane whose agent is meant (default: this)."
)
@click.option("--goal", default="", help="What to achieve (default: what was last asked for in the pane).")
@click.option("--strategy", default="", help="Which try the next one starts from: procy evolve strategies.")
@click.option("--strategy-option", "strategy_options", multiple=True, metavar="NAME=VALUE", help="For the strategy; repeatable.")
@click.option("--proposer", type=click.Choice(["model", "template", "agent"]), help="Who writes the prompts.")
@click.option("--evolve-policy", type=click.Choice(list(ALIASES)), hidden=True)
@click.option("--proxy-url", default="", metavar="URL", help="Endpoint of the proxy model, OpenAI-compatible.")
@click.option("--proxy-model", default="", metavar="NAME", help="Model to request there: an adapter that is served, or its base.")
@click.option("--evaluator", default="", metavar="NAME", help="Which evaluator (default: the newest of the work tree).")
@click.option("--lanes", type=click.IntRange(1, 64), help="Panes and worktrees at once.")
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="Lanes on a machine of [hosts], and with --lanes here too.")
@click.option("--executor", type=click.Choice(["local", "ssh", "ray"]), help="Where evaluators run.")
@click.option("--target", type=float, metavar="SCORE", help="Stop when the objective is so good.")
@click.option(
    "--budget", multiple=True, metavar="WHAT=AMOUNT", help="time=2h tokens=5M usd=3 evaluator=30m stall=10; repeatable."
)
@click.option("--seed", type=int, default=0, help="Of every random choice.")
@click.option("--agent", default="", metavar="COMMAND", help="Agent of the lanes (default: that of the pane).")
@click.option("--ask", is_flag=True, help="Show each prompt before it is sent: send, edit or veto it.")
@click.option("--here", is_flag=True, help="Work in this pane and these files; they are saved before.")
@click.option("--headless", is_flag=True, help="No tmux on screen; the agent's command comes behind --. Ends when the run does.")
@click.option("--link", "links", multiple=True, metavar="PATH", help="What git ignores, lent to lanes here; repeatable.")
@click.option("--keep-lanes", is_flag=True, help="Leave panes and worktrees when the run is over.")
@click.option("-y", "--yes", is_flag=True, help="Begin without asking.")
@db_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run_command(  # noqa: PLR0913
    tries: int,
    pane: str,
    goal: str,
    strategy: str,
    strategy_options: tuple[str, ...],
    proposer: str | None,
    evolve_policy: str | None,
    proxy_url: str,
    proxy_model: str,
    evaluator: str,
    lanes: int | None,
    hosts: tuple[str, ...],
    executor: str | None,
    target: float | None,
    budget: tuple[str, ...],
    seed: int,
    agent: str,
    ask: bool,
    here: bool,
    headless: bool,
    links: tuple[str, ...],
    keep_lanes: bool,
    yes: bool,
    db: str | None,
    command: tuple[str, ...],
) -> int:
    """Begin a run of TRIES tries (default 3), in the background."""
    if here:
        check_here(headless or (lanes or 1) > 1 or bool(hosts), bool(links))
    if command and not headless:
        raise click.UsageError("a command behind -- belongs to --headless; name an agent with --agent COMMAND")
    places = places_of(db)
    forget_dead(places)
    own = load_settings(places)
    settings = with_served(places, own)
    spool = None if headless else spool_meant(places, pane, db)
    plan = Plan(
        lanes=lanes or (1 if here else 0 if hosts else settings.evolve.lanes), hosts=tuple(dict.fromkeys(hosts)),
        seed=seed, ask=ask, keep_lanes=keep_lanes, links=inside((*settings.evolve.link, *links), "procy evolve", "--link"),
        proxy_url=proxy_url, proxy_model=proxy_model,
        executor=executor or settings.evolve.executor, answer_s=settings.evolve.turn_timeout_s,
        strategy_options=options_of(strategy_options), target=target,
    )  # fmt: skip
    order = Order(
        places=places,
        cwd=cwd_meant(spool),
        spool=spool,
        goal=goal,
        strategy=settled(strategy or settings.evolve.strategy),
        proposer=proposer or ALIASES.get(evolve_policy or "", "") or default_proposer(asking(settings, proxy_url)),
        evaluator=evaluator,
        mode="here" if here else "headless" if headless else "lanes",
        budget=budget_meant(budget, tries, settings),
        plan=plan,
        agent=command or tuple(shlex.split(agent)),
    )
    if order.proposer == "model" and (words := told(places, own, proxy_url, proxy_model)):
        click.echo(words, err=True)
    with reader(db):
        found = oriented(start.draft(order, settings))
    if not yes and not confirmed(found):
        return 1
    return begin(places, found)


def check_here(elsewhere: bool, links: bool) -> None:
    """What does not go with --here. Raises UsageError."""
    if elsewhere:
        raise click.UsageError("--here is one lane: this pane")
    if links:
        raise click.UsageError("--here works in your own files, which need no --link")


def spool_meant(places: Places, pane: str, db: str | None) -> Spool | None:
    """That of the pane given, of this one, else of the last recording; None where nothing is recorded."""
    if pane or pane_here(db):
        return find_spool(places, pane or pane_here(db))
    try:
        return find_spool(places, "last")
    except ProcyError:
        return None


def cwd_meant(spool: Spool | None) -> str:
    """Where the agent of the pane works, else where this runs."""
    if spool is None:
        return os.getcwd()
    meta = spool.meta()
    try:
        return Tmux(meta.tmux_socket).cwd(meta.pane_id) or meta.cwd
    except ProcyError:
        return meta.cwd


def options_of(texts: tuple[str, ...]) -> dict[str, str]:
    wrong = next((text for text in texts if "=" not in text), None)
    if wrong:
        raise click.UsageError(f"--strategy-option {wrong!r} is not NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)


def budget_meant(texts: tuple[str, ...], tries: int, settings: Settings) -> Budget:
    """What the options limit, and else the settings; the number of tries is always the one given."""
    given = read_budget(texts, tries).as_json()
    usual = {name: value for name, value in settings.evolve.budget.items() if name not in given}
    whole = {name: int(value) if name in ("tokens", "stall") else value for name, value in usual.items()}
    return Budget(**{**whole, **given})


def oriented(found: Draft) -> Draft:
    """With a target in the direction of scores: larger is better."""
    target, contract = found.plan.target, found.evaluator.contract
    objective = contract.metric(contract.objective)
    if target is None or objective is None:
        return found
    return replace(found, plan=replace(found.plan, target=objective.larger_is_better(target)))


def confirmed(found: Draft) -> bool:
    """Show what would happen, and ask. Raises UsageError where nobody can answer."""
    describe_draft(found)
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; begin with --yes")
    return click.confirm("Begin?", default=True, err=True)


def begin(places: Places, found: Draft) -> int:
    if found.order.mode == "headless":
        return headless_run(places, found)
    run_id = start.begin(found)
    start.launch(places, run_id)
    click.echo(f"run {short(run_id)} has begun; see it with: procy evolve status {short(run_id)}", err=True)
    return 0


def headless_run(places: Places, found: Draft) -> int:
    """In this process, on a tmux server of its own, until it is over."""
    from procy.evolve.headless import carry_out_headless

    run_id = start.begin(found)
    ending = carry_out_headless(places, run_id)
    with reader(places.db) as connection:
        show_run(connection, runs.run_by_id(connection, run_id))
    return 0 if ending is not None and ending.status == "done" else 1


@evolve_command.command("status", short_help="Show a run and its tries, or all runs.")
@click.argument("run", default="last")
@click.option("--all", "everything", is_flag=True, help="Every run, newest first.")
@json_option
@db_option
def status_command(run: str, everything: bool, as_json: bool, db: str | None) -> None:
    """Show a run and its tries, with their metrics and what was decided."""
    with reader(db) as connection:
        if everything:
            show_runs(connection, places_of(db), as_json)
            return
        show_run(connection, run_meant(connection, run), as_json)


@evolve_command.command("stop")
@click.argument("run", default="last")
@db_option
def stop_command(run: str, db: str | None) -> int:
    """Stop a run, and interrupt its agents. It can be resumed."""
    return stop_run(places_of(db), found_run(db, run))


def stop_run(places: Places, row: Row) -> int:
    if row["status"] != "running":
        click.echo(f"run {short(row['id'])} is {row['status']} already", err=True)
        return 0
    if not start.want_stop(places, row):
        raise ProcyError(f"run {short(row['id'])} does not stop", f"Clear it: procy evolve reset {short(row['id'])}")
    click.echo(f"run {short(row['id'])} is stopped; go on with: procy evolve resume {short(row['id'])}", err=True)
    return 0


@evolve_command.command("resume", short_help="Go on with a run, at the very step.")
@click.argument("run", default="last")
@click.option("--tries", type=click.IntRange(min=1), help="So many tries in all from now on.")
@db_option
def resume_command(run: str, tries: int | None, db: str | None) -> None:
    """Go on with a run that was stopped, paused or cut off, at the very step."""
    places, row = places_of(db), found_run(db, run)
    start.go_on(places, row, tries)
    click.echo(f"run {short(row['id'])} goes on; see it with: procy evolve status {short(row['id'])}", err=True)


@evolve_command.command("reset", short_help="Clear a run that is stuck.")
@click.argument("run", default="last")
@click.option("--restore", is_flag=True, help="After --here: give back files, index and HEAD as they were before.")
@db_option
def reset_command(run: str, restore: bool, db: str | None) -> None:
    """Clear a run that is stuck: its process, panes and worktrees go, its tries and commits stay."""
    from procy.evolve.reset import reset

    places, row = places_of(db), found_run(db, run)
    for line in reset(places, load_settings(places), row, restore):
        click.echo(line, err=True)


@evolve_command.command("apply", short_help="Take a try over into the work tree.")
@click.argument("attempt", metavar="TRY", default="best")
@click.option("--run", default="last", help="Of which run (default: the last of this work tree).")
@click.option("--commit", "as_commit", is_flag=True, help="As one commit on the current branch.")
@click.option("--branch", metavar="NAME", help="As a new branch with the try's own commits; files stay as they are.")
@db_option
def apply_command(attempt: str, run: str, as_commit: bool, branch: str | None, db: str | None) -> None:
    """Take a try over into the work tree: its number, an id, or best."""
    from procy.evolve import apply

    if as_commit and branch:
        raise click.UsageError("--commit and --branch exclude each other")
    with reader(db) as connection:
        row = run_meant(connection, run)
        found = runs.find_try(connection, attempt, row)
        row = runs.run_by_id(connection, found["run_id"])
    repo = repo_of(db, row)
    if branch:
        apply.make_branch(repo, row, found, branch)
        click.echo(f"branch {branch} is at try {found['seq']}", err=True)
    elif as_commit:
        click.echo(f"committed try {found['seq']} as {apply.commit_files(repo, row, found)}", err=True)
    else:
        files = apply.apply_files(repo, row, found)
        click.echo(f"applied try {found['seq']} to {', '.join(files)}", err=True)


def repo_of(db: str | None, row: Row) -> Repo:
    from procy.evolve.assemble import repo_at

    return repo_at(places_of(db), str(Path(row["root"])))


def run_meant(connection: sqlite3.Connection, handle: str) -> Row:
    """``last``: of the work tree that this runs in, else of all."""
    return runs.find_run(connection, handle, cwd=os.path.realpath(os.getcwd()))


def found_run(db: str | None, handle: str) -> Row:
    with reader(db) as connection:
        return run_meant(connection, handle)


@evolve_command.command("compare", short_help="Two tries side by side.")
@click.argument("one")
@click.argument("other")
@click.option("--run", default="last", help="Whose tries are meant by numbers (default: the last of this work tree).")
@json_option
@db_option
def compare_command(one: str, other: str, run: str, as_json: bool, db: str | None) -> None:
    """Two tries side by side: prompts, metrics, files, and where they parted."""
    from procy.evolve.compare import comparison

    with reader(db) as connection:
        row = run_meant(connection, run)
        pair = [runs.find_try(connection, handle, row) for handle in (one, other)]
        row = runs.run_by_id(connection, pair[0]["run_id"])
        found = comparison(connection, repo_of(db, row), row, *pair)
    if as_json:
        print_json(found)
    else:
        show_comparison(found)


@evolve_command.command("strategies")
@json_option
def strategies_command(as_json: bool) -> None:
    """The rules for which try the next one starts from."""
    from procy.evolve.strategies import summaries

    found = dict(summaries())
    if as_json:
        print_json(found)
        return
    width = max(len(name) for name in found)
    for name, summary in found.items():
        click.echo(f"{name.ljust(width)}  {summary}")


@evolve_command.command("decide", short_help="Send, edit or veto a prompt of a run with --ask.")
@click.argument("attempt", metavar="[TRY]", default="")
@click.option("--send", "verdict", flag_value="approved", help="Send the prompt as it is.")
@click.option("--veto", "verdict", flag_value="vetoed", help="Do not send it; the run goes on with another try.")
@click.option("--to", metavar="TEXT", help="Send this in its place; kept as a correction.")
@click.option("--note", default="", help="Why.")
@db_option
def decide_command(attempt: str, verdict: str | None, to: str | None, note: str, db: str | None) -> int:
    """Say what becomes of a prompt that a run with --ask wants to send: send it, edit it, or veto it."""
    from procy.popups.decide import decide, undecided

    places = places_of(db)
    with reader(db) as connection:
        row = undecided(connection, attempt)
    words = decide(places, row, verdict or ("edited" if to is not None else ""), to, note)
    if words:
        click.echo(words, err=True)
    return 0
