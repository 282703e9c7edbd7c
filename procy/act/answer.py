"""Answering what an agent asks, through its own keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from procy.act.target import Target, find_target
from procy.capture.tmux import Tmux
from procy.errors import PaneBusy, ProcyError
from procy.parse.composer import Dialog, Option
from procy.places import Places

PATIENCE_S = 1.0  # a dialog takes no key in its first moments, and a little time to go away
PRESSES = 3
POLL_S = 0.05


def waiting_panes(tmux: Tmux) -> list[str]:
    """The recorded panes of this server that wait for an answer, the longest wait first."""
    form = "#{?#{==:#{@procy_state},waiting},#{@procy_since} #{pane_id},}"
    lines = [line.split(" ") for line in tmux.run("list-panes", "-a", "-F", form) if line]
    return [pane_id for _, pane_id in sorted(lines, key=lambda line: int(line[0] or 0))]


def waiting_targets(places: Places, tmux: Tmux) -> Iterator[Target]:
    """Those of them that can be answered, in that order."""
    for pane_id in waiting_panes(tmux):
        with suppress(ProcyError):  # its agent has just ended
            yield find_target(places, pane_id, any_program=True)


def choose(target: Target, dialog: Dialog, option: Option) -> None:
    """Press the option's number until the dialog has gone. Raises PaneBusy when another stands there by now, or stays.

    Only ever pressed at the very dialog that was shown to whoever chose.
    """
    if not dialog.is_same(target.look().dialog):
        raise PaneBusy(f"pane {target.name} shows another question by now", "Look at it again")
    for _ in range(PRESSES):
        target.tmux.press(target.name, str(option.number))
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            time.sleep(POLL_S)
            if not dialog.is_same(target.look().dialog):
                return
    raise PaneBusy(f"{target.program} in pane {target.name} did not take the answer", "Answer it there")
