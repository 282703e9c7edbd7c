"""Gemini CLI. It publishes nothing about itself but its terminal's title; each conversation is a file of its project's folder.

Its hooks can be set in the user's own files, or in a system's file that belongs to root (0.61.0): procy sets none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from procy.agents.commands import has_option, is_program, program_place, take_option
from procy.hookspecs import hookimpl
from procy.types import Endpoint, Evidence, Launch, Process, Profile, State, TranscriptFile

PROGRAM = (("gemini",), ("@google/gemini-cli",))  # names, npm package
OWN_SESSION = ("--session-id", "--session-file", "--resume", "-r", "--list-sessions", "--delete-session")
COMMANDS = ("mcp", "extensions", "extension", "skills", "skill", "hooks", "hook", "gemma")
ENDING = (
    "-p", "--prompt", "--acp", "--experimental-acp", "--list-sessions", "--delete-session", "--list-extensions", "-l",
    "-v", "--version", "-h", "--help",
)  # fmt: skip
CONVERSATIONS = "session-*.jsonl"
COPY = re.compile(r"session-(\d{13})-")
TAIL_BYTES = 1 << 18  # of a transcript: where the prompts are looked for that may still be on the screen
PROOF_LENGTH = 24  # characters of a prompt that no window is too narrow for
PROOFS = 20
SLACK_NS = 5_000_000_000  # between the clocks of processes and of transcripts


class GeminiCli:
    """See ``procy.types.Profile``."""

    name = "gemini-cli"
    title = "Gemini CLI"
    transcript = "gemini"
    composer: tuple[str, ...] = (" >", " *")  # the second where every tool is allowed
    program = "gemini"
    titles: tuple[tuple[str, State], ...] = (("◇", "idle"), ("✦", "busy"), ("⏲", "busy"), ("✋", "waiting"))

    def owns(self, argv: Sequence[str]) -> bool:
        return is_program(argv, *PROGRAM)

    def interactive(self, argv: Sequence[str]) -> bool:
        _, words = split_program(argv)
        return not has_option(words, *ENDING) and (not words or words[0] not in COMMANDS)

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        """With a session id chosen beforehand, of which the transcript's name begins with eight characters."""
        front, words = split_program(argv)
        if not self.interactive(argv) or has_option(words, *OWN_SESSION):
            return Launch(argv=tuple(argv))
        session = str(uuid.uuid4())
        return Launch(argv=(*front, "--session-id", session, *words), agent_session_id=session)

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        address = endpoint.with_token(endpoint.openai)
        return Launch(argv=tuple(argv), environment=(("GOOGLE_GEMINI_BASE_URL", address),))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        front, words = split_program(argv)
        rest: Sequence[str] = words
        for option in ("--session-id", "--session-file", "--resume", "-r"):
            rest, _ = take_option(rest, option)
        return (*front, "--resume", agent_session_id, *rest)

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        """It begins a conversation with a copy of what a file has (0.61.0)."""
        found = next((one for one in self.kept(os.environ) if one.agent_session_id == agent_session_id), None)
        if found is None:
            return None
        front, _ = split_program(argv)
        _, rest = split_program(self.resume(argv, agent_session_id))
        return (*front, "--session-file", found.path, *rest[2:])

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        """It would keep the conversation (0.61.0)."""
        return None

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        """Those in its project's folder that were written since it started. Which is this process's is told by the id that it
        was given, or by the prompts that it shows: another may have written beside it, and ended."""
        found = conversations(folder(process.environment), process.cwd)
        for session, path in by_session(path for path in found if changed_ns(path) > process.started_ns - SLACK_NS).items():
            proof = () if session in process.argv else proofs(path)
            if proof or session in process.argv:
                yield TranscriptFile(path, session, forked_from=copy_of(process.argv, path, process.started_ns), proof=proof)
                yield from (replace(helper, proof=proof) for helper in helpers(path, session))

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        return None

    def live(self, process: Process) -> Evidence | None:
        return None

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        """Documents of old versions, which end in ``.json``, are no lines and are left out."""
        root = place or folder(environment) / "tmp"
        paths = [str(root)] if root.is_file() else map(str, root.rglob(CONVERSATIONS))
        for session, path in by_session(paths).items():
            yield TranscriptFile(path, session)
            yield from helpers(path, session)


def split_program(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words that start the program, and its own."""
    behind = (program_place(argv, *PROGRAM) or 0) + 1
    return argv[:behind], argv[behind:]


def folder(environment: Mapping[str, str]) -> Path:
    """Where this Gemini CLI keeps its files."""
    return Path(environment.get("GEMINI_CLI_HOME") or environment.get("HOME") or Path.home()) / ".gemini"


def conversations(home: Path, cwd: str) -> list[str]:
    """The transcripts of the project in that directory, in the order of their names."""
    found = [root.parent for root in (home / "tmp").glob("*/.project_root") if read_text(root) == cwd]
    older = home / "tmp" / hashlib.sha256(cwd.encode()).hexdigest()  # before projects had names
    return sorted(str(path) for project in {*found, older} for path in (project / "chats").glob(CONVERSATIONS))


def by_session(paths: Iterable[str]) -> dict[str, str]:
    """The transcripts by the session they are of, the one begun first first. A resumed agent begins another that stays empty."""
    heads = {path: head for path in paths if (head := read_head(path))}
    found: dict[str, str] = {}
    for path in sorted(heads, key=lambda path: (str(heads[path].get("startTime")), path)):
        session = heads[path]["sessionId"]
        if session not in found or size_of(path) > size_of(found[session]):
            found[session] = path
    return found


def helpers(path: str, session: str) -> Iterator[TranscriptFile]:
    """The transcripts of its sub-agents, in a folder with its name."""
    for file in sorted((Path(path).parent / session).glob("*.jsonl")):
        yield TranscriptFile(str(file), file.stem, parent=session)


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def read_head(path: str) -> dict[str, Any]:
    """The first line of a transcript; empty where it is none."""
    try:
        with open(path, "rb") as file:
            head = json.loads(file.readline())
    except (OSError, ValueError):
        return {}
    return head if isinstance(head, dict) and isinstance(head.get("sessionId"), str) else {}


def copy_of(argv: Sequence[str], path: str, started_ns: int) -> str:
    """The conversation that a new one began as a copy of, by ``--session-file``: the name of such a one has its time."""
    made = COPY.match(os.path.basename(path))
    _, given = take_option(argv, "--session-file")
    if not made or not given or int(made[1]) * 1_000_000 < started_ns - SLACK_NS:
        return ""
    return str(read_head(given[-1]).get("sessionId") or "")


def size_of(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def changed_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def proofs(path: str) -> tuple[str, ...]:
    """How the last prompts of a transcript begin where the agent shows them."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            lines = file.readlines()
    except OSError:
        return ()
    prompts = [prompt for line in lines if b'"type":"user"' in line[:200] and (prompt := prompt_in(line))]
    return tuple(f"> {prompt[:PROOF_LENGTH].rstrip()}" for prompt in prompts[-PROOFS:])


def prompt_in(line: bytes) -> str:
    """The first line of the prompt in a transcript's line; "" for none."""
    try:
        texts = [part["text"] for part in json.loads(line)["content"] if "text" in part]
    except (ValueError, KeyError, TypeError):
        return ""
    own = [text for text in texts if not text.lstrip().startswith("<")]
    return own[0].strip().split("\n")[0] if own else ""


@hookimpl
def procy_profiles() -> list[Profile]:
    return [GeminiCli()]
