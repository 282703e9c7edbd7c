"""Stopping an agent in mid-turn, and taking back what it returns to its composer."""

from __future__ import annotations

import time

from procy.act.composer import settled
from procy.act.target import Target
from procy.errors import PaneBusy
from procy.parse.composer import holds_only, solid

ESCAPE = "Escape"
PRESSES = 3
PATIENCE_S = 2.5  # aider takes a second Ctrl-C within two seconds for the wish to leave
POLL_S = 0.05
CALM_S = 0.5  # a composer that has not changed for so long is drawn


def interrupt(target: Target) -> None:
    """Press the agent's key until it is ready again; nothing where it is. Raises PaneBusy when it goes on."""
    key = getattr(target.profile, "interrupt", "") or ESCAPE
    for _ in range(PRESSES):
        if target.look().state not in ("busy", "waiting"):
            return
        target.tmux.press(target.name, key)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            time.sleep(POLL_S)
            look = target.look()
            if look.state not in ("busy", "waiting") and target.typed(look) is not None:
                return
    raise PaneBusy(f"{target.program} in pane {target.name} goes on", "Interrupt it there")


def take_back(target: Target, prompt: str) -> None:
    """Empty the composer where the agent put the interrupted prompt back into it, line by line. What else is typed stays."""
    typed: str | None = None
    for _ in range(2 * len(prompt.splitlines()) + 2):
        typed = after(target, typed)
        if not typed or not (holds_only(typed, prompt) or (solid(typed) and solid(prompt).startswith(solid(typed)))):
            return
        target.tmux.press(target.name, "C-u")


def after(target: Target, before: str | None) -> str | None:
    """What the composer shows when it has come to rest and is not ``before`` any more: it may be drawn in parts, and a while
    after its agent says that it is ready."""
    return settled(lambda: target.typed(target.look()), lambda typed: typed not in (None, before), PATIENCE_S, CALM_S)
