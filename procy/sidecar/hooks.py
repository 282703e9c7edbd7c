"""What an agent's hooks tell of one session: events for its rows and its state, and which transcripts they are about."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from procy.capture import hooks
from procy.plugins import profile_named
from procy.sidecar.border import Border
from procy.sidecar.outbox import Outbox
from procy.sidecar.rows import Rows
from procy.sidecar.state import StateWatch
from procy.types import TranscriptFile


class HookInbox:
    """The files in a session's ``hooks`` folder, each taken once and deleted when its row is safe."""

    def __init__(self, folder: Path, rows: Rows, outbox: Outbox, border: Border) -> None:
        self.folder, self.rows, self.outbox, self.border = folder, rows, outbox, border
        self.taken: set[Path] = set()
        self.transcripts: dict[str, TranscriptFile] = {}  # that events spoke of, by path

    def read(self, agent: str, state: StateWatch) -> None:
        """Take what is new, of the agent with that name."""
        for file in hooks.waiting(self.folder):
            if file.path in self.taken:
                continue
            self.taken.add(file.path)
            fields = fields_of(file.payload)
            name = "unreadable" if fields is None else str(fields.get("hook_event_name") or fields.get("type") or "unknown")
            self.rows.hook(file, name)
            self.outbox.after(partial(file.path.unlink, missing_ok=True))
            state.hook(name, file.payload, file.time_ns)
            if fields and (transcript := self.transcript_in(agent, fields)):
                self.transcripts[transcript.path] = transcript

    def skip(self) -> None:
        """Leave out what is new."""
        for file in hooks.waiting(self.folder):
            file.path.unlink(missing_ok=True)

    def transcript_in(self, agent: str, event: Mapping[str, Any]) -> TranscriptFile | None:
        hooked = getattr(profile_named(agent), "hooked", None)
        none: TranscriptFile | None = None
        return self.border.call("finding a transcript", none, lambda: hooked(event, os.environ)) if hooked else None

    def take_transcripts(self) -> list[TranscriptFile]:
        taken, self.transcripts = list(self.transcripts.values()), {}
        return taken


def fields_of(payload: str) -> dict[str, Any] | None:
    """A hook event, as Claude Code (``hook_event_name``) or Codex (``type``) gives it; None when it is no JSON object."""
    try:
        fields = json.loads(payload)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None
