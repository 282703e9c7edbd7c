"""From a real change to the pane option that tells it: an agent rewrites its registry entry, tmux shows the new state."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.stage import Stage
from bench.table import milliseconds, table

CHANGES = 60
PANES = (1, 20)
SETTLED_S = 60.0


def run() -> None:
    rows = []
    for count in PANES:
        bare, shown = measure(count)
        for name, times in (("set-option + display-message", bare), ("registry to @procy_state", shown)):
            ratio = statistics.median(times) / statistics.median(bare)
            rows.append([count, name, milliseconds(statistics.median(times)), milliseconds(max(times)), f"{ratio:.1f} ×"])
    columns = ("recorded panes", "what", "median", "worst", "to bare")
    table(f"state shown after a change ({CHANGES} changes, interleaved with bare round trips)", columns, rows, "worst ≤ 1 s")


def measure(count: int) -> tuple[list[float], list[float]]:
    """Seconds of bare round trips, and from changes to what tmux shows, with so many panes recorded."""
    agent = Path(__file__).parent / "claude.py"
    with Stage("python3", str(agent)) as stage:
        stage.environment["CLAUDE_CONFIG_DIR"] = str(stage.root)
        stage.tmux("set-environment", "-g", "CLAUDE_CONFIG_DIR", str(stage.root))
        stage.tmux("respawn-pane", "-k", "-t", stage.pane)
        for _ in range(count - 1):
            stage.tmux("new-window", "-d", "python3", str(agent))
        panes = stage.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid}").splitlines()
        entries = {pane: stage.root / "sessions" / f"{pid}.json" for pane, pid in (line.split() for line in panes)}
        (stage.root / "sessions").mkdir()
        for pane, entry in entries.items():
            publish(entry, "idle")
            stage.procy("record", "-t", pane)
        until(lambda: stage.tmux("display-message", "-p", "#{@procy_idle}").strip() == str(count))
        chance = random.Random(4)
        bare, shown = [], []
        for number in range(CHANGES):
            pane, entry = chance.choice(list(entries.items()))
            bare.append(until(round_trip(stage, pane, f"{number}")))
            time.sleep(chance.random() * 0.2)  # no step with the sidecar's own
            state = "waiting" if "idle" in entry.read_text() else "idle"
            publish(entry, state)
            shown.append(until(lambda pane=pane, state=state: option(stage, pane, "@procy_state") == state))
    return bare, shown


def round_trip(stage: Stage, pane: str, value: str) -> Callable[[], bool]:
    def done() -> bool:
        stage.tmux("set-option", "-p", "-t", pane, "@bare", value)
        return option(stage, pane, "@bare") == value

    return done


def option(stage: Stage, pane: str, name: str) -> str:
    return stage.tmux("display-message", "-p", "-t", pane, f"#{{{name}}}").strip()


def publish(entry: Path, status: str) -> None:
    """As Claude Code does in its registry."""
    now_ms = time.time() * 1000
    entry.with_suffix(".new").write_text(json.dumps({"startedAt": now_ms, "status": status, "statusUpdatedAt": now_ms}))
    entry.with_suffix(".new").rename(entry)


def until(condition: Callable[[], bool]) -> float:
    """Seconds until it is true."""
    started = time.perf_counter()
    while not condition():
        if time.perf_counter() - started > SETTLED_S:
            raise RuntimeError("the state was not shown")
    return time.perf_counter() - started
