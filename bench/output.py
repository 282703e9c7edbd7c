"""Much output: how fast a pane takes it bare, piped to cat, recorded, and under asciinema where that is installed."""

from __future__ import annotations

import random
import shutil
import statistics
import time
from pathlib import Path

from bench.stage import Stage, cpu_seconds
from bench.streams import plain, tui
from bench.table import paired_interval, table

MEGABYTES = 50
ROUNDS = 9


def run() -> None:
    modes = ["bare", "pipe-pane cat", "recorded", *(["asciinema"] if shutil.which("asciinema") else [])]
    speeds: dict[tuple[str, str], list[float]] = {}
    tap_cpu: dict[str, list[float]] = {"tui": [], "plain": []}
    with Stage("sh", "-c", "stty raw -echo; exec sh") as stage:
        files = {"tui": stage.root / "tui", "plain": stage.root / "plain"}
        files["tui"].write_bytes(tui(MEGABYTES << 20))
        files["plain"].write_bytes(plain(MEGABYTES << 20))
        chance = random.Random(5)
        for _ in range(ROUNDS):
            for kind, file in files.items():
                for mode in chance.sample(modes, len(modes)):
                    with stage.mode(mode):
                        pid = stage.spool().state().pid if mode == "recorded" else 0  # type: ignore[union-attr]
                        before = cpu_seconds(pid) if pid else 0.0
                        speeds.setdefault((kind, mode), []).append(MEGABYTES / seconds_for(stage, file, mode))
                        if pid:
                            until_read(stage)
                            tap_cpu[kind].append((cpu_seconds(pid) - before) * 1000 / MEGABYTES)
    for kind in files:
        base = statistics.median(speeds[kind, "bare"])
        rows = []
        for mode in modes:
            middle = statistics.median(speeds[kind, mode])
            spread = f"{min(speeds[kind, mode]):.1f} … {max(speeds[kind, mode]):.1f}"
            rows.append([mode, f"{middle:.1f} MB/s", f"{middle / base:.2f}", spread])
        least = "0.85" if kind == "tui" else "0.75"
        table(f"{MEGABYTES} MB of {kind} output, {ROUNDS} rounds", ("mode", "median", "ratio to bare", "range"), rows,
              f"recorded ≥ pipe-pane cat, ≥ {least} × bare")  # fmt: skip
        middle, low, high = paired_interval(speeds[kind, "recorded"], speeds[kind, "pipe-pane cat"])
        print(f"recorded − pipe-pane cat, paired by round: {middle:.1f} MB/s (95 %: {low:.1f} … {high:.1f})")
        print(f"tap: {statistics.median(tap_cpu[kind]):.2f} ms CPU per MB (aim: ≤ 6)")


def seconds_for(stage: Stage, file: Path, mode: str) -> float:
    """From the command to the mark that the pane's program leaves behind the output."""
    mark = stage.root / "done"
    mark.unlink(missing_ok=True)
    command = f"cat {file}; touch {mark}"
    if mode == "asciinema":
        command = f"asciinema rec -q --overwrite -c 'cat {file}' {stage.root}/x.cast; touch {mark}"
    started = time.perf_counter()
    stage.tmux("send-keys", "-t", stage.pane, "-l", command + "\n")
    while not mark.exists():
        time.sleep(0.005)
    return time.perf_counter() - started


def until_read(stage: Stage) -> None:
    """Wait until the tap has everything."""
    end = -1
    while (state := stage.spool().state()) and state.end != end:
        end = state.end
        time.sleep(0.2)
