"""A program that procy takes for Claude Code, in any number of panes; the test writes what it publishes about itself."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path

from procy.capture.spool import Spool, spools
from tests.conftest import Lab, wait_until


class Agents:
    """``lab`` has no tmux server yet; ``start`` makes it, with one agent in its pane."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.folder = lab.root / "claude"
        (self.folder / "sessions").mkdir(parents=True)
        lab.environment["CLAUDE_CONFIG_DIR"] = str(self.folder)
        self.program = lab.root / "claude.py"
        self.program.write_text("import sys\nfor line in sys.stdin: pass\n")

    @property
    def command(self) -> tuple[str, str]:
        return "python3", str(self.program)

    def start(self) -> str:
        """The pane."""
        self.lab.start(*self.command)
        return self.lab.pane

    def add(self, *where: str) -> str:
        """One more pane, made by ``new-window``, ``split-window`` or ``new-session`` with its options."""
        return self.lab.tmux(*where, "-d", "-P", "-F", "#{pane_id}", *self.command).strip()

    def record(self, pane: str) -> Spool:
        self.lab.procy("record", "-t", pane, inside=True)
        return next(spool for spool in spools(self.lab.places.spool) if spool.meta().pane_id == pane)

    def publish(self, pane: str, status: str, waiting_for: str = "", **more: object) -> float:
        """What the agent in the pane says about itself from now on; returns when, in Unix seconds."""
        pid = int(self.lab.tmux("display-message", "-p", "-t", pane, "#{pane_pid}"))
        now = time.time()
        times = {"startedAt": now * 1000, "statusUpdatedAt": now * 1000}
        entry = {"pid": pid, "status": status, "waitingFor": waiting_for, **times, **more}
        path = self.folder / "sessions" / f"{pid}.json"
        path.with_suffix(".new").write_text(json.dumps(entry))
        path.with_suffix(".new").rename(path)
        return now

    def converse(self, pane: str, status: str) -> str:
        """As ``publish``, of an agent that keeps a transcript; returns the conversation's id."""
        key = str(uuid.uuid4())
        folder = self.folder / "projects" / "work"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key}.jsonl").write_text("")
        self.publish(pane, status, sessionId=key)
        return key

    def hook(self, spool: Spool, event: str, **fields: object) -> None:
        """As ``hook.sh`` leaves it."""
        path = spool.hooks / f"{time.time_ns()}.json"
        path.with_suffix(".new").write_text(json.dumps({"hook_event_name": event, **fields}))
        path.with_suffix(".new").rename(path)

    def options(self, pane: str) -> dict[str, str]:
        """The pane's own options of ours."""
        lines = self.lab.tmux("show-options", "-p", "-t", pane, check=False).splitlines()
        return dict(line.removeprefix("@procy_").split(" ", 1) for line in lines if line.startswith("@procy_"))  # type: ignore[misc]

    def counts(self) -> dict[str, str]:
        lines = self.lab.tmux("show-options", "-g").splitlines()
        return dict(line.removeprefix("@procy_").split(" ", 1) for line in lines if line.startswith("@procy_"))  # type: ignore[misc]

    def until(self, pane: str, state: str) -> dict[str, str]:
        """The pane's options once they tell that state."""
        wait_until(
            lambda: self.options(pane).get("state", "") == state,
            what=f"{state!r} in {pane}; {self.options(pane)}\n{self.lab.log()}",
        )
        return self.options(pane)

    def until_counts(self, **wanted: str) -> None:
        wait_until(
            lambda: {name: value for name, value in self.counts().items() if name != "today"} == wanted,
            what=f"{wanted}; {self.counts()}",
        )

    def kill_sidecar(self) -> None:
        pid = int(wait_until(self.lab.sidecar_pid))  # type: ignore[call-overload]
        os.kill(pid, 9)
        wait_until(lambda: self.lab.sidecar_pid() != pid)


def read_lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
