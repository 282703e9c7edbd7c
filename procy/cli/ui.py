"""``procy ui`` and ``procy open``: the pages."""

from __future__ import annotations

import os
import sys
from urllib.parse import quote

import click

from procy.cli.common import db_option, places_of, reader
from procy.errors import ConfigError, HandleError, StoreError
from procy.settings import load_settings
from procy.store import read
from procy.ui import address, launch

SESSIONS = "/-/procy"


@click.command("ui")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default 7862, or [ui] port); 0 for any.")
@click.option("--open/--no-browser", "browser", default=None, help="Open the pages in the browser (default: where there is one).")
@click.option("--stop", is_flag=True, help="End the pages that run in the background.")
@click.option(
    "--beside", type=click.Path(exists=True, dir_okay=False, resolve_path=True), multiple=True, metavar="FILE",
    help="A further database whose pages stand beside; repeatable.",
)  # fmt: skip
@db_option
def ui_command(port: int | None, browser: bool | None, stop: bool, beside: tuple[str, ...], db: str | None) -> None:
    """Show sessions, conversations and terminals in the browser.

    Serves on 127.0.0.1 until Ctrl-C and prints a link that signs one browser in. Where the pages run already, it only
    makes a new link.
    """
    places = places_of(db)
    if stop:
        say("the pages were stopped" if launch.stop(places) else "no pages are running")
        return
    claimed = address.claim(places, load_settings(places).ui.port if port is None else port)
    server = claimed.server if claimed else launch.wait_for(places)
    link = address.sign_in_link(places, server)
    click.echo(link)
    if wants_browser(browser):
        show(link)
    if claimed is None:
        if beside:
            raise ConfigError("the pages run already, without --beside", "End them first: procy ui --stop")
        say("the pages run already; this link signs in once. Stop them with: procy ui --stop")
        return
    say(f"the pages are at {server.url('/-/procy')}; the link signs in once. Stop with Ctrl-C")
    launch.serve(places, claimed, beside)


@click.command("open", context_settings={"ignore_unknown_options": True})
@click.argument("handle", default="")
@click.option(
    "-t", "--target", default="", metavar="PANE", help="The session of that pane; the list where it was never recorded."
)
@click.option("--print", "only_print", is_flag=True, help="Print the link and open nothing.")
@db_option
def open_command(handle: str, target: str, only_print: bool, db: str | None) -> None:
    """Open a page in the browser: a session, a turn, or the list.

    A session is named as last, -2 (the one before), %3 (a pane), its name or its id; a turn as last:3 or %3:-1.
    Starts the pages in the background where they are not up. The link signs one browser in.
    """
    places = places_of(db)
    path = page_of(handle, db) if handle else page_of_pane(target, db) if target else SESSIONS
    link = address.sign_in_link(places, launch.up(places, load_settings(places).ui.port), path)
    click.echo(link)
    if not only_print and not show(link):
        say("there is no browser here; take the link (procy open --print) to one that reaches this machine")


def page_of(handle: str, db: str | None) -> str:
    """The path of what a handle means: a session, or a turn where it names one."""
    with reader(db) as connection:
        if ":" not in handle:
            try:
                return f"/-/procy/s/{quote(read.find_session(connection, handle)['id'])}"
            except HandleError:
                if handle.startswith(("-", "%")) or handle == "last":
                    raise
        return f"/-/procy/t/{quote(read.find_turn(connection, handle)['id'])}"


def page_of_pane(pane: str, db: str | None) -> str:
    try:
        return page_of(pane, db)
    except (HandleError, StoreError):
        return SESSIONS


def wants_browser(asked: bool | None) -> bool:
    return asked if asked is not None else sys.stdout.isatty() and has_desktop()


def has_desktop() -> bool:
    """Whether a browser would open a window, rather than run in this terminal."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def show(link: str) -> bool:
    import webbrowser

    return has_desktop() and webbrowser.open(link)


def say(text: str) -> None:
    click.echo(text, err=True)
