"""``procy plugin``: where the tmux plugin is, and which keys it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import click

from procy.capture.tmux import Tmux
from procy.cli.common import json_option, print_json, table
from procy.errors import TmuxError
from procy.recording.start import here

OURS = "@procy_parts"  # stands in every command that the plugin binds, and in no other
BINDING = re.compile(r"bind-key +(?:-r +)?-T prefix +(\S+) +(.*)")
NOTE = re.compile(r"(\S+) +procy: (.*)")


class Key(NamedTuple):
    """A prefix key. ``skipped``: the plugin left it alone, for it is the user's, unknown, or wanted twice."""

    key: str
    what: str
    skipped: bool = False


@click.command("plugin")
@click.option("--keys", "show_keys", is_flag=True, help="List the keys that the plugin has in this tmux.")
@json_option
def plugin_command(show_keys: bool, as_json: bool) -> None:
    """Print the tmux plugin's path, or list its keys.

    In tmux.conf, where TPM does not load it: run-shell PATH
    """
    if not show_keys:
        path = str(plugin_file())
        print_json({"path": path}) if as_json else click.echo(path)
        return
    tmux = here()
    if not is_loaded(tmux):
        raise TmuxError("the plugin is not loaded in this tmux", f"Load it: tmux run-shell {plugin_file()}")
    keys = [*bound(tmux), *skipped(tmux)]
    if as_json:
        print_json([key._asdict() for key in keys])
    else:
        table(
            [{"KEY": f"prefix + {one.key}", "WHAT": one.what + " (left to you)" * one.skipped} for one in keys], ("KEY", "WHAT")
        )


def plugin_file() -> Path:
    """``procy.tmux``: in the package where that was installed, at the root of a checkout."""
    package = Path(str(resources.files("procy")))
    for path in (package / "procy.tmux", package.parent / "procy.tmux"):
        if path.exists():
            return path
    raise TmuxError("procy.tmux is missing", "Install procy again")


def is_loaded(tmux: Tmux) -> bool:
    return bool(tmux.option(OURS))


def prefix_bindings(tmux: Tmux) -> dict[str, str]:
    """Keys of the prefix table and their commands, as tmux writes them."""
    return {match[1]: match[2] for line in tmux.run("list-keys", "-T", "prefix") if (match := BINDING.match(line))}


def bound(tmux: Tmux) -> Iterator[Key]:
    """The keys that the plugin has, with their notes. tmux 3.7 writes the prefix before each key, 3.2 does not."""
    ours = {key.removeprefix("\\") for key, command in prefix_bindings(tmux).items() if OURS in command}
    for line in tmux.run("list-keys", "-N", "-T", "prefix"):
        if (match := NOTE.search(line)) and match[1] in ours:
            yield Key(match[1], match[2])


def skipped(tmux: Tmux) -> Iterator[Key]:
    """What the plugin remembers in ``@procy_skipped``: lines of action and key."""
    for line in tmux.option("@procy_skipped").splitlines():
        action, _, key = line.partition(" ")
        yield Key(key, action, skipped=True)
