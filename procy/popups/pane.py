"""The pane that a popup was opened over."""

from __future__ import annotations

import os
from typing import NamedTuple

from procy.act import composer
from procy.capture import process
from procy.capture.tmux import Tmux
from procy.errors import PaneRefuses
from procy.recording.foreground import find_agent, is_shell
from procy.recording.start import here

FACTS = "#{pane_dead}\t#{pane_in_mode}\t#{pane_input_off}"


class Place(NamedTuple):
    """A pane of one tmux server."""

    tmux: Tmux
    pane_id: str

    def put(self, text: str) -> None:
        """Paste into the composer of what runs there. Raises PaneRefuses, TmuxError."""
        check(self)
        composer.put(self.tmux, self.pane_id, text)


def place_of(target: str) -> Place:
    """``target`` as tmux names panes, else the pane that this program runs in. Raises TmuxError outside tmux."""
    tmux = here()
    return Place(tmux, tmux.pane(target or os.environ.get("TMUX_PANE", "")).pane_id)


def check(place: Place) -> None:
    """Raise PaneRefuses where text would go astray: to a shell, which runs it, or to copy mode."""
    name = place.pane_id
    dead, mode, off = place.tmux.show(name, FACTS).split("\t")
    if dead == "1":
        raise PaneRefuses(f"the program in pane {name} has ended", "Start it again")
    if mode not in ("", "0"):
        raise PaneRefuses(f"pane {name} is in copy mode", "Leave it with q")
    if off == "1":
        raise PaneRefuses(f"pane {name} takes no input", f"Switch it on: tmux select-pane -e -t {name}")
    group = process.foreground_group(place.tmux.pane(name).pid)
    program, _ = find_agent(group) if group else (None, None)
    if program is None or is_shell(program):
        raise PaneRefuses(f"pane {name} runs a shell", "Start the agent in it first")
