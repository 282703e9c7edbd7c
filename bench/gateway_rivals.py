"""Others that pass calls on, installed on demand into folders that are thrown away: for ``RIVALS=1 make bench-gateway``.

claude-code-router comes from npm, LiteLLM from PyPI; CLP, which is in no registry, where ``CLP`` is the path to its wheel. Each
runs in a home of its own, on loopback, with the bench's upstream for its only one, and passes Claude's wire as it is.
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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

CCR = "@musistudio/claude-code-router@2.0.0"
LITELLM = "litellm[proxy]==1.108.7"
OF_CLP = ("fastapi==0.119.0", "starlette==0.48.0")  # it does not start with newer ones
COMING_S = 120.0
KEY = "sk-of-the-bench-0123"


class Rival(NamedTuple):
    """``slower``: it is asked so many times fewer calls. ``start_s`` until it answered."""

    name: str
    port: int
    pid: int
    slower: int
    start_s: float


def rivals(stack: ExitStack, root: Path, upstream: str) -> list[Rival]:
    """Those that can be had; what cannot is said."""
    found = []
    for name, begin in {"claude-code-router": claude_code_router, "LiteLLM": litellm, "CLP": clp}.items():
        folder = root / name
        folder.mkdir()
        try:
            if rival := begin(stack, folder, upstream):
                found.append(rival)
        except (OSError, subprocess.CalledProcessError, TimeoutError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return found


def claude_code_router(stack: ExitStack, folder: Path, upstream: str) -> Rival | None:
    if not shutil.which("npm"):
        raise OSError("npm is missing")
    install(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", CCR])
    port = free_port()
    settings = folder / ".claude-code-router" / "config.json"
    settings.parent.mkdir()
    provider = {
        "name": "bench", "api_base_url": f"{upstream}/v1/messages", "api_key": KEY, "models": ["bench"],
        "transformer": {"use": ["Anthropic"]},
    }  # fmt: skip
    settings.write_text(
        json.dumps(
            {"HOST": "127.0.0.1", "PORT": port, "LOG": False, "Providers": [provider], "Router": {"default": "bench,bench"}}
        )
    )
    command = [str(folder / "node_modules/.bin/ccr"), "start"]
    return stack.enter_context(running("claude-code-router", command, {"HOME": str(folder), "TMPDIR": str(folder)}, port, 5))


def litellm(stack: ExitStack, folder: Path, upstream: str) -> Rival | None:
    python = environment(folder, LITELLM)
    port = free_port()
    model = {"model_name": "bench", "litellm_params": {"model": "anthropic/bench", "api_base": upstream, "api_key": KEY}}
    (folder / "config.yaml").write_text(json.dumps({"model_list": [model]}))  # JSON is YAML
    command = [
        str(python.parent / "litellm"), "--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port),
        "--num_workers", "1",
    ]  # fmt: skip
    around = {
        "HOME": str(folder), "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # else it does not start; it listens on loopback only
    }  # fmt: skip
    return stack.enter_context(running("LiteLLM", command, around, port, 10))


def clp(stack: ExitStack, folder: Path, upstream: str) -> Rival | None:
    """Listens where it always does."""
    if not (wheel := os.environ.get("CLP")):
        return None
    python = environment(folder, wheel, *OF_CLP)
    home = folder / "home"
    (home / ".clp").mkdir(parents=True)
    (home / ".clp" / "claude.json").write_text(json.dumps({"bench": {"base_url": upstream, "auth_token": KEY, "active": True}}))
    around = {"HOME": str(home)}
    stack.callback(subprocess.run, [str(python.parent / "clp"), "stop"], env={**os.environ, **around}, capture_output=True)
    return stack.enter_context(running("CLP", [str(python.parent / "clp"), "start"], around, 3210, 10))


def environment(folder: Path, *packages: str) -> Path:
    """The Python of a new environment."""
    install([sys.executable, "-m", "venv", str(folder / "venv")])
    python = folder / "venv" / "bin" / "python"
    install([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    return python


def install(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def running(name: str, command: list[str], around: dict[str, str], port: int, slower: int) -> Iterator[Rival]:
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **around}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: answers(port), f"{name} does not answer on port {port}")
        yield Rival(name, port, listener_of(port) or process.pid, slower, time.perf_counter() - began)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + COMING_S
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether a whole call comes back."""
    body = json.dumps({"model": "bench", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]})
    head = f"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nx-api-key: {KEY}\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as asking:
            asking.sendall(f"{head}anthropic-version: 2023-06-01\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
            return b" 200 " in asking.recv(200).partition(b"\r")[0]
    except OSError:
        return False


def listener_of(port: int) -> int | None:
    """The process that listens: a starter may have left."""
    import psutil

    for one in psutil.net_connections("tcp4"):
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port:
            return one.pid
    return None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
