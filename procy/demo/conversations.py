"""Which conversation a scripted agent goes on with, and where it says so."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from procy.agents.demo import running_path, transcripts_folder
from procy.demo.transcript import Transcript
from procy.errors import AgentError


@contextmanager
def conversation(environment: Mapping[str, str], resume: str = "", fork: bool = False) -> Iterator[Transcript]:
    """The transcript to write: that of ``resume``, a copy of it, or a new one. Raises AgentError where there is none."""
    folder = transcripts_folder(environment)
    if folder is None:
        if fork:
            raise AgentError("one file holds one conversation", "Name a folder for more: PROCY_DEMO_TRANSCRIPTS=FOLDER")
        only = environment.get("PROCY_DEMO_TRANSCRIPT")
        yield Transcript(Path(only) if only else None, os.getcwd())
        return
    transcript = opened(folder, resume, fork)
    entry = running_path(folder, os.getpid())
    entry.parent.mkdir(parents=True, exist_ok=True)
    said = {"conversation": transcript.session, "copy_of": resume if fork else ""}
    entry.with_suffix(".new").write_text(json.dumps(said), encoding="utf-8")
    entry.with_suffix(".new").replace(entry)
    try:
        yield transcript
    finally:
        entry.unlink(missing_ok=True)


def opened(folder: Path, resume: str, fork: bool) -> Transcript:
    cwd = os.getcwd()
    new = folder / f"{uuid.uuid4()}.jsonl"
    if not resume:
        return Transcript(new, cwd)
    earlier = Transcript(folder / f"{resume}.jsonl", cwd)
    if not earlier.lines():
        raise AgentError(f"no conversation {resume} in {folder}", "Start without --resume")
    return earlier.copy_to(new) if fork else earlier
