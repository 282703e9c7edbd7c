"""Headless streams: ``procy stream`` beside no wrapper at all, and one that reads a line, parses it and passes it on."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.table import megabytes, milliseconds, table

LINES, LINE_BYTES = 200_000, 500
BIG_LINES, BIG_BYTES = 10, 20 << 20
NONE, PIPE = subprocess.DEVNULL, subprocess.PIPE
AGENT = f"""
import os, sys, time
line = b'{{"x":"' + b"z" * {BIG_BYTES} + b'"}}\\n'
os.write(1, b"{{}}\\n")
sys.stdin.readline()
began = time.monotonic()
view = memoryview(line)
while view:
    view = view[os.write(1, view):]
os.write(1, b"%f\\n" % began)
"""
READLINE = """
import json, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
for line in child.stdout:
    sys.stdout.write(line)
    sys.stdout.flush()
    try:
        if json.loads(line).get("type") == "result":
            pass
    except ValueError:
        pass
"""


class Run(NamedTuple):
    """Wall and processor seconds of everything that ran, and the most memory of one process, in bytes."""

    wall_s: float
    cpu_s: float
    memory: int


def run() -> None:
    with tempfile.TemporaryDirectory() as root:
        commands = commands_in(Path(root))
        small, big = Path(root, "small"), Path(root, "big")
        line = json.dumps({"type": "assistant", "message": {"content": [{"type": "text", "text": "x" * (LINE_BYTES - 82)}]}})
        small.write_bytes((line + "\n").encode() * LINES)
        with big.open("wb") as file:
            for _ in range(BIG_LINES):
                file.write(json.dumps({"type": "user", "text": "y" * BIG_BYTES}).encode() + b"\n")
        rows = []
        for name, command in commands.items():
            some = min((once(command, small, root) for _ in range(3)), key=lambda one: one.wall_s)
            long = min((once(command, big, root) for _ in range(2)), key=lambda one: one.wall_s)
            rows.append((name, some, long, first_byte(command, root)))
        show(rows, small.stat().st_size, big.stat().st_size)


def commands_in(root: Path) -> dict[str, list[str]]:
    wrapper = root / "readline.py"
    wrapper.write_text(READLINE)
    stream = [sys.executable, "-m", "procy", "stream"]
    return {
        "nothing": [],
        "readline + json, one line at a time": [sys.executable, str(wrapper)],
        "procy stream, recording": [*stream, "--"],
        "the same, --mirror preview": [*stream, "--mirror", "preview", "--"],
        "the same, --restartable": [*stream, "--restartable", "--"],
        "procy stream, --no-record": [*stream, "--no-record", "--"],
    }


def once(command: list[str], source: Path, root: str) -> Run:
    """A command around an agent that says what is in a file; its start is not counted."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    memory = 0
    program = subprocess.Popen([*command, "cat", str(source)], stdin=NONE, stdout=PIPE, stderr=NONE, env=environment(root))
    assert program.stdout
    seen, reads, began = 0, 0, 0.0
    while part := os.read(program.stdout.fileno(), 1 << 20):
        began = began or time.perf_counter()
        seen += len(part)
        reads += 1
        memory = memory_of(program.pid) if reads % 50 == 0 else memory
    wall_s = time.perf_counter() - began
    program.wait()
    program.stdout.close()
    assert seen == source.stat().st_size, (command, seen)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, memory)


def memory_of(pid: int) -> int:
    """The most that a process has had so far, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def first_byte(command: list[str], root: str) -> float:
    """From the moment at which the agent begins to write a big line until the reader has its first byte; the median of 5."""
    times = []
    for _ in range(5):
        agent = [sys.executable, "-c", AGENT]
        program = subprocess.Popen([*command, *agent], stdin=PIPE, stdout=PIPE, stderr=NONE, env=environment(root))
        assert program.stdin and program.stdout
        os.read(program.stdout.fileno(), 1 << 20)
        program.stdin.write(b"\n")
        program.stdin.flush()
        os.read(program.stdout.fileno(), 1)
        seen = time.monotonic()
        while data := os.read(program.stdout.fileno(), 1 << 20):
            last = data
        times.append(seen - float(last.rstrip().rpartition(b"\n")[2]))
        program.stdin.close()
        program.stdout.close()
        program.wait()
    return sorted(times)[2]


def environment(root: str) -> dict[str, str]:
    return {**os.environ, "PROCY_HOME": f"{root}/home", "PROCY_CONFIG": f"{root}/config.toml"}


def show(rows: list[tuple[str, Run, Run, float]], small: int, big: int) -> None:
    base = rows[1]
    table(
        f"streams ({LINES:,} lines of {LINE_BYTES} B; {BIG_LINES} lines of {BIG_BYTES >> 20} MB)",
        ("through", "lines/s", "MB/s", "to readline", "CPU s", "big MB/s", "to readline", "memory", "first byte of a big line"),
        [
            (
                name,
                f"{LINES / some.wall_s:,.0f}",
                f"{small / some.wall_s / 1e6:.0f}",
                f"{base[1].wall_s / some.wall_s:.1f} ×",
                f"{some.cpu_s:.2f}",
                f"{big / long.wall_s / 1e6:.0f}",
                f"{base[2].wall_s / long.wall_s:.1f} ×",
                megabytes(long.memory),
                milliseconds(first),
            )
            for name, some, long, first in rows
        ],
        "recording ≥ 2 × readline, first byte ≤ 10 ms, memory ≤ 60 MB + 4 × the longest parsed line",
    )
