"""A private tmux server with one pane, which can be bare, piped to cat, or recorded by procy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from procy.capture.spool import Spool, spools
from procy.places import Places, make_home

MODES = ("bare", "pipe-pane cat", "recorded")


class Stage:
    """``with Stage("program", …) as stage``: the program runs in the pane."""

    def __init__(self, *program: str, columns: int = 120, rows: int = 40) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="procy-bench-"))
        home = self.root / "home"
        self.places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(self.root / "config.toml"))
        make_home(self.places)
        self.socket = str(self.root / "tmux")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TMUX", "PROCY"))}
        self.environment = {**kept, "PROCY_HOME": self.places.home, "PROCY_CONFIG": self.places.config, "TERM": "xterm-256color"}
        self.size = ("-x", str(columns), "-y", str(rows))
        self.program = program

    def __enter__(self) -> Stage:
        self.tmux("-f", os.devnull, "new-session", "-d", *self.size, *self.program)
        self.pane = self.tmux("list-panes", "-a", "-F", "#{pane_id}").strip()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.tmux("kill-server", check=False)
        with suppress(OSError, ValueError):
            os.kill(int(Path(self.places.sidecar_lock).read_text()), 9)
        shutil.rmtree(self.root, ignore_errors=True)

    def tmux(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-S", self.socket, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    @contextmanager
    def mode(self, mode: str) -> Iterator[None]:
        """The pane in one of ``MODES`` while the block runs."""
        if mode == "pipe-pane cat":
            self.tmux("pipe-pane", "-t", self.pane, f"exec cat >> {self.root}/cat.raw")
        elif mode == "recorded":
            self.procy("record", "-t", self.pane)
            time.sleep(0.5)  # the sidecar starts once, not in the middle of what is measured
        try:
            yield
        finally:
            if mode == "recorded":
                self.procy("record", "off", self.pane)
            else:
                self.tmux("pipe-pane", "-t", self.pane)

    def procy(self, *arguments: str) -> None:
        environment = {**self.environment, "TMUX": f"{self.socket},1,0", "TMUX_PANE": self.pane}
        subprocess.run([sys.executable, "-m", "procy", *arguments], env=environment, check=True, capture_output=True)

    def spool(self) -> Spool:
        return spools(self.places.spool)[-1]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
