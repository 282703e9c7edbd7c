"""What the plugin's formats cost: CPU time of the tmux server for a repaint of the status line, with 20 recorded panes."""

from __future__ import annotations

import os
import random
import statistics
from contextlib import ExitStack
from pathlib import Path

from bench.echo import attach, drain
from bench.stage import Stage
from bench.table import milliseconds, paired_interval, table

WINDOWS, PANES = 5, 4  # panes in each
BLOCKS = 12
REPAINTS = 100  # of each block
PLUGIN = Path(__file__).resolve().parents[1] / "procy.tmux"
STATES = ("busy", "idle", "waiting", "error")


def run() -> None:
    times: dict[str, list[float]] = {"bare": [], "with the plugin": []}
    with ExitStack() as stack:
        stages = {name: stack.enter_context(Stage("cat")) for name in times}
        clients = {name: open_panes(stage) for name, stage in stages.items()}
        record_all(stages["with the plugin"])
        chance = random.Random(6)
        for _ in range(BLOCKS):
            for name in chance.sample(list(times), len(times)):
                times[name].append(seconds_of_a_repaint(stages[name], clients[name]))
        for client in clients.values():
            os.close(client)
    base = statistics.median(times["bare"])
    rows = [[name, milliseconds(statistics.median(values)), f"{statistics.median(values) / base:.1f} ×"]
            for name, values in times.items()]  # fmt: skip
    table(f"status line, {WINDOWS * PANES} recorded panes in {WINDOWS} windows ({BLOCKS * REPAINTS} repaints each)",
          ("mode", "server CPU of a repaint", "to bare"), rows)  # fmt: skip
    middle, low, high = paired_interval(times["with the plugin"], times["bare"])
    print(f"with − bare, paired by block: {milliseconds(middle)} (95 %: {milliseconds(low)} … {milliseconds(high)})")
    print("aim: ≤ 1 ms more")


def open_panes(stage: Stage) -> int:
    """Windows and panes, and the terminal of an attached client."""
    for window in range(WINDOWS):
        if window:
            stage.tmux("new-window", "-d", "-t", f":{window}", "cat")
        for _ in range(PANES - 1):
            stage.tmux("split-window", "-d", "-t", f":{window}", "cat")
            stage.tmux("select-layout", "-t", f":{window}", "tiled")
    return attach(stage)


def record_all(stage: Stage) -> None:
    """The plugin, and the options that the sidecar would set."""
    stage.tmux("run-shell", str(PLUGIN))
    for place, pane in enumerate(stage.tmux("list-panes", "-a", "-F", "#{pane_id}").split()):
        values = {"state": STATES[place % len(STATES)], "reason": "permission", "context": "42", "session": "A" * 26}
        for name, value in values.items():
            stage.tmux("set-option", "-p", "-t", pane, f"@procy_{name}", value)
    for state in STATES:
        stage.tmux("set-option", "-g", f"@procy_{state}", str(WINDOWS * PANES // len(STATES)))
    stage.tmux("set-option", "-g", "@procy_today", "12.3k tok $0.42")


def seconds_of_a_repaint(stage: Stage, client: int) -> float:
    """Each is a call of its own: tmux would make one repaint of several."""
    server = int(stage.tmux("display-message", "-p", "#{pid}"))
    name = stage.tmux("list-clients", "-F", "#{client_name}").strip()
    before = nanoseconds(server)
    for _ in range(REPAINTS):
        stage.tmux("refresh-client", "-S", "-t", name)
    spent = nanoseconds(server) - before
    drain(client)
    return spent / 1e9 / REPAINTS


def nanoseconds(pid: int) -> int:
    """Time on a processor so far (Linux)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
