"""What scripts call often: ``procy status`` beside an empty Python."""

from __future__ import annotations

import fcntl
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.table import milliseconds, table
from procy.store import write
from procy.store.db import iso, open_writer
from procy.types import Turn, Usage

RUNS = 40


def run() -> None:
    with tempfile.TemporaryDirectory() as root:
        fill(Path(root) / "procy.db")
        keep_lock(f"{root}/sidecar.lock")
        environment = {**os.environ, "PROCY_HOME": root, "PROCY_CONFIG": f"{root}/config.toml"}
        procy = str(Path(sys.executable).with_name("procy"))
        commands = {"python -c pass": [sys.executable, "-c", "pass"]}
        commands |= {f"procy {words}": [procy, *words.split()] for words in ("status", "status --line", "sessions")}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                started = time.perf_counter()
                subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
                times[name].append(time.perf_counter() - started)
    base = statistics.median(times["python -c pass"])
    rows = [
        [name, milliseconds(statistics.median(values)), f"{statistics.median(values) / base:.1f} ×"]
        for name, values in times.items()
    ]
    table(
        f"commands ({RUNS} runs, interleaved; 2 sessions, 2,000 turns today)",
        ("command", "median", "to bare Python"),
        rows,
        "status ≤ 5 ×",
    )


def keep_lock(path: str) -> None:
    """Look like a sidecar: else ``status`` starts one, which finds that nothing is recorded."""
    fcntl.flock(os.open(path, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)


def fill(path: Path) -> None:
    now = time.time_ns()
    connection = open_writer(str(path))
    with write.transaction(connection):
        for session in ("A" * 26, "B" * 26):
            values = {"agent": "claude-code", "started_at": iso(now), "pane_id": "%1", "status": "recording", "state": "busy"}
            write.put_session(connection, session, values)
            for number in range(1000):
                turn = Turn(key=f"{session}{number}", prompt="a prompt", response="an answer", status="done",
                            started_ns=now + number, usage=Usage(input=100, output=50))  # fmt: skip
                write.put_turn(connection, session, turn, str, None)
    connection.close()
