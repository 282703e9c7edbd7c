"""``procy export sft|dpo|kto|all|seed``: what a proxy model can learn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from procy.cli.common import db_option, json_option, places_of, print_json, reader, table
from procy.errors import ConfigError
from procy.settings import load_settings
from procy.store.db import iso
from procy.store.read import find_session

CHARACTERS = 24_000
TITLES = {
    "sft": "Write prompts to imitate: corrections, kept tries, prompts of humans; as TRL's SFTTrainer reads them.",
    "dpo": "Write pairs of a better and a worse prompt, for TRL's DPOTrainer.",
    "kto": "Write good and bad prompts, each alone, for TRL's KTOTrainer.",
    "all": "Write all three, with one manifest and one card.",
    "seed": "Write procy_train.jsonl as the first procy did: instruction and output.",
}
DETAILS = """
    A row is what was known before a prompt was written (goal, earlier turns or tries, figures, feedback, corrections) and that
    prompt. Rows of one session are all to learn from or all held out. Names, addresses and secrets are taken out; every row
    that is left out is counted with the reason.
"""


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        db_option,
        json_option,
        click.option("--seed", type=int, default=0, help="Of the choice of what is held out."),
        click.option("--max-characters", type=click.IntRange(2_000), default=CHARACTERS, show_default=True,
                     help="Of what was known before a prompt, at most."),
        click.option("--held-out", type=click.FloatRange(0, 0.9), default=0.1, show_default=True,
                     help="Share of the sessions that is kept for the test."),
        click.option("--incremental", is_flag=True, help="Only what is new since the last one of these, in a folder of its own."),
        click.option("--since", default="", metavar="DATE", help="Only what was made since then (2026-11-20, 2026-11-20T08:00)."),
        click.option("--session", "sessions", multiple=True, metavar="SESSION", help="Only of this session; repeatable."),
    ):  # fmt: skip
        command = option(command)
    return command


def command_for(name: str) -> click.Command:
    default = "procy_train.jsonl" if name == "seed" else "procy-dataset"

    @click.command(name, short_help=TITLES[name])
    @click.option(
        "-o",
        "--out",
        type=click.Path(path_type=Path),
        default=default,
        show_default=True,
        help="Folder to write, or for one kind a file that ends in .jsonl.",
    )
    @options
    def command(  # noqa: PLR0913
        out: Path, sessions: tuple[str, ...], since: str, incremental: bool, held_out: float, max_characters: int, seed: int,
        as_json: bool, db: str | None,
    ) -> None:  # fmt: skip
        from procy.learn.export.order import Order, carry_out

        if name == "all" and out.suffix == ".jsonl":
            raise click.UsageError("three kinds need a folder: --out FOLDER")
        if incremental and out.suffix == ".jsonl":
            raise click.UsageError("an incremental export needs a folder, in which each has a folder of its own")
        places = places_of(db)
        with reader(db) as connection:
            wanted = frozenset(str(find_session(connection, handle)["id"]) for handle in sessions)
        order = Order(
            methods=("sft", "dpo", "kto") if name == "all" else (name,), out=out, since=moment(since), is_incremental=incremental,
            sessions=wanted, held_out=0.0 if name == "seed" else held_out, characters=max_characters, seed=seed,
        )  # fmt: skip
        manifest, place = carry_out(places, load_settings(places), order)
        if as_json:
            print_json({"path": str(place) if place else None, **manifest})
        else:
            report(manifest, place)

    command.help = f"{TITLES[name]}\n{DETAILS}"
    return command


def report(manifest: dict[str, Any], place: Path | None) -> None:
    rows = [
        {"KIND": method, "SPLIT": split, "ROWS": str(sum(count.values())),
         "FROM": ", ".join(f"{rows} {category}" for category, rows in count.items())}
        for method, splits in manifest["rows"].items()
        for split, count in splits.items()
        if count
    ]  # fmt: skip
    table(rows, ("KIND", "SPLIT", "ROWS", "FROM"))
    lengths = manifest.get("lengths", {"files": {}})
    for name, one in lengths["files"].items():
        words = f"{one['total']:,} {lengths['unit']}; a row has {one['median']:,}, at most {one['most']:,}"
        click.echo(f"{name}: {words}", err=True)
    for category, counts in manifest["dropped"].items():
        told = ", ".join(f"{count} {manifest['reasons'].get(reason, reason)}" for reason, count in counts.items())
        click.echo(f"left out of {category}: {told}", err=True)
    click.echo(f"written to {place}" if place else "nothing is new: nothing was written", err=True)


def moment(text: str) -> str:
    """A date or time, in this place's time, as the database has it. Raises ConfigError."""
    from datetime import datetime

    if not text:
        return ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--since {text!r} is no date", "Write it as 2026-11-20 or 2026-11-20T08:00") from error
    return iso(round(found.astimezone().timestamp() * 1e9))


COMMANDS = tuple(command_for(name) for name in TITLES)
