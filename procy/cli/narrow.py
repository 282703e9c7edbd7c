"""Options that narrow a list: the same in every command that has one."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from procy.cli.units import MOMENT
from procy.errors import ProcyError
from procy.places import find_places
from procy.store import tags
from procy.store.db import open_reader
from procy.store.wanted import Wanted

KNOWN = {  # option: where its values are
    "agent": "SELECT DISTINCT agent FROM sessions ORDER BY 1 LIMIT 200",
    "cwd": "SELECT DISTINCT cwd FROM sessions WHERE cwd IS NOT NULL ORDER BY 1 LIMIT 200",
    "repo": "SELECT DISTINCT repo FROM sessions WHERE repo IS NOT NULL ORDER BY 1 LIMIT 200",
    "branch": "SELECT DISTINCT branch FROM sessions WHERE branch IS NOT NULL ORDER BY 1 LIMIT 200",
    "file": "SELECT DISTINCT path FROM turn_files ORDER BY 1 LIMIT 2000",
}


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What the database has, for shell completion."""
    name = param.name or ""
    try:
        with open_reader(find_places(ctx.params.get("db")).db) as connection:
            found = tags.known(connection) if name == "tag" else [row[0] for row in connection.execute(KNOWN[name])]
    except ProcyError:
        return []
    return [value for value in found if value.startswith(incomplete)]


def whole_path(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    return os.path.abspath(os.path.expanduser(value)) if value else value


OPTIONS = (
    click.option("--agent", shell_complete=complete, help="Only of this agent."),
    click.option("--dir", "cwd", metavar="DIR", callback=whole_path, shell_complete=complete, help="Only in or below it."),
    click.option("--repo", shell_complete=complete, help="Only in this repository: its path or its name."),
    click.option("--branch", shell_complete=complete, help="Only on this branch."),
    click.option("--since", type=MOMENT, metavar="DATE|AGE", help="Only since then (2026-11-20, 2026-11-20T08:00, 7d)."),
    click.option("--until", type=MOMENT, metavar="DATE|AGE", help="Only before then."),
    click.option("--file", metavar="PATH", shell_complete=complete, help="Only what changed this file: a path or the end of it."),
    click.option("--tag", shell_complete=complete, help="Only with this tag."),
)


def narrow_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command gets what the options ask for as ``wanted``."""

    @functools.wraps(command)
    def narrowed(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in ("agent", "cwd", "repo", "branch", "since", "until", "file", "tag")}
        return command(*args, wanted=Wanted(**given), **kwargs)

    for option in reversed(OPTIONS):
        narrowed = option(narrowed)
    return narrowed
