"""Runs one command within limits, and ends all that it started: ``python -I -S cage.py SPECIFICATION``.

A program of its own, with the standard library only: it becomes the parent of every process that loses its own (a
*subreaper*, Linux 3.4 and newer), so that none gets away, not even one with a session of its own. It ends them when the command
has ended, when its time is over, and when whoever started it closes the pipe that is its standard input, or is killed.

SPECIFICATION is JSON: command, seconds, status (the file descriptor that takes one JSON object at the end), limits, cores.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
PATIENCE_S = 5.0  # for processes that the kernel does not let go
KINDS = {"data": resource.RLIMIT_DATA, "cpu": resource.RLIMIT_CPU, "file": resource.RLIMIT_FSIZE, "tasks": resource.RLIMIT_NPROC}


def main() -> int:
    spec = json.loads(sys.argv[1])
    adopt()
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, noted)
    began = time.monotonic()
    try:
        child = subprocess.Popen(spec["command"], stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=bound(spec))
    except (OSError, subprocess.SubprocessError) as error:
        tell(spec, {"error": f"cannot start {spec['command'][0]}: {getattr(error, 'strerror', None) or error}"})
        return 1
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)  # whoever reads the output sees its end when the last of them has gone
    os.dup2(nothing, 2)
    code, how = watch(child.pid, began + spec["seconds"], wake)
    seconds = time.monotonic() - began
    left = end_all()
    child.returncode = 0  # so that it is not waited for
    tell(spec, {"code": code, "how": how, "seconds": seconds, "left": left})
    return 0


def adopt() -> None:
    """Processes below this one stay below it, whatever becomes of those between."""
    with suppress(OSError, AttributeError):  # not Linux: end_all finds what is in the tree, and the caller looks for the rest
        ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0)


def noted(number: int, frame: object) -> None:
    """The wake-up pipe has its number now."""


def bound(spec: dict[str, Any]) -> Callable[[], None]:
    """Sets the limits, in the process that becomes the command."""
    limits = dict(spec["limits"])
    if "tasks" in limits:
        limits["tasks"] += tasks_of(os.getuid())
    cores = spec["cores"]

    def apply() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for name, value in limits.items():
            _, hard = resource.getrlimit(KINDS[name])
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            last = most + 1 if name == "cpu" and hard == resource.RLIM_INFINITY else most
            resource.setrlimit(KINDS[name], (most, last))
        if cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])

    return apply


def tasks_of(user: int) -> int:
    """How many threads a user has already: the kernel's limit is on all of them together."""
    count = 0
    for pid in pids():
        try:
            if os.stat(f"/proc/{pid}").st_uid == user:
                count += int(fields_of(pid)[17])
        except (OSError, ValueError, IndexError):
            continue
    return count


def watch(pid: int, until: float, wake: int) -> tuple[int | None, str]:
    """Wait for the command: its exit status (128 + N for signal N), and how it came to an end: ended, timeout, stopped."""
    while True:
        readable, _, _ = select.select([0, wake], [], [], max(0.0, until - time.monotonic()))
        if wake in readable:
            numbers = os.read(wake, 4096)
            if any(number in numbers for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)):
                return None, "stopped"
        code = buried(pid)
        if code is not None:
            return code, "ended"
        if 0 in readable:
            return None, "stopped"
        if time.monotonic() >= until:
            return None, "timeout"


def buried(wanted: int) -> int | None:
    """Wait for all that has ended; the exit status of the wanted one if it was among them."""
    found = None
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return found
            if pid == wanted:
                found = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    except ChildProcessError:
        return found


def end_all() -> int:
    """Kill everything below this process until there is nothing; how many were left."""
    killed: set[int] = set()
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for pid in below(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            except OSError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            break
        time.sleep(0.002)
    return len(killed)


def below(top: int) -> list[int]:
    """All descendants that still run."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents():
        children.setdefault(parent, []).append(pid)
    found, queue = [], [top]
    while queue:
        more = children.get(queue.pop(), [])
        found += more
        queue += more
    return found


def parents() -> list[tuple[int, int]]:
    """(process, its parent) of every process that has not ended."""
    if not os.path.isdir("/proc/self"):
        lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=False).stdout
        rows = [line.split() for line in lines.splitlines()]
        return [(int(row[0]), int(row[1])) for row in rows if len(row) == 3 and not row[2].startswith("Z")]
    found = []
    for pid in pids():
        try:
            fields = fields_of(pid)
        except OSError:
            continue
        if fields[0] != "Z":
            found.append((pid, int(fields[1])))
    return found


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def fields_of(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the third on: state, parent, …"""
    with open(f"/proc/{pid}/stat", "rb") as stat:
        return stat.read().rpartition(b")")[2].decode("ascii").split()


def tell(spec: dict[str, Any], words: dict[str, Any]) -> None:
    with os.fdopen(spec["status"], "w") as status:
        json.dump(words, status)


if __name__ == "__main__":
    sys.exit(main())
