"""Codex. Its TUI keeps the rollout file open, unless a background server shared by all panes keeps it instead."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from procy.agents.codex_server import ROLLOUT, kept_rollout, open_rollouts, read_head, rollout, shared_threads
from procy.agents.commands import is_program, program_place, take_option
from procy.agents.kept import first_record, kept_files
from procy.hookspecs import hookimpl
from procy.types import ANSWER_FILE, Endpoint, Evidence, Launch, Process, Profile, TranscriptFile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HEADLESS_OPTIONS = {
    "-m": "--model", "--model": "--model", "-c": "-c", "--config": "-c", "-p": "-p", "--profile": "-p",
    "--local-provider": "--local-provider",
}  # fmt: skip
TOKEN_HEADER, TOKEN_VARIABLE = "x-procy-token", "PROCY_GATEWAY_TOKEN"
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

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        """Its provider keeps its name, key and wire; only the address is another, and a header says the token.

        The provider that is built in cannot be changed, so one like it takes its place.
        """
        behind = (program_place(argv, *PROGRAM) or 0) + 1
        name, is_users = provider_of(argv[behind:])
        address = json.dumps(f"{endpoint.codex}/v1")
        if is_users:
            table = {f"model_providers.{name}.base_url": address}
        else:
            name = "procy"
            like = f'{{name="OpenAI", base_url={address}, wire_api="responses", requires_openai_auth=true}}'
            table = {"model_providers.procy": like, "model_provider": '"procy"'}
        table[f"model_providers.{name}.env_http_headers.{TOKEN_HEADER}"] = f'"{TOKEN_VARIABLE}"'
        options = [word for key, value in table.items() for word in ("-c", f"{key}={value}")]
        return Launch(argv=(*argv[:behind], *options, *argv[behind:]), environment=((TOKEN_VARIABLE, endpoint.token),))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        return self.going_on("resume", argv, agent_session_id)

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        """In the directory in which it is started: without ``-C`` Codex asks which one is meant (0.169.0)."""
        rest, _ = take_option(argv, "-C")
        rest, _ = take_option(rest, "--cd")
        return self.going_on("fork", rest, "-C", ".", agent_session_id)

    def going_on(self, command: str, argv: Sequence[str], *behind_it: str) -> tuple[str, ...]:
        behind = (program_place(argv, *PROGRAM) or 0) + 1
        words = [word for word in argv[behind:] if word != "--last"]
        if words[:1] and words[0] in ("resume", "fork"):
            words = [word for word in words[1:] if not re.fullmatch(r"[0-9a-f-]{36}", word)]
        return (*argv[:behind], command, *behind_it, *words)

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        """In a sandbox that writes nothing, without the user's notify program and a rollout of its own (0.169)."""
        behind = (program_place(argv, *PROGRAM) or 0) + 1
        words, _ = take_notify(argv)
        kept = [*options_of(words[behind:], HEADLESS_OPTIONS), *(["--oss"] if "--oss" in words else [])]
        alone = ("--sandbox", "read-only", "--ephemeral", "--skip-git-repo-check", "--color", "never", "-c", "notify=[]")
        return Launch(argv=(*argv[:behind], "exec", *alone, *kept, "--output-last-message", ANSWER_FILE, "-"))

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        own = sorted(open_rollouts(process.pid))
        for path in own:
            yield rollout(path, read_head(path))
        if not own:
            yield from shared_threads(process, folder(process.environment))

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        path = kept_rollout(folder(environment) / "sessions", str(event.get("thread-id") or ""))
        return rollout(path, read_head(path)) if path else None

    def live(self, process: Process) -> Evidence | None:
        return None

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        for path in kept_files(place or folder(environment), is_rollout):
            payload = first_record(str(path)).get("payload")
            head = payload if isinstance(payload, dict) else {}
            found = rollout(str(path), head)
            yield found if found.agent_session_id else replace(found, agent_session_id=str(head.get("id") or path.stem))


def is_rollout(path: Path) -> bool:
    return bool(ROLLOUT.search(path.name))


def folder(environment: Mapping[str, str]) -> Path:
    """Where this Codex keeps its files."""
    return Path(environment.get("CODEX_HOME") or Path(environment.get("HOME") or Path.home()) / ".codex")


def provider_of(words: Sequence[str]) -> tuple[str, bool]:
    """The provider that a command line chooses, or the user's file; and whether the user defined it."""
    try:
        settings = read_toml((folder(os.environ) / "config.toml").read_text(encoding="utf-8"))
    except OSError:
        settings = {}
    given = options_of(words, HEADLESS_OPTIONS)
    pairs = list(zip(given[::2], given[1::2], strict=True))
    overrides = [read_toml(value) for option, value in pairs if option == "-c"]
    profile = next((value for option, value in reversed(pairs) if option == "-p"), settings.get("profile"))
    chosen = [settings, (settings.get("profiles") or {}).get(profile) or {}, *overrides]
    name = next((str(one["model_provider"]) for one in reversed(chosen) if one.get("model_provider")), "openai")
    return name, any(name in (one.get("model_providers") or {}) for one in (settings, *overrides))


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


def options_of(words: Sequence[str], wanted: Mapping[str, str]) -> list[str]:
    """Those of the wanted options, in their other spelling, with their values."""
    found: list[str] = []
    for place, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in wanted and (equals or place + 1 < len(words)):
            found += [wanted[option], value if equals else words[place + 1]]
    return found


def read_toml(text: str) -> dict[str, Any]:
    """A TOML text, or nothing: a wrong one is Codex's to complain about."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


@hookimpl
def procy_profiles() -> list[Profile]:
    return [Codex()]
