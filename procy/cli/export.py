"""``procy export``: a session out of procy, in formats that other programs read."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import click

from procy.cli.common import db_option, places_of, printable, reader, session_argument
from procy.cli.export_data import COMMANDS
from procy.cli.export_otlp import otlp_command
from procy.errors import ProcyError, StoreError
from procy.parse.redact import mask
from procy.parse.rules import check
from procy.recording.cast import cast
from procy.recording.markdown import markdown
from procy.recording.marks import marks_of
from procy.recording.session_json import session_json
from procy.recording.terminal import TerminalLog
from procy.store import read
from procy.store.db import from_iso
from procy.store.forgotten import add_export
from procy.store.write import written

out_option = click.option("-o", "--out", type=click.Path(dir_okay=False), help="File to write (default: standard output).")


def check_rules(_: click.Context, __: click.Parameter, unredacted: bool) -> bool:
    """Nothing is written out while a redaction rule is broken, unless it is to be unredacted."""
    if not unredacted:
        check()
    return unredacted


unredacted_option = click.option("--unredacted", is_flag=True, callback=check_rules, help="Leave keys and tokens in.")


@click.group("export")
def export_command() -> None:
    """Write a session as asciicast, raw bytes, Markdown, HTML, JSON or spans; or what a proxy model can learn from."""


@export_command.command("cast", context_settings={"ignore_unknown_options": True})
@session_argument()
@click.option("--idle", type=float, metavar="SECONDS", help="Shorten pauses to at most this.")
@out_option
@unredacted_option
@db_option
def cast_command(session: str, idle: float | None, out: str | None, unredacted: bool, db: str | None) -> None:
    """Write asciicast v3, for asciinema's players, with a marker at every turn."""
    with reader(db) as connection, noted(db, connection, session, "cast", out) as (row, file):
        log = TerminalLog(connection, places_of(db).spool, row["id"])
        marks = marks_of(connection, log)
        header: dict[str, Any] = {"timestamp": from_iso(row["started_at"]) // 1_000_000_000, "title": row["name"] or row["agent"]}
        first = next((event.picture for event in log.events() if event.picture), log.picture_at(0))
        header["procy"] = {"picture": bool(first.escapes), "programs": programs_of(log)}
        if row["command"]:
            header["command"] = row["command"] if unredacted else mask(row["command"])
        reads = progress(log.reads(), log.end(), "exporting")
        for line in cast(reads, marks, first, header, idle, redact=not unredacted):
            file.write(line.encode("utf-8", "surrogatepass"))


def programs_of(log: TerminalLog) -> list[list[Any]]:
    """Which program had the terminal, from where on: with it procy import cast reads the same turns."""
    began_ns = next((read.time_ns for read in log.reads()), 0)
    told = ("program", "agent", "shell_waits", "reads_turns")
    return [
        [one.offset, round((one.at_ns - began_ns) / 1e9, 3), {name: one.detail[name] for name in told if name in one.detail}]
        for one in log.events()
        if one.kind == "foreground"
    ]


@export_command.command("raw", context_settings={"ignore_unknown_options": True})
@session_argument()
@out_option
@db_option
def raw_command(session: str, out: str | None, db: str | None) -> None:
    """Write the pane's bytes, exactly as the program wrote them."""
    with reader(db) as connection, noted(db, connection, session, "raw", out) as (row, file):
        log = TerminalLog(connection, places_of(db).spool, row["id"])
        for one in progress(log.reads(), log.end(), "exporting"):
            file.write(one.data)


@export_command.command("md", context_settings={"ignore_unknown_options": True})
@session_argument()
@out_option
@unredacted_option
@db_option
def markdown_command(session: str, out: str | None, unredacted: bool, db: str | None) -> None:
    """Write Markdown: prompts, answers, tool calls and changed files."""
    with reader(db) as connection, noted(db, connection, session, "md", out) as (row, file):
        turns = read.list_turns(connection, row["id"], limit=1 << 30)
        keys = [turn["id"] for turn in turns]
        for text in markdown(row, turns, read.tool_calls(connection, keys), read.turn_files(connection, keys)):
            file.write(printable(text if unredacted else mask(text)).encode("utf-8", "replace"))


@export_command.command("html", context_settings={"ignore_unknown_options": True})
@session_argument()
@out_option
@unredacted_option
@db_option
def html_command(session: str, out: str | None, unredacted: bool, db: str | None) -> None:
    """Write one HTML file that works offline: everything of Markdown, corrections, and the screens in colour."""
    from procy.ui.document import document

    with reader(db) as connection, noted(db, connection, session, "html", out) as (row, file):
        for text in document(connection, places_of(db).spool, row, redact=not unredacted):
            file.write(text.encode("utf-8", "replace"))


@export_command.command("json", context_settings={"ignore_unknown_options": True})
@session_argument()
@out_option
@unredacted_option
@db_option
def json_command(session: str, out: str | None, unredacted: bool, db: str | None) -> None:
    """Write one JSON document: the session, its turns, tool calls, files, exchanges and corrections."""
    with reader(db) as connection, noted(db, connection, session, "json", out) as (row, file):
        for text in session_json(connection, row, redact=not unredacted):
            file.write(text.encode("utf-8", "replace"))


class Hashed:
    """Writes bytes to a file and counts them into a hash."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha256 = file, hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.sha256.update(data)


@contextmanager
def noted(
    db: str | None, connection: sqlite3.Connection, handle: str, kind: str, out: str | None
) -> Iterator[tuple[sqlite3.Row, Hashed]]:
    """The session, and where to write it; afterwards the database knows of it, so that `procy forget` can name it."""
    row = read.find_session(connection, handle)
    with writing(out) as file:
        hashed = Hashed(file)
        yield row, hashed
    if out:
        click.echo(f"wrote {out} ({os.path.getsize(out):,} bytes) of session {read.short(row['id'])}", err=True)
    try:
        with written(places_of(db).db) as writer:
            add_export(writer, row["id"], kind, out and os.path.abspath(out), hashed.sha256.hexdigest(), time.time_ns())
    except StoreError as error:
        click.echo(f"procy: the export is whole, but procy forget will not name it: {error}", err=True)


@contextmanager
def writing(path: str | None) -> Iterator[IO[bytes]]:
    """A file that appears whole or not at all, or standard output."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    beside = f"{path}.{os.getpid()}.part"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            yield file
        os.replace(beside, path)
    except OSError as error:
        raise ProcyError(f"cannot write {path}: {error.strerror}", "Choose another file") from error
    finally:
        with suppress(OSError):
            os.unlink(beside)


def progress(reads: Iterator[Any], total: int, what: str) -> Iterator[Any]:
    """The same reads, under a progress bar where there is a terminal and much to do."""
    if total < 4 << 20 or not sys.stderr.isatty():
        yield from reads
        return
    from procy.cli.bars import bar

    with bar(what, total) as advance:
        for one in reads:
            advance(len(one.data))
            yield one


for data_command in (otlp_command, *COMMANDS):
    export_command.add_command(data_command)
