"""bubblewrap, where it is installed and works: what is outside of the checkout can be read and not written.

It is never needed. Without it an evaluator runs with limits only, and ``procy eval show`` and ``doctor`` say so.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")  # of GPUs: bubblewrap's own /dev has none
PROBE_S = 10.0


@lru_cache(maxsize=2)
def why_not(network: bool) -> str:
    """Why bubblewrap cannot be used here; "" where it can. Tried once in each process."""
    program = shutil.which("bwrap")
    if program is None:
        return "bubblewrap is not installed"
    try:
        done = subprocess.run([*beginning(network), "true"], capture_output=True, text=True, timeout=PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {error}"
    words = done.stderr.strip().splitlines()
    return f"bubblewrap does not work here: {words[0] if words else done.returncode}" if done.returncode else ""


def beginning(network: bool) -> list[str]:
    flags = ["--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", *([] if network else ["--unshare-net"])]
    return ["bwrap", *flags, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]


@dataclass(frozen=True, slots=True)
class Room:
    """What a command may see and touch. ``writable``: beside ``scratch``, which is /tmp too. ``hidden``: where nothing is to be
    seen but what is ``needed``."""

    cwd: Path
    scratch: Path
    writable: tuple[Path, ...]
    hidden: tuple[Path, ...]
    needed: tuple[Path, ...]
    network: bool


def wrapped(command: Iterable[str], room: Room) -> list[str]:
    """The command in a sandbox."""
    shared = Path("/tmp").resolve()
    words = [*beginning(room.network), "--bind", str(room.scratch), str(shared)]
    hidden = [shared, *room.hidden]
    for path in room.hidden:
        words += ["--tmpfs", str(path)]
    seen = {path for path in (*room.needed, *program_places()) if any(path == one or one in path.parents for one in hidden)}
    for path in sorted(seen - {shared}):
        words += ["--ro-bind-try", str(path), str(path)]
    for path in (*room.writable, room.scratch):
        words += ["--bind", str(path), str(path)]
    for device in sorted(path for form in DEVICES for path in glob.glob(form)):
        words += ["--dev-bind-try", device, device]
    if os.path.isdir("/run/user"):
        words += ["--tmpfs", "/run/user"]  # sockets there would let it have programs started outside
    return [*words, "--chdir", str(room.cwd), "--", *command]


def program_places() -> list[Path]:
    """Where the programs are that it may run."""
    names = [sys.prefix, sys.base_prefix, os.path.expanduser("~"), *os.environ.get("PATH", "").split(os.pathsep)]
    return [Path(name).absolute() for name in names if name]
