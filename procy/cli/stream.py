"""``procy stream``: headless agents, passed on, recorded and restartable."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from procy.cli.common import db_option, json_option, places_of, print_json

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


class StreamGroup(click.Group):
    """``procy stream [OPTIONS] -- CMD`` is ``procy stream run [OPTIONS] -- CMD``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``90``, ``90s``, ``3m``, ``1h``: seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", value)
        if found is None:
            self.fail(f"{value} is no time; try 90s, 3m or 1h", param, ctx)
        return float(found[1]) * UNITS[found[2]]


@click.group("stream", cls=StreamGroup)
def stream_command() -> None:
    """Run a headless agent that other programs talk to in JSONL.

    What goes in and comes out is not changed by a byte; it is recorded, and shows in the pages like any session.

    \b
    procy stream claude --mirror preview -- --model opus
    procy stream codex                      Claude Code's lines in front, Codex behind
    procy stream -- codex app-server        any agent, in its own lines
    """


def stream_options(command: Decorated) -> Decorated:
    """The options of every command that runs an agent."""
    for option in reversed(
        (
            click.option("--mirror", type=click.Choice(("off", "text", "preview")), default="off",
                         help="Show the agent's words on standard error too: whole, or first lines."),
            click.option("--restartable", is_flag=True, help="Take orders to restart the agent (procy stream ctl)."),
            click.option("--alias", is_flag=True, help='With --restartable: input lines with the key "_CLAUDIX_" are orders.'),
            click.option("--resume", type=click.Choice(("off", "on-crash")), default="off",
                         help="Start an agent that died again, with its conversation."),
            click.option("--watchdog", type=Duration(), metavar="TIME", help="Restart an agent that hangs so long in a turn."),
            click.option("--validate", is_flag=True, help="Refuse input lines that are not JSON, and say so on stdout."),
            click.option("--normalize", is_flag=True, help="Print events in one form for all agents, not the agent's lines."),
            click.option("--inbox", default="", metavar="NAME", help="Keep messages under that name until they are taken in."),
            click.option("--name", default="", help="Name for the session, usable as a handle."),
            click.option("--no-record", is_flag=True, help="Do not record."),
            db_option,
            click.argument("words", nargs=-1, type=click.UNPROCESSED),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def run_agent(agent: str, db: str | None, words: tuple[str, ...], **given: Any) -> int:
    from procy.plugins import profile_of
    from procy.stream.agents import speaker
    from procy.stream.options import Options
    from procy.stream.run import run

    spoken = speaker(agent, words)
    if not spoken.command:
        raise click.UsageError("give a command: procy stream -- CMD")
    supervised = given["resume"] == "on-crash" or given["watchdog"] is not None or bool(given["inbox"])
    if given["normalize"] and (supervised or given["restartable"]):
        raise click.UsageError("--normalize is for a stream that is not restartable")
    options = Options(
        speaker=spoken if agent else replace(spoken, profile=profile_of(spoken.command).name),
        name=given["name"],
        mirror=given["mirror"],
        restartable=given["restartable"] or supervised or given["alias"],
        alias=given["alias"],
        resume_on_crash=given["resume"] == "on-crash",
        watchdog_s=given["watchdog"],
        validate=given["validate"],
        normalize=given["normalize"],
        record=not given["no_record"],
        inbox=given["inbox"],
    )
    return run(options, places_of(db))


def agent_command(agent: str, title: str) -> None:
    """A command of the group that runs one agent."""

    @stream_options
    def command(**given: Any) -> int:
        return run_agent(agent, **given)

    command.__doc__ = title
    stream_command.command(agent or "run", hidden=not agent)(command)


agent_command("claude", "Run Claude Code with JSONL in and out; words for it stand behind --.")
agent_command("codex", "Run Codex behind the lines of Claude Code; words for it stand behind --.")
agent_command("qwen", "Run Qwen Code with JSONL in and out; words for it stand behind --.")
agent_command("gemini", "Run Gemini CLI with JSONL out; words for it stand behind --.")
agent_command("", "Run any command: procy stream -- CMD.")


@stream_command.command("install-proxies")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def install_command(folder: Path) -> None:
    """Put claudix2.py, claudix3.py, claudix4.py and codexx4.py into FOLDER, where LProc looks for them."""
    from procy.stream.scripts import install

    for path in install(folder, lambda words: click.echo(words, err=True)):
        click.echo(path)


@stream_command.command("ctl")
@click.argument("order", type=click.Choice(("status", "restart", "interrupt", "send", "stop")))
@click.argument("text", default="")
@click.option("-s", "--session", "handle", default="last", help="Which stream: its name or id (default: the newest).")
@click.option("--policy", type=click.Choice(("when-idle", "interrupt", "now")), default="when-idle", help="When to restart.")
@click.option("--start", type=click.Choice(("fresh", "resume", "fork")), default="fresh", help="What it goes on with.")
@click.option("--limit", type=Duration(), metavar="TIME", help="How long when-idle waits.")
@click.option("--then", type=click.Choice(("give-up", "interrupt", "now")), default="give-up", help="What is done after that.")
@click.option("--drop", is_flag=True, help="Do not send what was not taken in again.")
@db_option
@json_option
def ctl_command(order: str, text: str, handle: str, drop: bool, db: str | None, as_json: bool, **given: Any) -> int:
    """Give a restartable stream an order; TEXT is the message for send, or the first for the new process.

    Waits for the answer: a restart that timed out says so, and is none.
    """
    from procy.capture.lines import line_spools
    from procy.stream.control import ask, find_stream

    stream = find_stream(line_spools(places_of(db).spool), handle)
    words = {
        "policy": given["policy"],
        "start": given["start"],
        "limit_s": given["limit"],
        "then": given["then"],
        "again": not drop,
    }
    answer = ask(stream, {"order": order, "message": text, **words}, None)
    if as_json:
        print_json(answer)
    elif answer.get("ok"):
        click.echo(answer.get("words") or "\n".join(f"{name} {answer[name]}" for name in answer if name != "ok") or "done")
    else:
        click.echo(f"procy: {answer.get('words') or answer.get('error')}", err=True)
    return 0 if answer.get("ok") else 1


@stream_command.command("tail")
@click.argument("session", default="last")
@click.option("-n", "count", default=50, help="Of the last so many lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the stream ends.")
@click.option("--form", type=click.Choice(("markdown", "colour", "raw", "events")), default="markdown", help="How it is shown.")
@db_option
def tail_command(session: str, count: int, follow: bool, form: Any, db: str | None) -> None:
    """Show what a stream says as people read it; with - for SESSION: JSONL from standard input."""
    from procy.parse.streams.stamp import Stamped
    from procy.stream.tail import Teller, recorded

    teller = Teller(form)
    if session == "-":
        for line in sys.stdin.buffer:
            click.echo(teller.tell(Stamped(0, "<", 1, True, line.rstrip(b"\n"))), nl=False)
        return
    from procy.cli.common import reader
    from procy.store.read import find_session

    with reader(db) as connection:
        for stamped in recorded(connection, find_session(connection, session)["id"], count, follow):
            click.echo(teller.tell(stamped), nl=False)
