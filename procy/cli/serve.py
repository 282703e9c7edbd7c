"""``procy serve``: what writes the prompts of runs, from now on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from procy.cli.common import db_option, json_option, places_of, print_json, table
from procy.errors import ServeError
from procy.learn.serve.stop import forget_dead, is_alive, stop
from procy.places import Places
from procy.settings import Settings, load_settings
from procy.settings.serve import ENGINES
from procy.store import servings
from procy.store.db import open_reader, open_writer
from procy.store.servings import Row

SHOWN = 10  # servings, of the past


@click.group("serve")
def serve_command() -> None:
    """Serve a trained adapter, or its base, as the proxy model of runs.

    \b
    procy serve trained              the newest adapter
    procy serve trained NAME         that one; a server that runs takes it over without a restart, where it can
    procy serve base MODEL           a base model as it is
    procy serve back                 what was served before
    procy serve stop

    What is served writes the prompts of procy evolve from then on, unless [proxy_model] url or --proxy-url names another.
    """


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        db_option,
        click.option("--wait", "patience", type=click.FloatRange(1), default=1800, show_default=True, metavar="SECONDS",
                     help="How long to wait until it is ready."),
        click.option("-f", "--force", is_flag=True, help="In spite of a comparison, a canary or a size that speak against it."),
        click.option("--no-tunnel", is_flag=True, help="Of a host: you bring its port here yourself, under the same number."),
        click.option("--pipeline-parallel", type=click.IntRange(1), default=1, metavar="N", help="vLLM: stages, on nodes."),
        click.option("--tensor-parallel", type=click.IntRange(1), default=1, metavar="N", help="vLLM: GPUs to share it out to."),
        click.option("--port", type=click.IntRange(1, 65535), default=None, help="Default: the first free one from 8000."),
        click.option("--where", default="local", show_default=True, metavar="local|ssh:HOST", help="Where the engine runs."),
        click.option("--engine", type=click.Choice(ENGINES), help="Default: vllm where it is installed."),
    ):  # fmt: skip
        command = option(command)
    return click.argument("words", nargs=-1, type=click.UNPROCESSED)(command)


@serve_command.command("trained", short_help="Serve an adapter: its name, its folder, or the newest.")
@click.argument("name", default="last")
@click.option("--base", default="", metavar="MODEL", help="Folder or name of its base there, where that is another than here.")
@options
def trained_command(name: str, base: str, words: tuple[str, ...], db: str | None, **given: Any) -> None:
    """Serve an adapter: its name, its folder, or the newest. WORDS behind -- go to the engine.

    Asked for are its base's fingerprint, three prompts stored with it, and, where it would replace what is served, a comparison
    that found it better: procy compare NAME.
    """
    begin(db, words, given, adapter=name, base=base)


@serve_command.command("base", short_help="Serve a base model as it is.")
@click.argument("model", default="")
@options
def base_command(model: str, words: tuple[str, ...], db: str | None, **given: Any) -> None:
    """Serve a base model as it is: a folder, a hub's name, or that of what is served now. WORDS behind -- go to the engine."""
    begin(db, words, given, base=model)


@serve_command.command("back")
@click.option("-f", "--force", is_flag=True, help="In spite of a canary or a size that speak against it.")
@db_option
def back_command(force: bool, db: str | None) -> None:
    """Serve what was served before; where nothing is served now, what was last."""
    from procy.learn.serve.wish import wish_of

    places = places_of(db)
    with database(places) as connection:
        current = servings.current(connection)
        if current:
            before = servings.by_id(connection, current["previous_id"] or "")
        else:
            before = next((row for row in servings.newest(connection, 100) if row["ready_at"]), None)
    if before is None:
        raise ServeError("nothing was served before", "See: procy serve status")
    carry_out(places, replace(wish_of(before), force=force), asks=False)


@serve_command.command("status")
@json_option
@db_option
def status_command(as_json: bool, db: str | None) -> None:
    """Show what is served, whether it lives, and what was served before."""
    places = places_of(db)
    settings = load_settings(places)
    forget_dead(places)
    with database(places) as connection:
        rows = servings.newest(connection, SHOWN)
    now = [{**row, "health": health(settings, row)} for row in rows if row["status"] in ("ready", "starting")]
    if as_json:
        print_json({"serving": now, "before": [row for row in rows if row["status"] not in ("ready", "starting")]})
        return
    for row in now:
        describe(row)
    if not now:
        click.echo("nothing is served; serve what was trained with: procy serve trained", err=True)
    if settings.proxy_model.url and now:
        click.echo("[proxy_model] url in the settings wins over it", err=True)
    table(
        [
            {"WHEN": row["started_at"][:16].replace("T", " "), "NAME": row["name"], "ENGINE": row["engine"],
             "PLACE": row["place"], "STATUS": row["status"], "REASON": row["reason"] or ""}
            for row in rows if row["status"] not in ("ready", "starting")
        ],
        ("WHEN", "NAME", "ENGINE", "PLACE", "STATUS", "REASON"), cut=("REASON", "NAME"),
    )  # fmt: skip


@serve_command.command("stop")
@db_option
def stop_command(db: str | None) -> None:
    """End what is served; it is the proxy model no more."""
    places = places_of(db)
    with database(places):
        pass
    rows = stop(places, load_settings(places))
    for row in rows:
        click.echo(f"stopped {row['name']} ({row['engine']}, {row['place']})", err=True)
    if not rows:
        click.echo("nothing is served", err=True)


# -- what they do -------------------------------------------------------------------------------------------------------


@contextmanager
def database(places: Places) -> Iterator[Any]:
    """A model may be served before anything was recorded."""
    from procy.places import make_home

    make_home(places)
    open_writer(places.db).close()
    with open_reader(places.db) as connection:
        yield connection


def begin(db: str | None, words: tuple[str, ...], given: dict[str, Any], **what: str) -> None:
    from procy.learn.serve.wish import Wish

    wish = Wish(
        engine=given["engine"] or "", where=given["where"], port=given["port"] or 0, tensor_parallel=given["tensor_parallel"],
        pipeline_parallel=given["pipeline_parallel"], tunnel=not given["no_tunnel"], force=given["force"], options=words,
        patience_s=given["patience"], **what,
    )  # fmt: skip
    carry_out(places_of(db), wish)


def carry_out(places: Places, wish: Any, asks: bool = True) -> None:
    from procy.learn.compare.standing import refusal, standing
    from procy.learn.compare.words import lines_of
    from procy.learn.serve.start import serve
    from procy.learn.serve.wish import draft

    settings = load_settings(places)
    with database(places):
        forget_dead(places)
    found = draft(places, settings, wish)
    if found.adapter and asks:
        with open_reader(places.db) as connection:
            row = standing(connection, found.name, found.current)
        for line in lines_of(row) if row else ():
            click.echo(line, err=True)
        if (why := refusal(row, found.name, found.current)) and not wish.force:
            raise ServeError(*why)
    with progress() as said:
        ready = serve(places, settings, found, said)
    click.echo(f"{ready['name']} is served by {ready['engine']} at {ready['url']} and writes the prompts of runs", err=True)
    if (canary := ready["canary"]) and canary["fault"]:
        click.echo(f"beware: {canary['fault']}", err=True)
    if settings.proxy_model.url:
        click.echo("but [proxy_model] url in the settings wins: remove it, and runs ask what is served", err=True)
    click.echo(ready["url"])


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Gives a function that says what is going on: on a terminal in one line that changes."""
    import sys

    if not sys.stderr.isatty():
        yield lambda text: click.echo(text, err=True) if " s: " not in text else None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("…") as status:
        yield lambda text: status.update(escape(text[:200]))


def health(settings: Settings, row: Row) -> str:
    from procy.learn.serve.client import Client

    if Client(row["url"]).healthy():
        return "answers"
    alive = is_alive(settings, row)
    return {True: "lives and does not answer", False: "is gone", None: "its host does not answer"}[alive]


def describe(row: Row) -> None:
    what = f"adapter {row['adapter_path']} on {row['base']}" if row["adapter_path"] else row["base"]
    canary = row["canary"]
    asked = (
        "" if not canary else f"; {canary['fault']}" if canary["fault"] else "; answers the stored prompts as when it was trained"
    )
    click.echo(f"{row['name']}  {row['status']}, {row['health']}{asked}")
    click.echo(f"  {what}")
    click.echo(f"  {row['engine']} at {row['place']}, {row['url']}, process {row['server']['pid']}, log {row['server']['log']}")
