"""aider. It keeps no conversations but a history file in the work directory, with all chats that were had there."""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from procy.agents.commands import has_option, is_program, program_place, take_option
from procy.chats import HISTORY, chats_in
from procy.hookspecs import hookimpl
from procy.types import Endpoint, Evidence, Launch, Process, Profile, TranscriptFile

PROGRAM = (("aider",), ("aider-chat",))
ONE_TASK = (
    "--message", "--msg", "-m", "--message-file", "-f", "--apply", "--lint", "--test", "--commit", "--exit", "--show-prompts",
    "--show-repo-map", "--version", "--upgrade", "--update", "--install-main-branch", "--list-models", "--models", "--help", "-h",
    "--just-check-update", "--gui", "--browser",
)  # fmt: skip
SLACK_S = 1  # the chat's start is told in whole seconds


class Aider:
    """See ``procy.types.Profile``."""

    name = "aider"
    title = "aider"
    transcript = "aider"
    composer: tuple[str, ...] = (">",)
    program = "aider"
    interrupt = "C-c"  # Escape does nothing

    def owns(self, argv: Sequence[str]) -> bool:
        return is_program(argv, *PROGRAM)

    def interactive(self, argv: Sequence[str]) -> bool:
        return not has_option(argv[(program_place(argv, *PROGRAM) or 0) + 1 :], *ONE_TASK)

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        return Launch(argv=tuple(argv))

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        """By the variables of the library that it calls models with."""
        openai, claude = (endpoint.with_token(url) for url in (endpoint.openai, endpoint.claude))
        bases = {"OPENAI_API_BASE": f"{openai}/v1", "AIDER_OPENAI_API_BASE": f"{openai}/v1", "ANTHROPIC_API_BASE": claude}
        rest, _ = take_option(argv, "--openai-api-base")
        return Launch(argv=rest, environment=tuple(bases.items()))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        """With all chats of the directory, as aider can; it knows no single one."""
        option = "--restore-chat-history"
        return tuple(argv) if option in argv else (*argv, option)

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        return None

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        """None: it prints more than the answer, and takes a prompt from a file that is written first, or where all can see it."""
        return None

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        """The first chat that began in its history file after it did."""
        file = history_file(process)
        started = datetime.fromtimestamp(process.started_ns / 1e9 - SLACK_S).isoformat(" ", "seconds")
        found = next((chat for chat in chats_in(file) if chat >= started), None)
        if found:
            yield transcript(file, found)

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        """Every conversation that the agent has kept: in its own folder, or in or below ``place``; oldest first, sub-agents'
        with ``parent``. It has no folder of its own: that is the directory one is in."""
        place = place or Path.cwd()
        files = [place] if place.is_file() else sorted(place.rglob(HISTORY))
        chats = sorted((chat, file.resolve()) for file in files for chat in chats_in(file))
        yield from (transcript(file, chat) for chat, file in chats)

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        return None

    def live(self, process: Process) -> Evidence | None:
        return None


def history_file(process: Process) -> Path:
    """Where it writes: as it was told, else at the root of the repository, else where it was started."""
    _, given = take_option(process.argv, "--chat-history-file")
    named = given[-1] if given else process.environment.get("AIDER_CHAT_HISTORY_FILE")
    root = Path(process.cwd)
    if named:
        return root / Path(named).expanduser()
    if "--no-git" not in process.argv:
        root = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    return root / HISTORY


def transcript(file: Path, started: str) -> TranscriptFile:
    """The chat of one start. Its name tells it from those that began elsewhere in the same second."""
    digest = sha256(os.fsencode(file)).hexdigest()[:8]
    return TranscriptFile(f"{file}#{started}", f"{started.replace(' ', 'T')}-{digest}")


@hookimpl
def procy_profiles() -> list[Profile]:
    return [Aider()]
