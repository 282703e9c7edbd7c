"""What several commands share: the database option, output, times and colours as people read them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

from procy.capture.lines import line_spools
from procy.capture.spool import spools
from procy.errors import ProcyError, TmuxError
from procy.parse.width import display_width
from procy.places import Places, find_places
from procy.store.db import open_reader
from procy.ui.words import printable as printable

NARROWEST = 16  # columns of a cell that gives way
UNBOUND = 100_000

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

db_option = click.option("--db", type=click.Path(dir_okay=False), help="Database file (default: procy.db in PROCY_HOME).")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def reader(db: str | None) -> sqlite3.Connection:
    """The database, read-only; what waits in the spool without a sidecar is on its way from now on."""
    places = find_places(db)
    if spools(places.spool) or line_spools(places.spool):
        from procy.recording.awake import start_sidecar

        start_sidecar(places)
    return open_reader(places.db)


def places_of(db: str | None) -> Places:
    return find_places(db)


def needs_terminal(otherwise: str) -> None:
    """Raise UsageError where nobody can see and answer a full-screen program."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(f"this needs a terminal; {otherwise}")


def pane_here(db: str | None) -> str:
    """The pane that this runs in, or that its popup was opened over, where that is recorded; else ""."""
    from procy.capture.tmux import current_socket
    from procy.recording.start import here, spool_of

    name = os.environ.get("TMUX_PANE", "")
    if not (current_socket() and name):
        return ""
    try:
        pane = here().pane(name)
    except TmuxError:  # it is gone
        return ""
    return name if spool_of(find_places(db), pane) else ""


def complete_session(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Handles for shell completion: the usual words, names, and the short ids of the newest sessions."""
    from procy.store.read import list_sessions, short

    try:
        with open_reader(find_places(ctx.params.get("db")).db) as connection:
            rows = list_sessions(connection, limit=50)
    except ProcyError:
        return []
    handles = ["last", "-2", *(row["name"] for row in rows if row["name"]), *(short(row["id"]) for row in rows)]
    return [handle for handle in dict.fromkeys(handles) if handle.lower().startswith(incomplete.lower())]


def session_argument(name: str = "session", default: str | None = "last") -> Callable[[Decorated], Decorated]:
    """A command's argument that takes a session's handle."""
    return click.argument(name, default=default, required=False, shell_complete=complete_session, callback=check_handle)


def check_handle(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """``-2`` is a handle; any other word with a dash is an option that the command does not have."""
    if value and value.startswith("-") and not value[1:].partition(":")[0].isdigit():
        raise click.NoSuchOption(value, ctx=ctx)
    return value


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def as_dicts(rows: Iterable[sqlite3.Row]) -> list[dict[str, Any]]:
    """Rows as JSON shows them: blobs left out."""
    return [{key: value for key, value in dict(row).items() if not isinstance(value, bytes)} for row in rows]


def table(rows: Sequence[Mapping[str, str]], columns: Sequence[str], cut: Sequence[str] = ()) -> None:
    """Aligned columns with a heading; nothing for no rows. ``cut``: those that give way, in turn, where a terminal is narrow."""
    if not rows:
        return
    widths = {column: max(display_width(column), *(shown_width(row[column]) for row in rows)) for column in columns}
    over = sum(widths.values()) + 2 * (len(columns) - 1) - terminal_columns()
    for column in cut:
        fewer = min(max(over, 0), max(widths[column] - NARROWEST, 0))
        widths[column], over = widths[column] - fewer, over - fewer
    click.echo(click.style("  ".join(padded(column, widths[column]) for column in columns).rstrip(), dim=True))
    for row in rows:
        click.echo("  ".join(padded(row[column], widths[column]) for column in columns).rstrip())


def terminal_columns() -> int:
    """Of the terminal that is written to; without one there is room for everything."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUND


def shown_width(text: str) -> int:
    return display_width(click.unstyle(text))


def padded(text: str, width: int) -> str:
    """A styled text in so many columns, cut where it is longer."""
    plain = click.unstyle(text)
    if display_width(plain) > width:
        text = text.replace(plain, shortened(plain, width))
    return text + " " * (width - shown_width(text))


def shortened(text: str, width: int) -> str:
    """As much of a line as fits, and an ellipsis."""
    while text and display_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def one_line(text: str, width: int) -> str:
    """The first line of a text, cut with an ellipsis to so many columns."""
    line, *more = printable(text.strip()).split("\n", 1)
    return shortened(line, width) if more or display_width(line) > width else line


STATE_COLOURS = {"busy": "blue", "waiting": "yellow", "idle": "green", "error": "red"}


def state_text(state: str | None, reason: str | None = None) -> str:
    if not state:
        return ""
    return click.style(state, fg=STATE_COLOURS.get(state)) + (f" ({reason})" if reason else "")
