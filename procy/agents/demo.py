"""The scripted agent of ``procy demo``. It keeps transcripts in Claude Code's form, so they are read by the same reader.

``PROCY_DEMO_TRANSCRIPT`` names the one file of one conversation; ``PROCY_DEMO_TRANSCRIPTS`` a folder with a file for each, in
which every running agent says what it writes: ``running/<pid>.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from procy.agents.commands import take_option
from procy.agents.kept import kept_files
from procy.hookspecs import hookimpl
from procy.types import Endpoint, Evidence, Launch, Process, Profile, TranscriptFile

MODULE = "procy.demo.agent"
SLACK_NS = 5_000_000_000  # between the clocks of processes and of files


class Demo:
    """See ``procy.types.Profile``."""

    name = "demo"
    title = "scripted demo agent"
    transcript = "claude_code"
    composer: tuple[str, ...] = ("❯",)
    program = ""

    def owns(self, argv: Sequence[str]) -> bool:
        return MODULE in argv

    def interactive(self, argv: Sequence[str]) -> bool:
        return True

    def launch(self, argv: Sequence[str], hook: Sequence[str]) -> Launch:
        return Launch(argv=tuple(argv))

    def via(self, argv: Sequence[str], endpoint: Endpoint) -> Launch:
        return Launch(argv=tuple(argv))

    def resume(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...]:
        rest, _ = take_option(argv, "--resume")
        return (*(word for word in rest if word != "--fork-session"), "--resume", agent_session_id)

    def fork(self, argv: Sequence[str], agent_session_id: str) -> tuple[str, ...] | None:
        return (*self.resume(argv, agent_session_id), "--fork-session")

    def headless(self, argv: Sequence[str], prompt: str) -> Launch | None:
        return None

    def transcripts(self, process: Process) -> Iterable[TranscriptFile]:
        only = Path(process.environment.get("PROCY_DEMO_TRANSCRIPT", ""))
        folder = transcripts_folder(process.environment)
        if folder:
            yield from running(folder, process)
        elif only.suffix == ".jsonl" and only.exists():
            yield TranscriptFile(str(only), only.stem)

    def hooked(self, event: Mapping[str, Any], environment: Mapping[str, str]) -> TranscriptFile | None:
        return None

    def live(self, process: Process) -> Evidence | None:
        return None

    def kept(self, environment: Mapping[str, str], place: Path | None = None) -> Iterable[TranscriptFile]:
        only = environment.get("PROCY_DEMO_TRANSCRIPT")
        where = place or transcripts_folder(environment) or (Path(only) if only else None)
        for path in kept_files(where, lambda path: path.suffix == ".jsonl") if where else ():
            yield TranscriptFile(str(path), path.stem)


def transcripts_folder(environment: Mapping[str, str]) -> Path | None:
    """Where the agent keeps its conversations; None where it keeps one, or none."""
    folder = environment.get("PROCY_DEMO_TRANSCRIPTS")
    return Path(folder) if folder else None


def running_path(folder: Path, pid: int) -> Path:
    """In which a running agent says what it writes: JSON with ``conversation`` and, of a copy, ``copy_of``."""
    return folder / "running" / f"{pid}.json"


def running(folder: Path, process: Process) -> Iterable[TranscriptFile]:
    """What the process itself says, not an earlier one with its pid."""
    entry = running_path(folder, process.pid)
    try:
        said = json.loads(entry.read_bytes())
        is_earlier = entry.stat().st_mtime_ns < process.started_ns - SLACK_NS
    except (OSError, ValueError):
        return
    path = folder / f"{said['conversation']}.jsonl"
    if path.exists() and not is_earlier:
        yield TranscriptFile(str(path), path.stem, forked_from=str(said.get("copy_of") or ""))


@hookimpl
def procy_profiles() -> list[Profile]:
    return [Demo()]
