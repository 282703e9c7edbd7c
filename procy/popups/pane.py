"""The pane that a popup was opened over."""

from __future__ import annotations

import os
from typing import NamedTuple

from procy.act import composer
from procy.act.target import check_input
from procy.capture.tmux import Tmux
from procy.errors import PaneBusy, PaneRefuses
from procy.recording.foreground import is_shell, program_of
from procy.recording.start import here

BUFFER = "procy"  # tmux's, for what is copied
FACTS = "#{pane_dead}\t#{pane_in_mode}\t#{pane_input_off}\t#{@procy_state}"


class Place(NamedTuple):
    """A pane of one tmux server."""

    tmux: Tmux
    pane_id: str

    def put(self, text: str) -> None:
        """Paste into the composer of what runs there. Raises TmuxError, PaneRefuses and PaneBusy among them."""
        check(self)
        composer.put(self.tmux, self.pane_id, text)


def place_of(target: str) -> Place:
    """``target`` as tmux names panes, else the pane that this program runs in. Raises TmuxError outside tmux."""
    tmux = here()
    return Place(tmux, tmux.pane(target or os.environ.get("TMUX_PANE", "")).pane_id)


def check(place: Place) -> None:
    """Raise PaneRefuses or PaneBusy where text would go astray: to a shell, which runs it, to a dialog, or to copy mode."""
    name = place.pane_id
    dead, mode, off, state = place.tmux.show(name, FACTS).split("\t")
    check_input(name, dead == "1", mode not in ("", "0"), off == "1")
    if state == "waiting":
        raise PaneBusy(f"the agent in pane {name} asks", f"Answer it: procy answer -t {name}")
    program, _ = program_of(place.tmux.pane(name))
    if program is None or is_shell(program):
        raise PaneRefuses(f"pane {name} runs a shell", "Start the agent in it first")
