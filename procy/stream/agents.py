"""How each agent is started so that it speaks JSONL, goes on with a conversation, and is interrupted."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from procy.agents.commands import has_option

CLAUDE = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
REPLAY = "--replay-user-messages"
SEEDS = {  # the defaults of the first claudix and codexx scripts, in their order
    "claude": (
        "-p", "--dangerously-skip-permissions", "--model", "sonnet",
        "--output-format", "stream-json", "--input-format", "stream-json", "--verbose",
    ),
    "codex": ("-m", "gpt5", "--dangerously-bypass-approvals-and-sandbox"),
}  # fmt: skip


@dataclass(frozen=True)
class Speaker:
    """``echoes``: it tells which message it has taken in. ``resume`` and ``fork`` are put before the conversation's id."""

    profile: str
    command: tuple[str, ...]
    echoes: bool = False
    speaks_claude: bool = False
    resume: tuple[str, ...] = ()
    fork: tuple[str, ...] = ()


def speaker(agent: str, words: Sequence[str], seed: bool = False) -> Speaker:
    """``agent`` is claude, codex, qwen, gemini or "" for a whole command in ``words``."""
    if agent == "claude":
        defaults = SEEDS["claude"] if seed else missing(CLAUDE, words)
        return Speaker("claude-code", ("claude", *defaults, *words), True, True, ("--resume",), ("--fork-session", "--resume"))
    if agent == "qwen":
        return Speaker("qwen-code", ("qwen", *missing(CLAUDE[1:5], words), *words), False, True, ("--resume",))
    if agent == "codex":
        front = (sys.executable, "-m", "procy.stream.codex")
        return Speaker("codex", (*front, *(SEEDS["codex"] if seed else ()), *words), True, True, ("--resume",), ("--fork",))
    if agent == "gemini":
        return Speaker("gemini-cli", ("gemini", *missing(("--output-format", "stream-json"), words), *words))
    return Speaker("generic", tuple(words))


def missing(defaults: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """Those of the defaults that the words do not give themselves."""
    kept: list[str] = []
    place = 0
    while place < len(defaults):
        takes = place + 1 < len(defaults) and not defaults[place + 1].startswith("-")
        option = defaults[place : place + 1 + takes]
        place += 1 + takes
        if not has_option(words, option[0]):
            kept.extend(option)
    return tuple(kept)


def interrupt_line(request_id: str) -> bytes:
    """Claude Code's control request that ends a turn and keeps the process."""
    request = {"type": "control_request", "request_id": request_id, "request": {"subtype": "interrupt"}}
    return json.dumps(request).encode() + b"\n"
