"""Qwen Code. A running one publishes itself in ``sessions/<pid>.json`` of its folder, and its state in its terminal's title.

Its event file (``--json-file``) is not used: it tells what its transcript tells, and of a permission that was refused it tells
the question and never the answer (0.24.4).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from procy.agents.commands import has_option, is_program, program_place, take_option
from procy.hookspecs import hookimpl
from procy.types import Endpoint, Evidence, Launch, Process, Profile, State, TranscriptFile

PROGRAM = (("qwen",), ("@qwen-code/qwen-code",))  # names, npm package
OWN_SESSION = ("--session-id", "--resume", "-r", "--continue", "-c")
GOING_ON = ("--continue", "-c", "--fork-session")
COMMANDS = ("auth", "board", "channel", "extensions", "hooks", "mcp", "review", "sandbox", "serve", "sessions", "update")
ENDING = ("-p", "--prompt", "--acp", "--experimental-acp", "--list-extensions", "-l", "-v", "--version", "-h", "--help")
HEADLESS_OPTIONS = ("--model", "-m", "--auth-type", "--openai-base-url", "--openai-api-key", "--fallback-model")
ALONE = (
    "--output-format", "text", "--approval-mode", "plan", "--chat-recording=false", "--safe-mode",
    "--system-prompt", "You write the text that you are asked for, and nothing else.",
)  # fmt: skip


class QwenCode:
    """See ``procy.types.Profile``."""

    name = "qwen-code"
    title = "Qwen Code"
    transcript = "qwen"
    composer: tuple[str, ...] = (">", "*")  # the second where every tool is allowed
    program = "qwen"
    titles: tuple[tuple[str, State], ...] = (("◐", "busy"), ("✳", "waiting"), ("Qwen - ", "idle"))

    def owns(self, argv: Sequence[str]) -> bool:
        return is_program(argv, *PROGRAM)

    def interactive(self, argv: Sequence[str]) -> bool:
        """A prompt as an argument is answered, and that was all."""
        _, words = split_program(argv)
        if has_option(words, *ENDING) or (words and words[0] in COMMANDS):
            return False
        return has_option(words, "-i", "--prompt-interactive") or not words or words[0].startswith("-")

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        """With a session id chosen beforehand."""
        front, words = split_program(argv)
        if not self.interactive(argv) or has_option(words, *OWN_SESSION):
            return Launch(argv=tuple(argv))
        session = str(uuid.uuid4())
        return Launch(argv=(*front, "--session-id", session, *words), agent_session_id=session)

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        openai, claude = (endpoint.with_token(url) for url in (endpoint.openai, endpoint.claude))
        addresses = {"OPENAI_BASE_URL": f"{openai}/v1", "ANTHROPIC_BASE_URL": claude, "GOOGLE_GEMINI_BASE_URL": openai}
        return Launch(argv=tuple(argv), environment=tuple(addresses.items()))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        front, words = split_program(argv)
        rest: Sequence[str] = words
        for option in ("--session-id", "--resume", "-r"):
            rest, _ = take_option(rest, option)
        return (*front, "--resume", agent_session_id, *(word for word in rest if word not in GOING_ON))

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        front, words = split_program(self.resume(argv, agent_session_id))
        return (*front, *words[:2], "--fork-session", *words[2:])

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        """Without the user's hooks, MCP servers and context files, in the mode that changes nothing (0.24.4)."""
        front, words = split_program(argv)
        given = {option: take_option(words, option)[1] for option in HEADLESS_OPTIONS}
        kept = [word for option, values in given.items() if values for word in (option, values[-1])]
        return Launch(argv=(*front, *ALONE, *kept))

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        found = registry(process)
        if found and (path := transcript_path(process.environment, str(found.get("sessionId")), str(found.get("cwd")))):
            yield TranscriptFile(str(path), path.stem, forked_from=copy_of(process.argv, path.stem))
            yield from subagents(path)

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        return None

    def live(self, process: Process) -> Evidence | None:
        return None

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        """In a place that is given, whatever is a conversation of its own, in a folder ``chats`` or not."""
        if place:
            paths = [place] if place.is_file() else [path for path in place.rglob("*.jsonl") if is_conversation(path)]
        else:
            paths = [path for root in folders(environment) for path in (root / "projects").rglob("chats/*.jsonl")]
        for path in sorted(set(paths), key=lambda path: (first_time(path), str(path))):
            yield TranscriptFile(str(path), path.stem)
            yield from subagents(path)


def split_program(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words that start the program, and its own."""
    behind = (program_place(argv, *PROGRAM) or 0) + 1
    return argv[:behind], argv[behind:]


def folders(environment: Mapping[str, str]) -> list[Path]:
    """Where this Qwen Code keeps its files: its own folder, and one for what it writes while it runs, where that is another."""
    own = Path(environment.get("QWEN_HOME") or Path(environment.get("HOME") or Path.home()) / ".qwen")
    runtime = environment.get("QWEN_RUNTIME_DIR")
    return [own, Path(runtime)] if runtime else [own]


def registry(process: Process) -> dict[str, Any] | None:
    """The entry of the process, or of one that it started in its place, unless it is of an earlier one with the same pid."""
    for pid in (process.pid, *children(process.pid)):
        for root in folders(process.environment):
            try:
                entry = json.loads((root / "sessions" / f"{pid}.json").read_bytes())
                if int(entry["startedAt"]) * 1_000_000 > process.started_ns - 5_000_000_000:
                    return dict(entry)
            except (OSError, ValueError, KeyError, TypeError):
                continue
    return None


def children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def transcript_path(environment: Mapping[str, str], session: str, cwd: str) -> Path | None:
    """The transcript of a session. Its folder's name is a lossy form of the directory, so others are searched as well."""
    for root in folders(environment):
        likely = root / "projects" / re.sub(r"[^A-Za-z0-9]", "-", cwd) / "chats" / f"{session}.jsonl"
        if likely.exists():
            return likely
        if found := next((root / "projects").glob(f"*/chats/{session}.jsonl"), None):
            return found
    return None


def copy_of(argv: Sequence[str], session: str) -> str:
    """The conversation that this one began as a copy of, as its command line tells."""
    _, given = take_option(argv, "--resume")
    return given[-1] if "--fork-session" in argv and given and given[-1] != session else ""


def subagents(path: Path) -> Iterator[TranscriptFile]:
    for file in sorted((path.parent.parent / "subagents" / path.stem).glob("agent-*.jsonl")):
        yield TranscriptFile(str(file), file.stem, parent=path.stem)


def first_time(path: Path) -> str:
    return str(first_record(path).get("timestamp", ""))


def is_conversation(path: Path) -> bool:
    """Whether it is one of this agent's, by its first line, and not a sub-agent's."""
    return "subagents" not in path.parts and {"sessionId", "provenance"} <= first_record(path).keys()


def first_record(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.readline())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@hookimpl
def procy_profiles() -> list[Profile]:
    return [QwenCode()]
