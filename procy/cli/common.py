"""What several commands share: the database option, output, times and colours as people read them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import click

from procy.places import Places, find_places
from procy.store.db import open_reader

db_option = click.option("--db", type=click.Path(dir_okay=False), help="Database file (default: the one in PROCY_HOME).")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def reader(db: str | None) -> sqlite3.Connection:
    """The database, read-only; what waits in the spool without a sidecar is on its way from now on."""
    places = find_places(db)
    if db is None and os.path.isdir(places.spool) and any(os.scandir(places.spool)):
        from procy.recording.start import start_sidecar

        start_sidecar(places)
    return open_reader(places.db)


def places_of(db: str | None) -> Places:
    return find_places(db)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def as_dicts(rows: Iterable[sqlite3.Row]) -> list[dict[str, Any]]:
    """Rows as JSON shows them: blobs left out."""
    return [{key: value for key, value in dict(row).items() if not isinstance(value, bytes)} for row in rows]


def table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> None:
    """Aligned columns with a heading; nothing for no rows."""
    if not rows:
        return
    widths = [max(len(column), *(len(click.unstyle(row[column])) for row in rows)) for column in columns]
    click.echo(
        click.style("  ".join(column.ljust(width) for column, width in zip(columns, widths, strict=True)).rstrip(), dim=True)
    )
    for row in rows:
        cells = [
            row[column] + " " * (width - len(click.unstyle(row[column]))) for column, width in zip(columns, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def ago(iso_time: str | None) -> str:
    """``3 min`` since an ISO time; "" for none."""
    if not iso_time:
        return ""
    seconds = (datetime.now(timezone.utc) - parse_time(iso_time)).total_seconds()
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (86400 * 60, 86400, "d")):
        if seconds < limit:
            return f"{max(int(seconds // unit), 0)} {name}"
    return parse_time(iso_time).astimezone().strftime("%Y-%m-%d")


def parse_time(iso_time: str) -> datetime:
    return datetime.fromisoformat(iso_time.replace("Z", "+00:00"))


def local_time(iso_time: str) -> str:
    return parse_time(iso_time).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def one_line(text: str, width: int) -> str:
    """The first line of a text, cut with an ellipsis."""
    line = text.strip().split("\n", 1)[0]
    more = len(line) > width or "\n" in text.strip()
    return line[: width - 1] + "…" if more else line


def tokens(count: int | None) -> str:
    """``950``, ``12.3k``, ``4.5M``."""
    if count is None:
        return ""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.1f}{unit}"
    return str(count)


STATE_COLOURS = {"busy": "blue", "waiting": "yellow", "idle": "green", "error": "red"}


def state_text(state: str | None, reason: str | None = None) -> str:
    if not state:
        return ""
    return click.style(state, fg=STATE_COLOURS.get(state)) + (f" ({reason})" if reason else "")
