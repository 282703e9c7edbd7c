"""Claude Code. Everything about a running one is exact: it publishes itself in ``sessions/<pid>.json`` of its folder."""

import json
import os
import re
import shlex
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from procy.agents.commands import has_option, is_program, program_place, take_option
from procy.agents.kept import first_record, kept_files
from procy.errors import AgentError
from procy.hookspecs import hookimpl
from procy.types import PRIVATE_FILE, Endpoint, Evidence, Launch, Process, Profile, State, TranscriptFile

PROGRAM = (("claude",), ("@anthropic-ai/claude-code",))  # names, npm package
HOOKS = ("SessionStart", "UserPromptSubmit", "PermissionRequest", "Notification", "Stop", "StopFailure", "SessionEnd")
OWN_SESSION = ("--session-id", "--resume", "-r", "--continue", "-c", "--from-pr", "--teleport")
GOING_ON = ("--continue", "-c", "--fork-session")
COMMANDS = ("mcp", "config", "doctor", "update", "install", "migrate-installer", "setup-token", "plugin", "auth", "agents")
HEADLESS_OPTIONS = ("--model", "--fallback-model", "--effort", "--setting-sources")
ALONE = (
    "--tools", "", "--strict-mcp-config", "--no-session-persistence",
    "--system-prompt", "You write the text that you are asked for, and nothing else.",
)  # fmt: skip
ENVIRONMENT = (("CLAUDECODE", None), ("CLAUDE_CODE_ENTRYPOINT", None))
CONVERSATION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl")
SUBAGENT = re.compile(r"agent-.+\.jsonl")
STATES: dict[str, State] = {"busy": "busy", "idle": "idle", "waiting": "waiting", "shell": "busy"}


class ClaudeCode:
    """See ``procy.types.Profile``."""

    name = "claude-code"
    title = "Claude Code"
    transcript = "claude_code"
    composer: tuple[str, ...] = ("❯",)
    program = "claude"

    def owns(self, argv: Sequence[str]) -> bool:
        return is_program(argv, *PROGRAM)

    def interactive(self, argv: Sequence[str]) -> bool:
        _, words = split_program(argv)
        return not has_option(words, "-p", "--print") and (not words or words[0] not in COMMANDS)

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        """With a session id chosen beforehand, our hooks beside the user's, and our ears before the user's status line.

        The user's files stay as they are. Where there is no status line there is none of ours: even one that prints nothing
        hides a hint, and takes a row where Claude Code draws inline (2.1.329).
        """
        front, words = split_program(argv)
        if words and words[0] in COMMANDS:
            return Launch(argv=tuple(argv), environment=ENVIRONMENT)
        rest, given = take_option(words, "--settings")
        theirs = read_settings(given[-1]) if given else {}
        line = theirs.get("statusLine") or users_status_line(words, Path.cwd(), folder(os.environ))
        settings = json.dumps(with_status_line(with_hooks(theirs, hook), line, hook))
        is_read = bool(given) and not given[-1].lstrip().startswith("{")
        is_ours = "env" in theirs or (line is not None and "statusLine" not in theirs)
        is_private = is_read or is_ours  # a command line is seen by everybody
        session = "" if has_option(words, *OWN_SESSION) else str(uuid.uuid4())
        ours = ["--session-id", session] if session else []
        return Launch(
            argv=(*front, *ours, "--settings", PRIVATE_FILE if is_private else settings, *rest),
            environment=ENVIRONMENT,
            agent_session_id=session,
            private=settings if is_private else "",
        )

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        """By its settings too: an address in the user's own file would win over the environment."""
        front, words = split_program(argv)
        if words and words[0] in COMMANDS:
            return Launch(argv=tuple(argv))
        rest, given = take_option(words, "--settings")
        theirs = read_settings(given[-1]) if given else {}
        address = {"ANTHROPIC_BASE_URL": endpoint.with_token(endpoint.claude)}
        settings = json.dumps({**theirs, "env": {**(theirs.get("env") or {}), **address}})
        return Launch(argv=(*front, "--settings", settings, *rest), environment=tuple(address.items()))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        front, words = split_program(argv)
        rest, _ = take_option(words, "--session-id")
        rest, _ = take_option(rest, "--resume")
        return (*front, "--resume", agent_session_id, *(word for word in rest if word not in GOING_ON))

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        front, words = split_program(self.resume(argv, agent_session_id))
        return (*front, *words[:2], "--fork-session", *words[2:])

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        """Without tools, hooks, MCP servers and a session of its own (2.1.329)."""
        front, words = split_program(argv)
        given = {option: take_option(words, option)[1] for option in HEADLESS_OPTIONS}
        kept = [word for option, values in given.items() if values for word in (option, values[-1])]
        _, settings = take_option(words, "--settings")
        theirs = read_settings(settings[-1]) if settings else {}
        silent = json.dumps({**{key: value for key, value in theirs.items() if key != "hooks"}, "disableAllHooks": True})
        return Launch(
            argv=(*front, "-p", "--output-format", "text", *ALONE, "--settings", PRIVATE_FILE, *kept),
            environment=ENVIRONMENT,
            private=silent,
        )

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        found = registry(process)
        if found and (path := transcript_path(process, str(found.get("sessionId")), str(found.get("cwd", process.cwd)))):
            yield TranscriptFile(str(path), path.stem)
            yield from subagents(path)

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        path = Path(str(event.get("transcript_path") or "")).expanduser()
        return TranscriptFile(str(path), path.stem) if path.suffix == ".jsonl" and path.exists() else None

    def live(self, process: Process) -> Evidence | None:
        found = registry(process)
        state = STATES.get(str(found.get("status"))) if found else None
        if not found or not state:
            return None
        changed_ms = found.get("statusUpdatedAt") or found.get("updatedAt") or 0
        return Evidence(state, str(found.get("waitingFor") or ""), int(changed_ms) * 1_000_000)

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        """Named by a UUID, or ``agent-…`` those of sub-agents: below their conversation's folder, or, older, beside it."""
        for path in kept_files(place or folder(environment) / "projects", is_transcript):
            head = first_record(str(path))
            session, origin = str(head.get("sessionId") or ""), head.get("forkedFrom")
            forked_from = str(origin.get("sessionId") or "") if isinstance(origin, dict) else ""
            if not SUBAGENT.fullmatch(path.name):
                name = path.stem if is_transcript(path) else session or path.stem
                yield TranscriptFile(str(path), name, forked_from=forked_from)
            elif path.parent.name == "subagents":
                yield TranscriptFile(str(path), path.stem, parent=path.parent.parent.name)
            else:
                yield TranscriptFile(str(path), path.stem, parent=session)


def is_transcript(path: Path) -> bool:
    return bool(CONVERSATION.fullmatch(path.name) or SUBAGENT.fullmatch(path.name))


def folder(environment: Mapping[str, str]) -> Path:
    """Where this Claude Code keeps its files."""
    return Path(environment.get("CLAUDE_CONFIG_DIR") or Path(environment.get("HOME") or Path.home()) / ".claude")


def registry(process: Process) -> dict[str, Any] | None:
    """The process's own entry, unless it is of an earlier process with the same pid."""
    try:
        entry = json.loads((folder(process.environment) / "sessions" / f"{process.pid}.json").read_bytes())
        started_ns = int(entry["startedAt"]) * 1_000_000
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return entry if started_ns > process.started_ns - 5_000_000_000 else None


def transcript_path(process: Process, session: str, cwd: str) -> Path | None:
    """The transcript of a session. Its folder's name is a lossy form of the directory, so others are searched as well."""
    projects = folder(process.environment) / "projects"
    likely = projects / re.sub(r"[^A-Za-z0-9]", "-", cwd) / f"{session}.jsonl"
    if likely.exists():
        return likely
    return next(projects.glob(f"*/{session}.jsonl"), None)


def subagents(path: Path) -> Iterator[TranscriptFile]:
    for file in sorted((path.with_suffix("") / "subagents").glob("agent-*.jsonl")):
        yield TranscriptFile(str(file), file.stem, parent=path.stem)


def read_settings(given: str) -> dict[str, Any]:
    """The value of ``--settings``: JSON, or the path of a JSON file."""
    try:
        settings = json.loads(given if given.lstrip().startswith("{") else Path(given).expanduser().read_text())
    except (OSError, ValueError) as error:
        raise AgentError(f"claude's --settings {given!r} cannot be read: {error}", "Give it valid JSON") from error
    if not isinstance(settings, dict):
        raise AgentError(f"claude's --settings {given!r} is no JSON object", "Give it one")
    return settings


def split_program(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words that start the program, and its own."""
    behind = (program_place(argv, *PROGRAM) or 0) + 1
    return argv[:behind], argv[behind:]


def with_hooks(settings: dict[str, Any], hook: Sequence[str]) -> dict[str, Any]:
    """The settings with a hook of ours added after theirs."""
    ours = {"hooks": [{"type": "command", "command": shlex.join(hook), "timeout": 10}]}
    hooks = dict(settings.get("hooks") or {})
    for event in HOOKS:
        hooks[event] = [*hooks.get(event, []), ours]
    return {**settings, "hooks": hooks}


def users_status_line(words: Sequence[str], cwd: Path, home: Path) -> object:
    """The status line that Claude Code would show by the user's files; None where they have none. The first that has one wins."""
    places = {
        "local": cwd / ".claude" / "settings.local.json",
        "project": cwd / ".claude" / "settings.json",
        "user": home / "settings.json",
    }
    _, chosen = take_option(words, "--setting-sources")
    for source, path in places.items():
        if chosen and source not in chosen[-1].split(","):
            continue
        try:
            line = json.loads(path.read_bytes()).get("statusLine")
        except (OSError, ValueError, AttributeError):  # none, or Claude Code's to complain about
            continue
        if line is not None:
            return line
    return None


def with_status_line(settings: dict[str, Any], line: object, hook: Sequence[str]) -> dict[str, Any]:
    """The settings with the user's status line behind a hook that hears what it is told; nothing else about it changes."""
    if not isinstance(line, dict) or not isinstance(line.get("command"), str):
        return settings
    return {**settings, "statusLine": {**line, "command": shlex.join([*hook, "--status", line["command"]])}}


@hookimpl
def procy_profiles() -> list[Profile]:
    return [ClaudeCode()]
