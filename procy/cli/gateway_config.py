"""``procy gateway`` list, use, add, set, rename, delete: the upstreams in the settings file."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from procy.cli.common import db_option, json_option, places_of, print_json, table
from procy.errors import ConfigError
from procy.gateway import edit, orders
from procy.gateway.balance import active_of, today_of
from procy.gateway.reload import loaded_of
from procy.gateway.state import StateFile, renamed
from procy.places import Places
from procy.settings import Settings, load_settings
from procy.settings.upstreams import AUTHS, SERVICES, WIRES, UpstreamSettings

COLOURS = {"ready": "green", "trial": "yellow", "trying": "yellow", "resting": "red", "disabled": "red"}


def complete_upstream(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    try:
        names = load_settings(places_of(ctx.params.get("db"))).upstreams
    except ConfigError:
        return []
    return [name for name in names if name.startswith(incomplete)]


@click.command("list")
@click.argument("service", required=False, type=click.Choice(SERVICES))
@json_option
@db_option
def list_command(service: str | None, as_json: bool, db: str | None) -> None:
    """List the upstreams, which of them is used, and how they are doing."""
    places = places_of(db)
    settings = load_settings(places)
    rows = rows_of(places, settings, [service] if service else SERVICES)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("there is no upstream yet. Add one: procy gateway add NAME --service claude --base-url URL", err=True)
        return
    shown = [
        {
            "SERVICE": str(row["service"]), "UPSTREAM": str(row["name"]), "USED": "●" if row["used"] else "",
            "STATE": click.style(str(row["state"]), fg=COLOURS[str(row["state"])]), "ADDRESS": str(row["base_url"]),
            "WIRE": str(row["wire"]), "KEY": str(row["key"] or "the client's"), "PRIO": str(row["priority"]),
            "WEIGHT": f"{row['weight']:g}", "RPM": f"{row['rpm']:g}" if row["rpm"] else "", "MODIFIED": str(row["modified"]),
        }
        for row in rows
    ]  # fmt: skip
    table(
        shown,
        ("SERVICE", "UPSTREAM", "USED", "STATE", "ADDRESS", "WIRE", "KEY", "PRIO", "WEIGHT", "RPM", "MODIFIED"),
        cut=("ADDRESS", "KEY"),
    )
    for broken in loaded_of(settings).filters.broken:
        click.echo(f"filter {broken.number} is broken: {broken.reason}", err=True)


def rows_of(places: Places, settings: Settings, services: Sequence[str]) -> list[dict[str, object]]:
    health, now = StateFile(places).read().health, time.time()
    rows: list[dict[str, object]] = []
    for service in services:
        upstreams = [one for one in settings.upstreams.values() if one.service == service]
        used = used_of(settings, service, upstreams)
        for one in upstreams:
            found = health.get(one.name)
            state = found.state(now, today_of(now)) if found else "ready"
            rows.append(
                {
                    "service": service, "name": one.name, "active": active_of(upstreams) is one, "used": one.name in used,
                    "state": state, "failures": found.failures if found else 0,
                    "last_failure": found.last_failure if found else "",
                    "base_url": one.base_url, "wire": one.wire, "key": str(one.key) if one.key else None, "auth": one.auth,
                    "priority": one.priority, "weight": one.weight, "rpm": one.rpm, "modified": modified(one),
                }
            )  # fmt: skip
    return rows


def used_of(settings: Settings, service: str, upstreams: Sequence[UpstreamSettings]) -> set[str]:
    """The active one, or those that balancing draws from."""
    if settings.gateway.balance[service] != "active":
        return {one.name for one in upstreams}
    found = active_of(upstreams)
    return {found.name} if found else set()


def modified(one: UpstreamSettings) -> str:
    """What calls there are changed by, in short; "" where their bytes pass."""
    parts = [one.headers.profile] if one.headers.profile != "passthrough" else []
    parts += ["fields"] if one.fields.drop or one.fields.backfill or one.fields.default else []
    return ", ".join([*parts, *(["models"] if one.models else []), *one.quirks])


@click.command("use")
@click.argument("name", shell_complete=complete_upstream)
@db_option
def use_command(name: str, db: str | None) -> None:
    """Send a service's calls to an upstream from now on; a running gateway takes it over at once."""
    switch(places_of(db), name)


def switch(places: Places, name: str) -> None:
    settings = orders.use(places, name)
    upstream = settings.upstreams[name]
    click.echo(f"{upstream.service} goes to {name} ({upstream.base_url})", err=True)
    if (mode := settings.gateway.balance[upstream.service]) != "active":
        click.echo(f'note: {upstream.service} is balanced by {mode}; [gateway] balance = "active" uses this one alone', err=True)


@click.command("active")
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("name", required=False, shell_complete=complete_upstream)
@db_option
def active_command(service: str, name: str | None, db: str | None) -> None:
    """Print the active upstream of a service, or switch it."""
    places = places_of(db)
    settings = load_settings(places)
    if name:
        if name in settings.upstreams and settings.upstreams[name].service != service:
            raise ConfigError(f"{name} is an upstream of {settings.upstreams[name].service}", f"procy gateway use {name}")
        switch(places, name)
        return
    found = active_of([one for one in settings.upstreams.values() if one.service == service])
    if found is None:
        raise ConfigError(f"there is no upstream for {service}", "Add one: procy gateway add")
    click.echo(found.name)


@click.command("add")
@click.argument("name")
@click.option("--service", type=click.Choice(SERVICES), required=True)
@click.option("--base-url", required=True, help="Its address, with or without /v1.")
@click.option("--wire", type=click.Choice(WIRES), help="What it speaks, where that is not the service's own.")
@click.option("--key-env", help="The variable that has its key.")
@click.option("--key-file", type=click.Path(), help="The file that has its key, readable by you only.")
@click.option("--key-command", help="The command that prints its key.")
@click.option("--key-keyring", metavar="SERVICE/USER", help="Where the keyring has its key.")
@click.option("--auth", type=click.Choice(AUTHS), help="Where the key goes.")
@click.option("--use", "is_used", is_flag=True, help="Send the service's calls there from now on.")
@db_option
def add_command(name: str, is_used: bool, db: str | None, **options: str | None) -> None:
    """Add an upstream to the settings. Without a key the client's own passes."""
    keys = {kind: options.pop(f"key_{kind}") for kind in ("env", "file", "command", "keyring")}
    given = {kind: place for kind, place in keys.items() if place}
    values: dict[str, object] = {key: value for key, value in options.items() if value}
    values |= {"key": given} if given else {}
    places = places_of(db)
    edit.change_settings(places, lambda document: edit.add(document, name, values))
    click.echo(f"{name} was added. Send calls there: procy gateway use {name}", err=True)
    if is_used:
        switch(places, name)


@click.command("set")
@click.argument("name", shell_complete=complete_upstream)
@click.argument("key")
@click.argument("value")
@db_option
def set_command(name: str, key: str, value: str, db: str | None) -> None:
    """Set one key of an upstream, such as rpm or headers.profile; an empty VALUE takes it out."""
    edit.change_settings(places_of(db), lambda document: edit.set_value(document, name, key, value))


@click.command("rename")
@click.argument("old", shell_complete=complete_upstream)
@click.argument("new")
@db_option
def rename_command(old: str, new: str, db: str | None) -> None:
    """Rename an upstream, with all that names it: routes, filters, its health."""
    places = places_of(db)
    edit.rename(places, old, new)
    StateFile(places).change(lambda state: renamed(state, old, new))


@click.command("delete")
@click.argument("name", shell_complete=complete_upstream)
@click.option("--yes", is_flag=True, help="Do not ask.")
@db_option
def delete_command(name: str, yes: bool, db: str | None) -> None:
    """Delete an upstream, and the routes and filters that are about nothing else. Its calls stay recorded."""
    places = places_of(db)
    if not yes:
        click.confirm(f"Delete the upstream {name}?", abort=True, err=True)
    gone: list[str] = []
    edit.change_settings(places, lambda document: gone.extend(edit.delete(document, name)))
    StateFile(places).change(lambda state: renamed(state, name, None))
    click.echo(", ".join([f"{name} was deleted", *(f"with {one}" for one in gone)]), err=True)
