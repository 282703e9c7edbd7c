"""``procy train``: begin a training, look at it, end it; and the environment that it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from procy.cli.common import db_option, json_option, places_of, print_json, reader
from procy.cli.train_show import follow_on_screen, show_adapters, show_training, show_trainings
from procy.store import trainings
from procy.store.read import short

METHODS = ("sft", "dpo", "kto", "sft+dpo")


class TrainGroup(click.Group):
    """``train --method sft`` is ``train run --method sft``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("train", cls=TrainGroup)
def train_command() -> None:
    """Train the proxy model from corrections and measured prompts: a LoRA adapter of an open model.

    \b
    procy train setup                         an environment with torch, once
    procy train                               sft, then dpo, of what there is to learn from
    procy train --where ssh:big --world 4     on a host of [hosts], with four GPUs
    procy train status                        how it goes

    It goes on without the terminal. The options of a training: procy train run --help.
    """


@train_command.command("run", short_help="Begin a training, in the background.")
@click.option("--method", type=click.Choice(METHODS), default="sft+dpo", show_default=True, help="How, and in which order.")
@click.option("--model", default="", metavar="MODEL", help="Base: a folder or a name, as the place knows it.")
@click.option("--where", default="", metavar="PLACE", help="local, ssh:HOST (of [hosts]) or ray:ADDRESS.")
@click.option("--data", type=click.Path(path_type=Path), help="An export or a JSONL file (default: what there is now).")
@click.option("--held-out", type=click.FloatRange(0, 0.9), default=0.2, show_default=True, help="Share of sessions for the test.")
@click.option("--name", default="proxy", show_default=True, help="Of the adapter, as it is asked for when it is served.")
@click.option("--epochs", type=float, help="How often each row is seen.")
@click.option("--lr", type=float, help="Learning rate.")
@click.option("--dpo-epochs", type=float, help="The same for dpo, in sft+dpo.")
@click.option("--dpo-lr", type=float, help="The same for dpo, in sft+dpo.")
@click.option("--batch-size", type=click.IntRange(1), help="Rows a step, over all processes.")
@click.option("--accumulate", type=click.IntRange(1), help="Steps whose gradients are added up.")
@click.option("--lora-r", type=click.IntRange(1), help="Rank of the adapter.")
@click.option("--lora-alpha", type=click.IntRange(1), help="Its scale, times the rank.")
@click.option("--max-length", type=click.IntRange(16), help="Tokens of a row.")
@click.option("--seed", type=int, help="Of every random choice.")
@click.option("--qlora", is_flag=True, help="The base in 4 bits.")
@click.option("--world", type=click.IntRange(1), default=1, show_default=True, help="Processes, one a GPU.")
@click.option("--launcher", type=click.Choice(["multi_gpu", "fsdp2", "deepspeed_zero3"]), help="A configuration of accelerate.")
@click.option("--docker", default="", metavar="IMAGE", help="Run in a container of this image.")
@click.option("--share", default="", metavar="DIR", help="For ray: a folder that its cluster and this machine have in common.")
@click.option("--gpus", type=click.IntRange(0), default=0, help="For ray: what the job asks for (default: what the head has).")
@click.option("--deploy", is_flag=True, help="Serve the adapter when it is there.")
@click.option("-d", "--detach", is_flag=True, help="Return at once.")
@db_option
@json_option
@click.argument("extra", nargs=-1, type=click.UNPROCESSED)
def run_command(  # noqa: PLR0913
    method: str, model: str, where: str, data: Path | None, held_out: float, name: str, world: int, launcher: str | None,
    docker: str, share: str, gpus: int, deploy: bool, detach: bool, db: str | None, as_json: bool, extra: tuple[str, ...],
    dpo_epochs: float | None, dpo_lr: float | None, **options: Any,
) -> int:  # fmt: skip
    """Begin a training, in the background, and show how it goes; Ctrl-C ends the showing only.

    EXTRA, behind --, are words for the scripts as they are: procy train -- --lora-dropout 0.1
    """
    from procy.learn.train.begin import begin
    from procy.learn.train.plan import Plan, where_of
    from procy.settings import load_settings

    places = places_of(db)
    settings = load_settings(places)
    later = {"epochs": dpo_epochs, "lr": dpo_lr} if method == "sft+dpo" else {}
    plan = Plan(
        method=method, model=base_of(model or settings.train.model), where=where_of(where or settings.train.where), name=name,
        world=world, launcher=launcher or "", docker=docker, share=share, gpus=gpus, deploy=deploy, extra=extra,
        options={key: value for key, value in options.items() if value is not None and value is not False},
        later={key: value for key, value in later.items() if value is not None},
    )  # fmt: skip
    training_id = begin(places, settings, plan, data, held_out)
    if not as_json:
        click.echo(f"training {short(training_id)} has begun: {plan.method} of {plan.model}, {plan.where}", err=True)
    if detach:
        if as_json:
            show_training(places, training_id, as_json)
        return 0
    return follow_on_screen(places, training_id, as_json)


def base_of(model: str) -> str:
    """A folder here is meant from here, wherever the training runs."""
    return str(Path(model).expanduser().absolute()) if Path(model).expanduser().is_dir() else model


training_argument = click.argument("training", default="last")


@train_command.command("status")
@training_argument
@db_option
@json_option
def status_command(training: str, db: str | None, as_json: bool) -> None:
    """Show how a training goes, or how it went."""
    places, row = meant(training, db)
    show_training(places, row["id"], as_json)


@train_command.command("logs")
@training_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until it ends.")
@db_option
def logs_command(training: str, follow: bool, db: str | None) -> None:
    """Print what a training said."""
    from procy.cli.train_show import print_log

    places, row = meant(training, db)
    print_log(places, row, follow)


@train_command.command("cancel")
@training_argument
@db_option
def cancel_command(training: str, db: str | None) -> int:
    """End a training and all its processes."""
    from procy.cli.train_show import wait_for_end
    from procy.learn.train.begin import cancel

    places, row = meant(training, db)
    cancel(places, row)
    status = wait_for_end(places, row["id"])
    click.echo(f"training {short(row['id'])} is {status}", err=True)
    return 0


@train_command.command("resume")
@training_argument
@click.option("-d", "--detach", is_flag=True, help="Return at once.")
@db_option
def resume_command(training: str, detach: bool, db: str | None) -> int:
    """Go on with a training that failed, was cancelled or lost, at its last checkpoint."""
    from procy.learn.train.begin import resume

    places, row = meant(training, db)
    resume(places, row)
    return 0 if detach else follow_on_screen(places, row["id"], as_json=False)


@train_command.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="Newest so many.")
@db_option
@json_option
def list_command(limit: int, db: str | None, as_json: bool) -> None:
    """List trainings and adapters, newest first."""
    from procy.learn.train.begin import follow_all

    follow_all(places_of(db))
    with reader(db) as connection:
        rows, made = trainings.newest(connection, limit), trainings.adapters(connection, limit)
    if as_json:
        print_json({"trainings": rows, "adapters": made})
        return
    show_trainings(rows)
    show_adapters(made)


@train_command.command("setup")
@click.option("--python", default="", metavar="PATH", help="Python to make it with, 3.11 or newer (default: procy's own).")
@click.option("--torch", default="", metavar="REQUIREMENT", help="Another torch than the pinned one, as pip takes it.")
@db_option
def setup_command(python: str, torch: str, db: str | None) -> None:
    """Make an environment with torch, transformers, trl and peft in procy's data directory. Takes 1.5 GB or more."""
    from procy.learn.train.scripts import set_up

    folder = set_up(places_of(db), python, torch)
    click.echo(f"made {folder}", err=True)


def meant(handle: str, db: str | None) -> tuple[Any, trainings.Row]:
    """The places and the training; what is open is followed from now on."""
    from procy.learn.train.begin import follow_in_background

    places = places_of(db)
    with reader(db) as connection:
        row = trainings.find(connection, handle)
    if row["status"] in trainings.OPEN:
        follow_in_background(places, row["id"])
    return places, row
