"""Processes: who runs in a pane, since when, and whether it is still the same one. Values come from psutil and /proc."""

import os
import subprocess
from collections.abc import Iterator

import psutil

from procy.types import Process


def describe(pid: int) -> Process | None:
    """The process as it is now, or None when it is gone or not ours to see."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            started_ns = round(process.create_time() * 1e9)
            return Process(pid, started_ns, tuple(process.cmdline()), process.cwd(), process.environ())
    except (psutil.Error, OSError):
        return None


def is_alive(pid: int) -> bool:
    """Whether a process with that pid runs; one that has ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] != b"Z"
    except ProcessLookupError:
        return False
    except OSError:  # not ours, or no /proc
        return True


def is_same(process: Process) -> bool:
    """Whether that very process still runs (a pid may have been given to another)."""
    now = describe(process.pid)
    return now is not None and abs(now.started_ns - process.started_ns) < 50_000_000


def descendants(pid: int) -> Iterator[Process]:
    """The process itself and all below it, parents first."""
    first = describe(pid)
    if first is None:
        return
    yield first
    try:
        children = psutil.Process(pid).children(recursive=True)
    except (psutil.Error, OSError):
        return
    for child in children:
        if process := describe(child.pid):
            yield process


def foreground(group: int) -> Iterator[Process]:
    """The processes of a terminal's foreground group, its leader first, and those below it that have left the terminal.

    Other jobs of the same shell, stopped or in the background, are not among them.
    """
    for process in descendants(group):
        try:
            is_other_job = os.getpgid(process.pid) != group and os.getsid(process.pid) == os.getsid(group)
        except OSError:
            continue
        if process.pid == group or not is_other_job:
            yield process


def foreground_group(pane_pid: int) -> int | None:
    """The process group that has the pane's terminal, or None when nobody can tell.

    Read from ``/proc/PID/stat`` (field 8, *tpgid*), else from ps.
    """
    try:
        with open(f"/proc/{pane_pid}/stat", "rb") as stat:
            group = int(stat.read().rpartition(b")")[2].split()[5])
            return group if group > 0 else None
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return None
    except (OSError, ValueError, IndexError):
        return None
    result = subprocess.run(["ps", "-o", "tpgid=", "-p", str(pane_pid)], capture_output=True, text=True, check=False)
    return int(result.stdout) if result.stdout.strip().isdigit() else None


def name_of(pid: int) -> str:
    """The short name of a process, which changes when it becomes another program; "" where there is no /proc."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
            return name.read().rstrip("\n")
    except OSError:
        return ""


def cwd_of(pid: int) -> str:
    """The directory a process works in; "" when nobody can tell."""
    try:
        return psutil.Process(pid).cwd()
    except (psutil.Error, OSError):
        return ""


def pipe_tools(server_pid: int, pane_pids: set[int]) -> list[str]:
    """Command lines of the programs that tmux runs as pipes: the server's children that are no pane's first process."""
    names = []
    try:
        children = psutil.Process(server_pid).children()
    except (psutil.Error, OSError):
        return []
    for child in children:
        if child.pid in pane_pids:
            continue
        if process := describe(child.pid):
            names.append(" ".join(process.argv))
    return names
