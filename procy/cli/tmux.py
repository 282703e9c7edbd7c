"""``procy tmux``: what this tmux server and procy have with each other."""

from __future__ import annotations

import click

from procy.cli.common import db_option, places_of


@click.group("tmux")
def tmux_command() -> None:
    """What procy does for a whole tmux server."""


@tmux_command.command("watch")
@db_option
def watch(db: str | None) -> None:
    """Look after this tmux server for as long as it lives; the plugin runs this when tmux starts."""
    from procy.capture.servers import register
    from procy.recording.start import here, start_sidecar

    places = places_of(db)
    register(places, here())
    start_sidecar(places)
