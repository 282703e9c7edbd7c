"""``procy import``: what was not recorded, brought in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from procy.capture.locks import take_lock
from procy.cli.bars import bar
from procy.cli.common import db_option, places_of, printable
from procy.cli.units import MOMENT
from procy.errors import ProcyError, StoreError
from procy.places import Places, make_home
from procy.plugins import call, profiles
from procy.settings import load_settings
from procy.store.db import explained, from_iso, open_writer
from procy.types import Profile, TranscriptFile
from procy.ui import words

SHOWN = 5  # files that could not be read
LEFT = {  # outcome: how it is told of
    "known": "known already",
    "recording": "being recorded, left to that",
    "stream": "recorded as streams",
    "forgotten": "forgotten, and stay so",
    "pruned": "grown since their raw was pruned, left alone",
    "rewritten": "rewritten since they were read, left as they were",
    "empty": "without a prompt",
}


def word_of(profile: Profile) -> str:
    """What the agent is called here: as its program."""
    return profile.program or profile.name


def keepers() -> dict[str, Profile]:
    """The agents that tell what they have kept, by their word; a package's profile comes before a built-in one."""
    found: dict[str, Profile] = {}
    for profile in profiles():
        if profile.transcript and hasattr(profile, "kept"):
            found.setdefault(word_of(profile), profile)
    return found


class Agents(click.Group):
    """Its subcommands are those of this module, and one for each agent that keeps transcripts."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*keepers(), *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own:
            return own
        found = keepers()
        profile = found.get(cmd_name) or next((one for one in found.values() if one.name == cmd_name), None)
        return agent_command(profile) if profile else None


@click.group("import", cls=Agents)
def import_command() -> None:
    """Bring in what was not recorded: an agent's own transcripts, a terminal stream, a cast, or the first procy's database.

    Doing it again changes nothing, and one that was interrupted goes on where it was.
    """


class Size(click.ParamType):  # type: ignore[type-arg]
    """Columns and rows of a terminal."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        columns, _, rows = str(value).partition("x")
        if not (columns.isdigit() and rows.isdigit() and 1 < int(columns) < 10_000 and 1 < int(rows) < 10_000):
            self.fail(f"{value!r} is no size: columns and rows, as in 120x40", param, ctx)
        return int(columns), int(rows)


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def agent_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """The name of a profile, from what an agent is called."""
    if value is None:
        return "generic"
    for profile in profiles():
        if value in (profile.name, profile.program):
            return profile.name
    raise click.BadParameter(f"no agent is called {value!r}; there are: {', '.join(one.name for one in profiles())}")


agent_option = click.option("--agent", metavar="NAME", callback=agent_name, help="Which agent had the terminal.")


@import_command.command("raw")
@click.argument("file", type=FILE)
@click.option("--timing", type=FILE, help="When its bytes came: a timing file of script, in either form.")
@click.option("--size", type=Size(), metavar="COLUMNSxROWS", help="Of the terminal (default: as the timing says, or 80x24).")
@agent_option
@db_option
def raw_command(file: Path, timing: Path | None, size: tuple[int, int] | None, agent: str, db: str | None) -> None:
    """A bare terminal stream, as script, pipe-pane or procy export raw write it; turns are read from its screen."""
    from procy.imports.terminal import raw_stream

    bring_terminal(raw_stream(file, timing, size, agent), file, places_of(db))


@import_command.command("cast")
@click.argument("file", type=FILE)
@agent_option
@db_option
def cast_command(file: Path, agent: str, db: str | None) -> None:
    """A recording of asciinema, version 2 or 3, or of procy export cast; turns are read from its screen."""
    from procy.imports.terminal import cast_stream

    bring_terminal(cast_stream(file, agent), file, places_of(db))


@import_command.command("seed")
@click.argument("file", type=FILE)
@db_option
def seed_command(file: Path, db: str | None) -> None:
    """A database of the first procy (~/.procy/traces.db): sessions, corrections, and results of evaluators."""
    from procy.imports.seed import bring_seed

    places = places_of(db)
    make_home(places)
    connection = open_writer(places.db)
    try:
        with explained(places.db):
            report = bring_seed(connection, load_settings(places), file, lambda amount: None)
    finally:
        connection.close()
    tell_seed(report)


def tell_seed(report: Any) -> None:
    say(f"imported {count(report.new, 'session')}, {count(report.turns, 'turn')}, "
        f"{count(report.corrections, 'correction')}, {count(report.evaluations, 'result')} of evaluators")  # fmt: skip
    for number, meaning in (
        (report.known, "known already"),
        (report.changed, "changed since they were imported, left as they were"),
        (report.forgotten, "forgotten, and stay so"),
    ):
        if number:
            say(f"  {count(number, 'session')} {meaning}")
    if report.loose:
        say(f"  {count(report.loose, 'correction')} of a prompt that is no turn: kept without one")
    for table, number in sorted(report.left.items()):
        if number:
            say(f"  {count(number, 'row')} of {table} left out: nothing here is like them")


def bring_terminal(stream: Any, file: Path, places: Places) -> None:
    from procy.imports.terminal import bring_stream
    from procy.store.read import short

    make_home(places)
    connection = open_writer(places.db)
    try:
        with explained(places.db), bar("importing", file.stat().st_size) as advance:
            brought = bring_stream(connection, load_settings(places), stream, advance)
    finally:
        connection.close()
    turns = count(brought.turns, "turn")
    if not brought.is_new:
        say(f"{printable(str(file))} is session {short(brought.session_id)} already, with {turns}")
        return
    say(f"imported {turns} from {words.size(brought.bytes)} as session {short(brought.session_id)}")
    if brought.broken:
        say(f"  {count(brought.broken, 'line')} broken, and left out")


def agent_command(profile: Profile) -> click.Command:
    @click.command(word_of(profile), short_help=f"Conversations of {profile.title}.")
    @click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
    @click.option("--since", type=MOMENT, metavar="DATE|AGE", help="Only what was written since then (2026-11-20, 7d).")
    @click.option("--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
    @db_option
    def command(path: Path | None, since: str | None, follow: bool, db: str | None) -> None:
        bring_in(profile, path, since, follow, places_of(db))

    where = "its own folder, or PATH: a folder or a file"
    command.help = (
        f"Bring in conversations of {profile.title} from {where}.\n\nOne that was recorded as well stays one session; "
        "sub-agents become sessions below theirs. A running recording is not in the way."
    )
    return command


def bring_in(profile: Profile, path: Path | None, since: str | None, follow: bool, places: Places) -> None:
    from procy.imports.run import Import, in_order, written_since

    make_home(places)
    lock = take_lock(os.path.join(places.home, f"import-{profile.name}.lock"))
    if lock is None:
        raise StoreError(f"another import of {profile.title} is under way", "Wait for it, or stop it")
    since_ns = None if since is None else from_iso(since)

    def kept() -> list[TranscriptFile]:
        files: Iterable[TranscriptFile] = call(f"{profile.title}: kept", lambda: list(profile.kept(os.environ, path)))
        return in_order(file for file in files if written_since(file, since_ns))

    with lock:
        connection = open_writer(places.db)
        try:
            with explained(places.db):
                run = Import(connection, load_settings(places), profile)
                everything(run, kept())
                tell(run.report, profile, path)
                if follow:
                    go_on(run, kept)
        finally:
            connection.close()
    if run.report.failed:
        failed = count(len(run.report.failed), "file")
        raise ProcyError(f"{failed} could not be read", "Everything else is in; see to them, and import again")


def everything(run: Any, files: list[TranscriptFile]) -> None:
    from procy.imports.run import size_of

    with bar("importing", sum(size_of(file) for file in files)) as advance:
        for file in files:
            left = size_of(file)

            def done(size: float) -> None:
                nonlocal left
                left -= int(size)
                advance(size)

            run.bring(file, done)
            advance(max(left, 0))


def go_on(run: Any, kept: Any) -> None:
    from procy.imports.follow import follow

    say("following; Ctrl-C ends it")
    turns = run.report.turns
    try:
        follow(run, kept)
    finally:
        say(f"{count(run.report.turns - turns, 'turn')} came meanwhile")


def tell(report: Any, profile: Profile, path: Path | None) -> None:
    """What was brought in, what was not, and what could not be read."""
    outcomes = report.outcomes
    if not outcomes and not report.failed:
        say(f"no conversation of {profile.title} in {path or 'its own folder'}")
        return
    below = f" ({report.subagents} of sub-agents)" if report.subagents else ""
    grown = f", {outcomes['grown']} grown" if outcomes["grown"] else ""
    say(f"imported {count(outcomes['new'], 'conversation')}{below}{grown}, {count(report.turns, 'turn')}")
    for reason, meaning in LEFT.items():
        if outcomes[reason]:
            say(f"  {outcomes[reason]} {meaning}")
    if report.broken:
        say(f"  {count(report.broken, 'line')} broken: kept as raw, in no turn")
    if report.torn:
        say(f"  {count(report.torn, 'file')} with half a line at the end, which is read once it is whole")
    if report.missing:
        say(f"  {count(report.missing, 'file')} with tool output gone; the transcripts' own excerpt is not whole")
    for name, why in report.failed[:SHOWN]:
        say(f"  cannot read {printable(name)}: {why}")
    if len(report.failed) > SHOWN:
        say(f"  and {len(report.failed) - SHOWN} more")


def count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def say(words: str) -> None:
    click.echo(words, err=True)
