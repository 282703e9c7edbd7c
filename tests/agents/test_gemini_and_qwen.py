"""Gemini CLI and Qwen Code: their command lines, and the files in which they keep conversations."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from procy.agents.gemini import GeminiCli
from procy.agents.qwen import QwenCode
from procy.plugins import profile_of
from procy.types import Endpoint, Process

HOOK = ("/bin/sh", "hook.sh", "/x")
NOW = time.time_ns()
ENDPOINT = Endpoint("http://c", "http://x", "http://o", "tok")


@pytest.mark.parametrize(
    ("command", "agent"),
    [
        ("gemini", "gemini-cli"),
        ("node /x/node_modules/.bin/gemini --yolo", "gemini-cli"),
        ("node /x/@google/gemini-cli/bundle/index.js", "gemini-cli"),
        ("qwen -c", "qwen-code"),
        ("node --expose-gc /x/@qwen-code/qwen-code/cli.js", "qwen-code"),
        ("vim gemini", "generic"),
    ],
)
def test_processes_are_known_by_what_they_run(command: str, agent: str) -> None:
    assert profile_of(command.split(" ")).name == agent


def test_one_that_does_a_single_task_is_left_as_it_is() -> None:
    gemini, qwen = GeminiCli(), QwenCode()
    alone = (["gemini", "-p", "x"], ["gemini", "mcp", "list"], ["qwen", "say hello"], ["qwen", "--acp"])
    for argv in alone:
        profile = gemini if argv[0] == "gemini" else qwen
        assert not profile.interactive(argv) and profile.launch(argv, HOOK).argv == tuple(argv)
    assert gemini.interactive(["gemini", "say hello"]) and qwen.interactive(["qwen", "-i", "say hello"])


def test_launch_chooses_the_session_once() -> None:
    launch = GeminiCli().launch(["node", "/x/gemini.js", "--yolo"], HOOK)
    assert launch.argv == ("node", "/x/gemini.js", "--session-id", launch.agent_session_id, "--yolo")
    for words in (["--resume", "latest"], ["--session-file=x"], ["--session-id", "y"]):
        assert GeminiCli().launch(["gemini", *words], HOOK).argv == ("gemini", *words)
    launch = QwenCode().launch(["qwen", "-y"], HOOK)
    assert launch.argv == ("qwen", "--session-id", launch.agent_session_id, "-y")
    assert QwenCode().launch(["qwen", "--resume", "x"], HOOK).argv == ("qwen", "--resume", "x")


def test_resume_fork_and_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_CLI_HOME", str(tmp_path))
    path = conversation(tmp_path, "11111111", ["hello"])
    assert GeminiCli().resume(["gemini", "--session-id", "x", "--yolo"], "11111111") == (
        "gemini",
        "--resume",
        "11111111",
        "--yolo",
    )
    forked = GeminiCli().fork(["gemini", "--resume", "latest", "--yolo"], "11111111")
    assert forked == ("gemini", "--session-file", str(path), "--yolo")
    assert GeminiCli().fork(["gemini"], "unknown") is None
    assert QwenCode().resume(["qwen", "-c", "-y"], "x") == ("qwen", "--resume", "x", "-y")
    assert QwenCode().fork(["qwen", "-y"], "x") == ("qwen", "--resume", "x", "--fork-session", "-y")
    for profile, name, address in (
        (GeminiCli(), "GOOGLE_GEMINI_BASE_URL", "http://o/p/tok"),
        (QwenCode(), "OPENAI_BASE_URL", "http://o/p/tok/v1"),
    ):
        launch = profile.via(["x", "-y"], ENDPOINT)
        assert dict(launch.environment)[name] == address and launch.argv == ("x", "-y")


def conversation(home: Path, session: str, prompts: list[str], helper: str = "") -> Path:
    """A conversation of Gemini CLI in ``/work``."""
    project = home / ".gemini" / "tmp" / "work"
    chats = project / "chats"
    chats.mkdir(parents=True, exist_ok=True)
    (project / ".project_root").write_text("/work")
    head = {"sessionId": session, "projectHash": "x", "startTime": f"2026-11-28T10:00:0{session[0]}.000Z"}
    said = [
        {"id": prompt, "timestamp": "2026-11-28T10:00:01.000Z", "type": "user", "content": [{"text": prompt}]}
        for prompt in prompts
    ]
    path = chats / f"session-2026-11-28T10-00-{session[:8]}.jsonl"
    lines = [json.dumps(one, separators=(",", ":")) for one in (head, *said)]
    path.write_text("\n".join(lines) + "\n")
    if helper:
        (chats / session).mkdir()
        (chats / session / f"{helper}.jsonl").write_text(lines[0] + "\n")
    return path


def process(home: Path, *words: str) -> Process:
    environment = {"HOME": str(home), "GEMINI_CLI_HOME": str(home)}
    return Process(os.getpid(), NOW - 10_000_000_000, ("gemini", *words), "/work", environment)


def test_gemini_conversations_of_a_process(tmp_path: Path) -> None:
    """The one that it was given is its own; another is, where its prompts are seen."""
    mine = conversation(tmp_path, "11111111", ["mine"], helper="helper")
    other = conversation(tmp_path, "22222222", ["what the other was asked, in many words"])
    old = conversation(tmp_path, "33333333", ["long ago"])
    conversation(tmp_path, "44444444", [])
    os.utime(old, (1, 1))
    found = list(GeminiCli().transcripts(process(tmp_path, "--session-id", "11111111")))
    assert [(one.path, one.agent_session_id, one.parent, one.proof) for one in found] == [
        (str(mine), "11111111", "", ()),
        (str(mine.parent / "11111111" / "helper.jsonl"), "helper", "11111111", ()),
        (str(other), "22222222", "", ("> what the other was asked",)),
    ]
    assert not list(GeminiCli().transcripts(replace(process(tmp_path), cwd="/elsewhere")))


def test_gemini_keeps_conversations(tmp_path: Path) -> None:
    two, one = conversation(tmp_path, "22222222", ["x"]), conversation(tmp_path, "11111111", ["x"], helper="helper")
    (one.parent / "session-broken.jsonl").write_text("{")
    told = [(str(one), ""), (str(one.parent / "11111111" / "helper.jsonl"), "11111111"), (str(two), "")]
    assert [(each.path, each.parent) for each in GeminiCli().kept({"HOME": str(tmp_path)})] == told
    assert [(each.path, each.parent) for each in GeminiCli().kept({}, tmp_path)] == told
    assert [each.path for each in GeminiCli().kept({}, two)] == [str(two)]
    (one.parent / "session-2026-11-28T11-00-22222222.jsonl").write_text('{"sessionId":"22222222","startTime":"2026-11-28T11"}\n')
    assert [(each.path, each.parent) for each in GeminiCli().kept({}, tmp_path)] == told, "begun by a resumed agent, and empty"


def test_qwen_is_found_by_what_it_publishes(tmp_path: Path) -> None:
    qwen, root = QwenCode(), tmp_path / ".qwen"
    chats = root / "projects" / "-work" / "chats"
    chats.mkdir(parents=True)
    (chats / "s1.jsonl").write_text('{"timestamp":"2026-11-28T10:00:01.000Z"}\n')
    (root / "sessions").mkdir()
    entry = {"sessionId": "s1", "cwd": "/work", "startedAt": NOW // 1_000_000}
    (root / "sessions" / f"{os.getpid()}.json").write_text(json.dumps(entry))
    mine = process(tmp_path)
    assert [one.agent_session_id for one in qwen.transcripts(mine)] == ["s1"]
    assert [one.agent_session_id for one in qwen.kept({"HOME": str(tmp_path)})] == ["s1"]
    (root / "sessions" / f"{os.getpid()}.json").write_text(json.dumps({**entry, "startedAt": 5}))
    assert not list(qwen.transcripts(mine)), "an earlier process had that pid"
