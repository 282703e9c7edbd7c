"""Codex's background server: it keeps the threads of all Codex TUIs that use it, and they keep none themselves.

Which thread belongs to which TUI is published nowhere. Two things tell it: a TUI makes its first thread as it starts, and it
shows the prompts of the thread it is in.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from procy.agents.commands import is_program
from procy.types import Process, TranscriptFile

ROLLOUT = re.compile(r"rollout-[0-9T:-]+?-([0-9a-f]{8}-[0-9a-f-]{27})\.jsonl$")
START_NS = 15_000_000_000  # a TUI has made its first thread so long after its start, the start of the server included
TAIL_BYTES = 1 << 18  # of a rollout: where the prompts are looked for that may still be on the screen
PROOF_LENGTH = 24  # characters of a prompt that no window is too narrow for
PROOFS = 20


def open_rollouts(pid: int) -> set[str]:
    """The rollout files that the process or one below it has open, without those of a server below it."""
    try:
        first = psutil.Process(pid)
        family = [first, *(one for one in first.children(recursive=True) if not is_server(one))]
    except psutil.Error:
        return set()
    return {path for one in family for path in rollouts_of(one)}


def shared_threads(process: Process, home: Path) -> Iterator[TranscriptFile]:
    """The rollouts that the server of this home keeps for the TUI; those that may be another's come with a proof."""
    paths = server_rollouts(home)
    heads = {path: read_head(path) for path in paths}
    roots = [path for path in paths if not parent_of(heads[path]) and heads[path].get("cwd") == process.cwd]
    given: dict[str, tuple[str, ...]] = {}
    for path in roots:
        thread = thread_of(path)
        sure = thread in process.argv or made_at_start(process.pid, process.started_ns, process.cwd, thread)
        if sure or (created_ns(thread) > process.started_ns and proofs(path)):
            given[thread] = () if sure else proofs(path)
            yield replace(rollout(path, heads[path]), proof=given[thread])
    for path in paths:
        if (parent := parent_of(heads[path])) in given:
            yield replace(rollout(path, heads[path]), proof=given[parent])


def is_server(process: psutil.Process) -> bool:
    try:
        return "app-server" in process.cmdline()
    except psutil.Error:
        return False


def server_rollouts(home: Path) -> list[str]:
    """What the running server has open, oldest first."""
    try:
        entry = json.loads((home / "app-server-daemon" / "daemon.pid").read_bytes())
        return sorted(rollouts_of(psutil.Process(entry["pid"])))
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return []


def rollouts_of(process: psutil.Process) -> set[str]:
    try:
        return {file.path for file in process.open_files() if ROLLOUT.search(file.path)}
    except (psutil.Error, OSError):
        return set()


@lru_cache(maxsize=256)
def made_at_start(pid: int, started_ns: int, cwd: str, thread: str) -> bool:
    """Whether of all TUIs in that directory only this one can have made the thread as it started."""
    made_ns = created_ns(thread)
    if not 0 <= made_ns - started_ns < START_NS:
        return False
    return not any(0 <= made_ns - other < START_NS for other in other_starts(pid, cwd))


def other_starts(pid: int, cwd: str) -> Iterator[int]:
    """When the other TUIs of that directory started, in ns since 1970."""
    for other in psutil.process_iter():
        try:
            if other.pid != pid and is_program(other.cmdline(), ("codex",)) and other.cwd() == cwd and not is_server(other):
                yield round(other.create_time() * 1e9)
        except (psutil.Error, OSError):
            continue


def created_ns(thread: str) -> int:
    """When the thread was made: its id is a UUID of version 7, which begins with ms since 1970."""
    return int(thread.replace("-", "")[:12], 16) * 1_000_000


def kept_rollout(sessions: Path, thread: str) -> str:
    """The rollout of a thread, below the folder of the local day on which it was made; "" where there is none."""
    try:
        made = datetime.fromtimestamp(created_ns(thread) / 1e9)
    except (ValueError, OverflowError, OSError):
        return ""
    days = [made + timedelta(days=days) for days in (0, -1, 1)]  # the agent may have another time zone
    found = (path for day in days for path in (sessions / f"{day:%Y/%m/%d}").glob(f"rollout-*-{thread}.jsonl"))
    return str(next(found, ""))


def thread_of(path: str) -> str:
    match = ROLLOUT.search(path)
    return match[1] if match else ""


def read_head(path: str) -> dict[str, Any]:
    """The payload of a rollout's first line; empty when it cannot be read."""
    try:
        with open(path, "rb") as file:
            payload = json.loads(file.readline()).get("payload")
    except (OSError, ValueError, AttributeError):
        return {}
    return payload if isinstance(payload, dict) else {}


def rollout(path: str, head: dict[str, Any]) -> TranscriptFile:
    """The file as what its first line says it is."""
    return TranscriptFile(path, thread_of(path), parent=parent_of(head), forked_from=str(head.get("forked_from_id") or ""))


def parent_of(head: dict[str, Any]) -> str:
    """The thread that started this one as a helper; "" for one that a human started."""
    return str(head.get("parent_thread_id") or "") if head.get("thread_source") == "subagent" else ""


def proofs(path: str) -> tuple[str, ...]:
    """How the last prompts of a rollout begin where the TUI shows them."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            lines = file.readlines()
    except OSError:
        return ()
    prompts = [prompt for line in lines if b'"UserMessage"' in line if (prompt := prompt_in(line))]
    return tuple(f"› {prompt[:PROOF_LENGTH].rstrip()}" for prompt in prompts[-PROOFS:])


def prompt_in(line: bytes) -> str:
    """The first line of the prompt that a rollout's line holds; "" for none."""
    try:
        item = json.loads(line)["payload"]["item"]
        return str(item["content"][0]["text"]).strip().split("\n")[0] if item["type"] == "UserMessage" else ""
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
