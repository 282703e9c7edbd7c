"""Threads of Codex's shared server, and whose they are. The server is this process, which holds the rollouts open."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from procy.agents import codex_server
from procy.types import Process

BEGAN_NS = round(psutil.Process().create_time() * 1e9)


def thread(after_s: float, number: int = 0) -> str:
    """An id that was made so long after this process began."""
    stamp = f"{BEGAN_NS // 1_000_000 + round(after_s * 1000):012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-{number:012d}"


def process(started_after_s: float, *words: str, cwd: str = "/project") -> Process:
    return Process(2**22 - 1, BEGAN_NS + round(started_after_s * 1e9), ("codex", *words), cwd, {})


class Server:
    """A CODEX_HOME whose server this process is said to be."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "app-server-daemon").mkdir()
        (home / "app-server-daemon" / "daemon.pid").write_text(json.dumps({"pid": os.getpid()}))
        self.files = []

    def keep(self, name: str, *prompts: str, cwd: str = "/project", **head: str) -> str:
        """A rollout with these prompts, open."""
        path = self.home / f"rollout-2026-11-20T15-20-11-{name}.jsonl"
        lines = [{"type": "session_meta", "payload": {"cwd": cwd, **head}}]
        for prompt in prompts:
            item = {"type": "UserMessage", "content": [{"type": "text", "text": prompt}]}
            lines.append({"type": "event_msg", "payload": {"type": "item_completed", "item": item}})
        path.write_text("\n".join(map(json.dumps, lines)) + "\n{broken")
        self.files.append(path.open())
        return str(path)

    def threads(self, process: Process) -> dict[str, tuple[str, ...]]:
        """Path: proof."""
        return {file.path: file.proof for file in codex_server.shared_threads(process, self.home)}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    codex_server.made_at_start.cache_clear()
    monkeypatch.setattr(codex_server, "other_starts", lambda pid, cwd: iter(()))
    server = Server(tmp_path)
    yield server
    for file in server.files:
        file.close()


def test_a_thread_made_at_the_start_is_the_terminals_own(server: Server) -> None:
    path = server.keep(thread(102), "hello")
    server.keep(thread(102, 1), "hello", cwd="/elsewhere")
    assert server.threads(process(100)) == {path: ()}


def test_two_terminals_that_start_together_need_the_screen(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    path = server.keep(thread(102), "first line of a prompt, which is long\nsecond", "another")
    monkeypatch.setattr(codex_server, "other_starts", lambda pid, cwd: iter([BEGAN_NS + 101 * 10**9]))
    assert server.threads(process(100)) == {path: ("› first line of a prompt,", "› another")}


def test_a_thread_made_later_needs_the_screen_and_an_older_one_is_anothers(server: Server) -> None:
    later = server.keep(thread(200), "asked in /new")
    server.keep(thread(50), "long ago")
    server.keep(thread(300))  # nothing asked yet
    assert server.threads(process(100)) == {later: ("› asked in /new",)}


def test_a_resumed_thread_is_named_by_the_command(server: Server) -> None:
    path = server.keep(thread(1), "long ago")
    assert server.threads(process(100, "resume", thread(1))) == {path: ()}


def test_helpers_belong_where_their_parent_does(server: Server) -> None:
    server.keep(thread(200), "asked later")
    helper = server.keep(thread(201), "sub", thread_source="subagent", parent_thread_id=thread(200))
    fork = server.keep(thread(101), "forked", forked_from_id="the trunk")
    files = {file.path: file for file in codex_server.shared_threads(process(100), server.home)}
    assert (files[helper].parent, files[helper].proof) == (thread(200), ("› asked later",))
    assert files[fork].forked_from == "the trunk"


@pytest.mark.parametrize("pid", ["", "{}", "[]", '{"pid": 4194303}', '{"pid": "x"}', "no json"])
def test_without_a_server_there_is_nothing(tmp_path: Path, pid: str) -> None:
    (tmp_path / "app-server-daemon").mkdir()
    (tmp_path / "app-server-daemon" / "daemon.pid").write_text(pid)
    assert list(codex_server.shared_threads(process(0), tmp_path)) == []


def test_times_stand_in_the_ids() -> None:
    now = time.time_ns()
    stamp = f"{now // 1_000_000:012x}"
    assert abs(codex_server.created_ns(f"{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000") - now) < 2_000_000
