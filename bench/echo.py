"""A key's way through an attached client: typed, echoed by the program in the pane, seen."""

from __future__ import annotations

import os
import pty
import random
import select
import statistics
import time
import tty

from bench.stage import MODES, Stage
from bench.table import milliseconds, paired_interval, table

BLOCKS = 24
KEYS = 60  # of each block


def run() -> None:
    times: dict[str, list[list[float]]] = {mode: [] for mode in MODES}
    with Stage("sh", "-c", "stty raw -echo; exec cat") as stage:
        client = attach(stage)
        chance = random.Random(4)
        for _ in range(BLOCKS):
            for mode in chance.sample(MODES, len(MODES)):
                with stage.mode(mode):
                    times[mode].append([key(client, chance) for _ in range(KEYS)])
        os.close(client)
    rows = []
    for mode in MODES:
        every = sorted(value for block in times[mode] for value in block)
        rows.append([mode, milliseconds(statistics.median(every)), milliseconds(every[int(len(every) * 0.99)])])
    table(f"key echo through an attached client ({BLOCKS * KEYS} keys each)", ("mode", "median", "p99"), rows)
    medians = {mode: [statistics.median(block) for block in times[mode]] for mode in MODES}
    middle, low, high = paired_interval(medians["recorded"], medians["pipe-pane cat"])
    verdict = "no slower" if low <= 0 else "slower"
    interval = f"95 %: {milliseconds(low)} … {milliseconds(high)}"
    print(f"recorded − pipe-pane cat, paired by block: {milliseconds(middle)} ({interval}): {verdict}")
    print("aim: no slower than pipe-pane cat")


def attach(stage: Stage) -> int:
    """The master side of a terminal in which ``tmux attach`` runs."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvpe("tmux", ["tmux", "-S", stage.socket, "attach"], stage.environment)
    tty.setraw(master)
    time.sleep(0.5)
    drain(master)
    return master


def drain(master: int) -> None:
    while select.select([master], [], [], 0.05)[0]:
        os.read(master, 65536)


def key(master: int, chance: random.Random) -> float:
    """Seconds from writing a key to reading it back."""
    time.sleep(chance.random() * 0.01)
    letter = chance.choice(b"abcdefghijklmnopqrstuvwxyz")
    started = time.perf_counter()
    os.write(master, bytes([letter]))
    seen = b""
    while bytes([letter]) not in seen:
        if not select.select([master], [], [], 2)[0]:
            raise RuntimeError("the key was not echoed")
        seen += os.read(master, 65536)
    return time.perf_counter() - started
