"""``procy gateway``: the local endpoint for agents, and what goes through it."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path

import click

from procy import __version__
from procy.cli.common import db_option, json_option, one_line, places_of, print_json, table
from procy.errors import ConfigError
from procy.gateway import address, launch
from procy.gateway.address import SERVICES, Running
from procy.places import Places
from procy.settings import load_settings
from procy.store.db import open_reader

SUBCOMMANDS = {  # of other modules: module and attribute
    "env": ("gateway_env", "env_command"),
    "test": ("gateway_try", "test_command"),
    "build-body": ("gateway_try", "build_body_command"),
    "quick-send": ("gateway_try", "quick_send_command"),
    "list": ("gateway_config", "list_command"),
    "use": ("gateway_config", "use_command"),
    "active": ("gateway_config", "active_command"),
    "add": ("gateway_config", "add_command"),
    "set": ("gateway_config", "set_command"),
    "rename": ("gateway_config", "rename_command"),
    "delete": ("gateway_config", "delete_command"),
    "explain": ("gateway_steer", "explain_command"),
    "reset": ("gateway_steer", "reset_command"),
    "disable": ("gateway_steer", "disable_command"),
    "switches": ("gateway_steer", "switches_command"),
    "import-clp": ("gateway_import", "import_clp_command"),
}


class Gateway(click.Group):
    """Imports what stands in other modules when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *SUBCOMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return super().get_command(ctx, cmd_name)
        module, attribute = SUBCOMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"procy.cli.{module}"), attribute)
        return command


@click.group("gateway", cls=Gateway)
def gateway_command() -> None:
    """Carry, steer and record the API calls of agents through a local endpoint.

    Upstreams are named in the settings: [upstreams.NAME]. `procy record --gateway -- claude` starts an agent that goes
    through it.
    """


@gateway_command.command("start")
@json_option
@db_option
def start_command(as_json: bool, db: str | None) -> None:
    """Start the gateway in the background, where it is not up."""
    places = places_of(db)
    load_settings(places)  # says now what it could only log
    show(launch.up(places), places, as_json)


@gateway_command.command("run")
@db_option
def run_command(db: str | None) -> None:
    """Serve in this terminal until Ctrl-C."""
    from procy.gateway.logfile import open_log
    from procy.gateway.serve import serve

    places = places_of(db)
    lock = address.claim(places)
    if lock is None:
        raise ConfigError("the gateway runs already", "End it first: procy gateway stop")
    open_log(address.path_of(places, "log"), also_here=True)
    serve(places, lock)


@gateway_command.command("stop")
@db_option
def stop_command(db: str | None) -> None:
    """End the gateway; calls under way get some seconds."""
    say("the gateway was stopped" if launch.stop(places_of(db)) else "no gateway is running")


@gateway_command.command("restart")
@json_option
@db_option
def restart_command(as_json: bool, db: str | None) -> None:
    """End the gateway and start it again."""
    places = places_of(db)
    load_settings(places)  # one that is wrong must not end what runs
    launch.stop(places)
    show(launch.up(places), places, as_json)


@gateway_command.command("status")
@json_option
@db_option
def status_command(as_json: bool, db: str | None) -> None:
    """Show whether the gateway is up, where, and what it does."""
    places = places_of(db)
    found = address.running(places)
    if found is None:
        if as_json:
            print_json({"running": False})
        else:
            say("the gateway is not running. Start it with: procy gateway start")
        return
    show(found, places, as_json)


@gateway_command.command("logs")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many calls.")
@click.option("--failed", is_flag=True, help="Only calls that did not end well.")
@click.option("--process", is_flag=True, help="Print the log of the gateway's process instead.")
@json_option
@db_option
def logs_command(limit: int, failed: bool, process: bool, as_json: bool, db: str | None) -> None:
    """Show the last calls, oldest first."""
    places = places_of(db)
    if process:
        path = Path(address.path_of(places, "log"))
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        click.echo("\n".join(lines[-limit:]))
        return
    where = "WHERE outcome NOT IN ('ok')" if failed else ""
    with open_reader(places.db) as connection:
        rows = connection.execute(
            f"SELECT * FROM exchanges {where} ORDER BY started_at DESC, id DESC LIMIT ?", (limit,)
        ).fetchall()
    found = [dict(row) for row in reversed(rows)]
    if as_json:
        print_json(found)
        return
    columns = ("TIME", "SERVICE", "UPSTREAM", "MODEL", "STATUS", "MS", "IN", "CACHED", "OUT", "WHAT")
    table([row_of(one) for one in found], columns, cut=("WHAT", "MODEL"))


def row_of(one: dict[str, object]) -> dict[str, str]:
    outcome = str(one["outcome"] or "under way")
    colour = {"ok": "green", "under way": "blue"}.get(outcome, "red")
    status = str(one["status"] or "") if outcome == "ok" else f"{one['status'] or ''} {outcome}".strip()
    return {
        "TIME": str(one["started_at"])[11:19],
        "SERVICE": str(one["service"]),
        "UPSTREAM": str(one["upstream"] or ""),
        "MODEL": one_line(str(one["model"] or ""), 40),
        "STATUS": click.style(status, fg=colour),
        "MS": f"{one['duration_ms']:.0f}" if isinstance(one["duration_ms"], (int, float)) else "",
        "IN": shown(one["input_tokens"]),
        "CACHED": shown(one["cache_read_tokens"]),
        "OUT": shown(one["output_tokens"]),
        "WHAT": one_line(str(one["error"] or f"{one['method']} {one['path']}"), 100),
    }


def shown(count: object) -> str:
    return "" if count is None else str(count)


def show(found: Running, places: Places, as_json: bool) -> None:
    """The gateway's own word about itself, a row for each service."""
    health = {service: ask(found, service) for service in SERVICES}
    if as_json:
        print_json({"running": True, "pid": found.pid, "version": found.version, "services": health})
        return
    since = datetime.fromtimestamp(found.started_ns / 1e9, timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    say(f"the gateway runs as process {found.pid} since {since}")
    rows = [
        {
            "SERVICE": service,
            "ADDRESS": found.url(service),
            "UPSTREAM": str(told.get("active_config") or "none: procy gateway use NAME"),
            "UNDER WAY": str(told.get("in_flight", "")),
        }
        for service, told in health.items()
    ]
    table(rows, ("SERVICE", "ADDRESS", "UPSTREAM", "UNDER WAY"))
    recorder = next(iter(health.values())).get("recorder") or {}
    if isinstance(recorder, dict) and recorder.get("error"):
        say(f"calls wait to be recorded ({recorder.get('waiting')}): {recorder['error']}")
    if found.version != __version__:
        say(f"it is version {found.version}, this is {__version__}: procy gateway restart")
    try:
        if load_settings(places).gateway.token == "optional":
            say("it takes calls without a token; whoever uses this machine may make them")
    except ConfigError as error:
        say(f"the settings before stay in force: {error}")


def ask(found: Running, service: str, seconds: float = 5.0) -> dict[str, object]:
    import httpx

    end = time.monotonic() + seconds
    while True:
        try:
            told: dict[str, object] = httpx.get(f"{found.url(service)}/health", timeout=seconds, trust_env=False).json()
        except (httpx.HTTPError, ValueError) as error:
            if time.monotonic() > end:
                return {"status": f"no answer: {error}"}
            time.sleep(0.05)
        else:
            return told


def say(text: str) -> None:
    click.echo(text, err=True)


def gateway_of(places: Places) -> Running:
    """The running gateway, started where it is not up. Raises ConfigError."""
    load_settings(places)  # says now what it could only log
    return launch.up(places)
