"""``procy pick``."""

from __future__ import annotations

import click

from procy.capture.place import repository
from procy.cli.common import db_option, json_option, needs_terminal, places_of, print_json
from procy.store.db import open_reader
from procy.store.prompts import old_prompts


@click.command("pick")
@click.option("-t", "--target", default="", metavar="PANE", help="Pane to paste into (default: this one).")
@json_option
@db_option
def pick_command(target: str, as_json: bool, db: str | None) -> None:
    """Find an old prompt, and paste it into an agent's composer.

    Prompts of the pane's directory come first, then those of its repository. Typing filters: words in any order, or their
    letters. Enter pastes, and does not send; Tab opens $EDITOR first; Ctrl-Y copies to tmux and the clipboard.
    """
    from procy.popups.pane import place_of
    from procy.popups.pick import PickPopup

    place = place_of(target)
    cwd = place.tmux.cwd(place.pane_id)
    with open_reader(places_of(db).db) as connection:
        prompts = old_prompts(connection, cwd, dict(repository(cwd)).get("repo"))
        if as_json:
            print_json([one._asdict() for one in prompts])
        else:
            needs_terminal("--json lists what there is")
            PickPopup(connection, prompts, place).run()
