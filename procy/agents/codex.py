"""Codex. Its TUI keeps the rollout file open, unless a background server shared by all panes keeps it instead."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from procy.agents.codex_server import open_rollouts, read_head, rollout, shared_threads
from procy.agents.commands import is_program, program_place
from procy.hookspecs import hookimpl
from procy.types import Evidence, Launch, Process, Profile, TranscriptFile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROGRAM = (("codex",), ("@openai/codex",))  # names, npm package
NOT_INTERACTIVE = (
    "exec", "e", "review", "login", "logout", "mcp", "mcp-server", "app-server", "completion", "sandbox", "debug",
    "apply", "a", "cloud", "features", "plugin", "update", "doctor", "help",
)  # fmt: skip


class Codex:
    """See ``procy.types.Profile``."""

    name = "codex"
    title = "Codex"
    transcript = "codex"
    composer: tuple[str, ...] = ("›",)
    program = "codex"

    def owns(self, argv: Sequence[str]) -> bool:
        return is_program(argv, *PROGRAM) and "app-server" not in argv

    def interactive(self, argv: Sequence[str]) -> bool:
        behind = (program_place(argv, *PROGRAM) or 0) + 1
        return len(argv) <= behind or argv[behind] not in NOT_INTERACTIVE

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        """With a notify program of ours that runs the user's own after it. A ``-c`` also keeps it off the shared server."""
        words, theirs = take_notify(argv)
        behind = (program_place(words, *PROGRAM) or 0) + 1
        if not self.interactive(words):
            return Launch(argv=tuple(argv))
        words[behind:behind] = ["-c", f"notify={json.dumps([*hook, *theirs], ensure_ascii=False)}"]
        return Launch(argv=tuple(words))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        behind = (program_place(argv, *PROGRAM) or 0) + 1
        words = [word for word in argv[behind:] if word != "--last"]
        if words[:1] and words[0] in ("resume", "fork"):
            words = [word for word in words[1:] if not re.fullmatch(r"[0-9a-f-]{36}", word)]
        return (*argv[:behind], "resume", agent_session_id, *words)

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        own = sorted(open_rollouts(process.pid))
        for path in own:
            yield rollout(path, read_head(path))
        if not own:
            yield from shared_threads(process, folder(process.environment))

    def live(self, process: Process) -> Evidence | None:
        return None


def folder(environment: Mapping[str, str]) -> Path:
    """Where this Codex keeps its files."""
    return Path(environment.get("CODEX_HOME") or Path(environment.get("HOME") or Path.home()) / ".codex")


def take_notify(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command line without ``-c notify=…``, and the notify program the user has: by that option or in ``config.toml``."""
    words, given = list(argv), None
    for place in range(len(words) - 2, 0, -1):
        if words[place] in ("-c", "--config") and words[place + 1].replace(" ", "").startswith("notify="):
            given = given or read_toml(words[place + 1])
            del words[place : place + 2]
    if given is None:
        try:
            given = read_toml((folder(os.environ) / "config.toml").read_text(encoding="utf-8"))
        except OSError:
            given = {}
    notify = given.get("notify")
    return words, [str(word) for word in notify] if isinstance(notify, list) else []


def read_toml(text: str) -> dict[str, Any]:
    """A TOML text, or nothing: a wrong one is Codex's to complain about."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


@hookimpl
def procy_profiles() -> list[Profile]:
    return [Codex()]
