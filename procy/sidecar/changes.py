"""Orders for snapshots of work trees, where turns begin and end, to a process of its own: nobody waits for git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from procy.places import Places
from procy.settings import Settings
from procy.sidecar.log import log
from procy.store.turn_sources import natural_id
from procy.types import Turn

LATE_NS = 30_000_000_000  # so long after the event, the files tell of something else


class Changes:
    """One a sidecar. What cannot be ordered at once is not ordered."""

    def __init__(self, places: Places, settings: Settings) -> None:
        self.places, self.enabled = places, settings.changes.enabled and shutil.which("git") is not None
        self.ordered: dict[tuple[str, str], int] = {}  # (turn, moment) → when it was due
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self, session_id: str, cwd: str, now_ns: int) -> None:
        """A session is followed: how its files are now is what its first turn may change at once."""
        if self.enabled and (session_id, "before") not in self.ordered and is_below_git(cwd):
            self.ordered[session_id, "before"] = now_ns
            self.order([session_id, session_id, "before", cwd, now_ns])

    def look(self, session_id: str, cwd: str, turn: Turn, now_ns: int) -> None:
        """A turn as it is now."""
        if not self.enabled:
            return
        key = natural_id(session_id, turn)
        for moment, due_ns in (("before", turn.started_ns), ("after", turn.ended_ns)):
            if due_ns is None or now_ns - due_ns > LATE_NS or self.ordered.get((key, moment)) == due_ns:
                continue
            if moment == "before" and (key, moment) in self.ordered:
                continue  # found to have begun at another time: the files of now are not those of then
            self.ordered[key, moment] = due_ns
            if is_below_git(cwd):
                self.order([session_id, key, moment, cwd, due_ns])

    def order(self, values: list[object]) -> None:
        try:
            if self.process is None or self.process.poll() is not None:
                self.process = self.start()
            assert self.process.stdin
            self.process.stdin.write(json.dumps(values).encode() + b"\n")
        except OSError as error:
            log.warning("no snapshot of %s: %s", values[3], error)

    def start(self) -> subprocess.Popen[bytes]:
        idle = ["ionice", "-c", "3"] if shutil.which("ionice") else []
        with open(self.places.sidecar_log, "ab") as words:
            process = subprocess.Popen(
                [*idle, sys.executable, "-m", "procy.recording.changes"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=words, env={**os.environ, **self.places.environment}, bufsize=0, start_new_session=True,
            )  # fmt: skip
        assert process.stdin
        os.set_blocking(process.stdin.fileno(), False)
        return process

    def close(self) -> None:
        """The process ends when it has done what is ordered."""
        if self.process and self.process.stdin:
            with suppress(OSError):
                self.process.stdin.close()


def is_below_git(cwd: str) -> bool:
    """Whether git might know of the directory: where it does not, no process is needed to say so."""
    return any(os.path.lexists(place / ".git") for place in (Path(cwd), *Path(cwd).parents))
