"""How far a run is, in a few characters of the status line: the tmux option ``@procy_evolve``."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress

from procy.capture.process import is_alive
from procy.capture.tmux import Tmux
from procy.errors import ProcyError, TmuxError
from procy.evolve.workshop import Workshop
from procy.tries import Outcome

OPTION = "@procy_evolve"
OWN = "@procy_evolve_"  # and a process's number


def progress_text(shop: Workshop) -> str:
    """``evolve 3/5 +12%``; with a question mark where an agent, or procy itself, waits for somebody."""
    made = sum(outcome.status != "vetoed" for outcome in shop.outcomes[1:])
    asks = " ?" if any(shop.told.values()) else ""
    return f"evolve {made}/{shop.budget.tries}{gain_text(shop)}{asks}"


def gain_text(shop: Workshop) -> str:
    """Of the best over the start, with its sign; " " before it. "" while there is none."""
    if not shop.outcomes:
        return ""
    gain = relative_gain(shop.best, shop.start)
    return f" {gain:+.0%}" if gain else ""


def relative_gain(best: Outcome, start: Outcome) -> float | None:
    """As a share of the start's score; None where that says nothing."""
    if best.score is None or not start.score:
        return None
    return (best.score - start.score) / abs(start.score)


def show_progress(shop: Workshop) -> None:
    put(shop, progress_text(shop))


def clear_progress(shop: Workshop, words: str) -> None:
    """Take it away, and say once how the run ended."""
    put(shop, "")
    if shop.plan.pane:
        with suppress(TmuxError):
            Tmux(shop.plan.socket).run("display-message", "-d", "8000", "-t", shop.plan.pane, words.replace("#", "##"))


def put(shop: Workshop, text: str) -> None:
    """Each run's process has an option of its own; those of all that live are shown side by side."""
    if not shop.plan.pane:
        return
    tmux = Tmux(shop.plan.socket)
    with suppress(ProcyError):  # the server may be gone
        tmux.run("set-option", "-g", f"{OWN}{os.getpid()}", text)
        options = dict(shlex.split(line) for line in tmux.run("show-options", "-g") if line.startswith(OWN))
        shown = {name: text for name, text in options.items() if text and is_alive(int(name.removeprefix(OWN)))}
        for name in options.keys() - shown.keys():
            tmux.run("set-option", "-gu", name)
        tmux.run("set-option", "-g", OPTION, ", ".join(text for _, text in sorted(shown.items())))
