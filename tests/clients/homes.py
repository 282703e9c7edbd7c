"""Throw-away homes: a client starts in one without onboarding or trust dialogs and talks to the model server only."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

KEY = "sk-scripted-model-server-key"
CLOSED = "http://127.0.0.1:9"


def json_lines(path: Path) -> Iterator[dict]:
    """A last line still being written is left out."""
    for line in path.read_bytes().split(b"\n")[:-1]:
        yield json.loads(line)


def event_rows(path: Path) -> Iterator[dict]:
    """The rows of OpenCode's event log, session by session."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection, suppress(sqlite3.OperationalError):
        for session, kind, data in connection.execute(
            "SELECT aggregate_id, type, data FROM event ORDER BY aggregate_id DESC, seq"
        ):
            yield {"session": session, "type": kind, "data": json.loads(data)}


def text_lines(path: Path) -> Iterator[dict]:
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        yield {"line": line}


@dataclass(frozen=True)
class Home:
    """Everything needed to start a client, `command` in `work` with exactly `env`, and to tell what it does:
    `transcripts` globs its own transcript files below `path`, `ready` is on the screen when it takes the first input,
    `queue_key` queues a prompt while it works, `permission_question` is on the screen while it waits for permission,
    `resume` are the arguments that go on with the last session, `interrupt` the keys that stop its work, `busy` is on the screen
    while it can be interrupted, and `unsend` empties the composer, into which some put an interrupted prompt back. `ready_title`:
    how the terminal's title begins then, where only that tells when a turn is over. `read` gives the objects of a transcript
    file, and `start_seconds` are how long it may take to start."""

    client: str
    path: Path
    work: Path
    command: tuple[str, ...]
    env: dict[str, str] = field(repr=False)
    transcripts: str
    ready: tuple[str, ...]
    queue_key: str
    permission_question: str
    resume: tuple[str, ...]
    interrupt: tuple[str, ...] = ("Escape",)
    start_seconds: float = 30.0
    read: Callable[[Path], Iterator[dict]] = json_lines
    busy: str = "esc to interrupt"
    unsend: tuple[str, ...] = ()
    ready_title: str = ""
    refuse: str = "Escape"

    def transcript_files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.path.glob(self.transcripts), key=lambda path: path.stat().st_mtime_ns)


def claude_home(root: Path, executable: Path, url: str, ask: bool = False, inline: bool = False) -> Home:
    """With `ask`, tools that change anything wait for the user's permission; otherwise all run.
    With `inline`, the client draws below the shell's prompt; otherwise on the alternate screen, its default."""
    home, work = _folders(root)
    state = {
        "hasCompletedOnboarding": True,
        "lastOnboardingVersion": "9.9.9",
        "theme": "dark",
        "numStartups": 10,
        "hasSeenAutoDefaultNudge": True,
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(work): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
    }
    (home / ".claude").mkdir()
    (home / ".claude.json").write_text(json.dumps(state))
    mode = "default" if ask else "bypassPermissions"
    settings = {"permissions": {"defaultMode": mode}, "skipDangerousModePermissionPrompt": True}
    settings |= {"tui": "default" if inline else "fullscreen"}
    (home / ".claude" / "settings.json").write_text(json.dumps(settings))
    env = _env(home) | {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "ENABLE_TOOL_SEARCH": "false",
        "IS_SANDBOX": "1",
    }
    return Home(
        "claude", home, work, (str(executable),), env, ".claude/projects/*/*.jsonl",
        ready=("❯", "for agents"), queue_key="Enter", permission_question="Do you want to proceed?",
        resume=("--continue",),
    )  # fmt: skip


def codex_home(root: Path, executable: Path, url: str, ask: bool = False, inline: bool = False) -> Home:
    """With `ask`, commands that want out of the sandbox wait for the user's permission; otherwise all run without a sandbox.
    With `inline`, the client draws below the shell's prompt; otherwise on the alternate screen, its default."""
    home, work = _folders(root)
    approval, sandbox = ("on-request", "workspace-write") if ask else ("never", "danger-full-access")
    (home / ".codex").mkdir()
    config = _CODEX_CONFIG.format(url=url, work=work, approval=approval, sandbox=sandbox)
    (home / ".codex" / "config.toml").write_text(config)
    env = _env(home) | {"CODEX_HOME": str(home / ".codex"), "SCRIPTED_KEY": KEY}
    command = (str(executable), "--no-daemon", *(["--no-alt-screen"] if inline else []))
    return Home(
        "codex", home, work, command, env, ".codex/sessions/**/rollout-*.jsonl",
        ready=("›", "for agents"), queue_key="Tab", permission_question="Would you like to run the following command?",
        resume=("resume", "--last"),
    )  # fmt: skip


def opencode_home(root: Path, executable: Path, url: str, ask: bool = False, inline: bool = False) -> Home:
    """With `ask`, commands wait for the user's permission; otherwise all run. It always draws on the alternate screen."""
    home, work = _folders(root)
    model = {
        "name": "Scripted", "reasoning": True, "tool_call": True, "limit": {"context": 100000, "output": 8000},
        "cost": {"input": 1, "output": 10, "cache_read": 0.1, "cache_write": 1},
    }  # fmt: skip
    provider = {
        "npm": "@ai-sdk/openai-compatible", "name": "Scripted", "models": {"scripted": model},
        "options": {"baseURL": f"{url}/v1", "apiKey": KEY},
    }  # fmt: skip
    config = {
        "model": "scripted/scripted", "small_model": "scripted/scripted", "autoupdate": False, "share": "disabled",
        "provider": {"scripted": provider}, "permission": {"bash": "ask" if ask else "allow"},
    }  # fmt: skip
    (home / ".config" / "opencode").mkdir(parents=True)
    (home / ".config" / "opencode" / "opencode.json").write_text(json.dumps(config))
    quiet = ("MODELS_FETCH", "AUTOUPDATE", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")
    env = _env(home) | {f"OPENCODE_DISABLE_{name}": "1" for name in quiet}
    return Home(
        "opencode", home, work, (str(executable),), env, ".local/share/opencode/opencode.db",
        ready=("┃", "ctrl+p commands"), queue_key="Enter", permission_question="Permission required",
        resume=("--continue",), interrupt=("Escape", "Escape"), start_seconds=120, read=event_rows,
    )  # fmt: skip


def aider_home(root: Path, executable: Path, url: str, ask: bool = False, inline: bool = False) -> Home:
    """Without `ask`, it makes new files unasked; a command it always asks for."""
    home, work = _folders(root)
    (home / ".aider.model.settings.yml").write_text(_AIDER_MODEL)
    cost = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.00001}
    limits = {"max_input_tokens": 100000, "max_output_tokens": 8000, "litellm_provider": "openai", "mode": "chat"}
    (home / ".aider.model.metadata.json").write_text(json.dumps({"openai/scripted": cost | limits}))
    env = _env(home) | {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    quiet = ("--no-git", "--no-check-update", "--no-analytics", "--no-show-model-warnings", "--no-show-release-notes")
    command = (str(executable), "--model", "openai/scripted", *quiet, *([] if ask else ["--yes-always"]))
    return Home(
        "aider", home, work, command, env, f"../{work.name}/.aider.chat.history.md",
        ready=("Repo-map: disabled", "\n>"), queue_key="Enter", permission_question="Run shell command?",
        resume=("--restore-chat-history",), interrupt=("C-c",), start_seconds=120, read=text_lines,
    )  # fmt: skip


def gemini_home(root: Path, executable: Path, url: str, ask: bool = False, inline: bool = False) -> Home:
    """With `ask`, tools that change anything wait for the user's permission; otherwise all run. It always draws inline."""
    home, work = _folders(root)
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "model": {"name": "scripted"},
        "ui": {"useAlternateBuffer": False},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    env = _env(home) | {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url}
    return Home(
        "gemini", home, work, (str(executable), *([] if ask else ["--yolo"])), env, ".gemini/tmp/*/chats/session-*.jsonl",
        ready=("Type your message", "/model"), queue_key="Enter", permission_question="Allow execution of",
        resume=("--resume", "latest"), busy="esc to cancel", ready_title="◇", refuse="3", unsend=("C-u",),
    )  # fmt: skip


def qwen_home(root: Path, executable: Path, url: str, ask: bool = False, inline: bool = False) -> Home:
    """With `ask`, tools that change anything wait for the user's permission; otherwise all run. It always draws inline."""
    home, work = _folders(root)
    settings = {
        "security": {"auth": {"selectedType": "openai"}},
        "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
        "privacy": {"usageStatisticsEnabled": False},
        "tools": {"approvalMode": "default" if ask else "yolo"},
    }
    (home / ".qwen").mkdir()
    (home / ".qwen" / "settings.json").write_text(json.dumps(settings))
    env = _env(home) | {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_MODEL": "scripted"}
    return Home(
        "qwen", home, work, (str(executable),), env, ".qwen/projects/*/chats/*.jsonl",
        ready=("Type your message", "shift + tab"), queue_key="C-q", permission_question="Allow execution of",
        resume=("--continue",), busy="esc to cancel", refuse="4", unsend=("C-u",),
    )  # fmt: skip


HOMES: dict[str, Callable[..., Home]] = {
    "claude": claude_home,
    "codex": codex_home,
    "gemini": gemini_home,
    "qwen": qwen_home,
    "opencode": opencode_home,
    "aider": aider_home,
}

_AIDER_MODEL = """\
- name: openai/scripted
  edit_format: diff
  use_repo_map: false
  reminder: sys
  examples_as_sys_msg: true
"""

_CODEX_CONFIG = """\
model = "scripted"
model_provider = "scripted"
approval_policy = "{approval}"
sandbox_mode = "{sandbox}"
check_for_update_on_startup = false

[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 1
stream_max_retries = 1

[analytics]
enabled = false

[projects."{work}"]
trust_level = "trusted"
"""


def _folders(root: Path) -> tuple[Path, Path]:
    home, work = root / "home", root / "work"
    (home / "tmp").mkdir(parents=True)
    work.mkdir()
    return home, work


def _env(home: Path) -> dict[str, str]:
    """Nothing of the caller's environment but PATH, so that an agent that runs the tests is not mistaken for a parent.
    What would go beyond this machine ends at a closed port."""
    silence = {"HTTP_PROXY": CLOSED, "HTTPS_PROXY": CLOSED, "NO_PROXY": "127.0.0.1,localhost"}
    plain = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SHELL": "/bin/sh", "TMPDIR": str(home / "tmp")}
    return plain | silence
