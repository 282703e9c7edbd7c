"""A data directory, a private tmux server and the ``procy`` command, for tests that meet the real things."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from procy.capture.spool import Spool, spools
from procy.places import Places, make_home
from procy.store.db import open_reader, open_writer

settings.register_profile("loaded", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine is shared
settings.load_profile("loaded")
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job of sh, and then in all it starts


def wait_until(condition: Callable[[], object], seconds: float = 15.0, what: str = "") -> object:
    """The first true value of ``condition``; fails the test when there is none in time."""
    end, pause = time.monotonic() + seconds, 0.02
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds:g} s: {what or condition}")
        time.sleep(pause)
        pause = min(pause * 1.25, 0.1)  # to look costs the processor that is waited for
    return value


@cache
def empty_database() -> Path:
    """One that was opened for the first time, and closed."""
    path = Path(tempfile.mkdtemp(prefix="procy-tests-")) / "procy.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    open_writer(str(path)).close()
    return path


class Lab:
    """One data directory and one tmux server with a shell in its first pane."""

    def __init__(self, root: Path, database: bool = True) -> None:
        """``database`` False: nothing was ever recorded; else there is an empty one, which saves its making in every test."""
        self.root = root
        home = root / "home"
        self.places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(root / "config.toml"))
        make_home(self.places)
        if database:
            shutil.copy(empty_database(), self.places.db)
        self.socket = str(root / "tmux")
        self.work = root / "work"
        self.work.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TMUX", "PROCY"))}
        self.environment = {
            **kept,
            "PROCY_HOME": self.places.home,
            "PROCY_CONFIG": self.places.config,
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
            "PS1": "$ ",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        self.pane = ""

    # -- tmux -----------------------------------------------------------------------------------------------------------

    def start(self, *command: str, columns: int = 100, rows: int = 30) -> None:
        """A new tmux server; ``command`` runs in its pane (a plain bash when there is none)."""
        program = command or ("bash", "--norc", "--noprofile")
        size = ("-x", str(columns), "-y", str(rows), "-c", str(self.work))
        out = self.tmux("-f", os.devnull, "new-session", "-d", "-P", "-F", "#{pane_id}", *size, *program)
        self.pane = out.strip()
        if not command:
            wait_until(lambda: "$" in self.screen(), what="the shell's prompt")

    def tmux(self, *arguments: str, check: bool = True, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-S", self.socket, *arguments], env=self.environment, capture_output=True, text=True, input=stdin, timeout=30
        )
        if check and done.returncode:
            raise AssertionError(f"tmux {arguments}: {done.stderr}")
        return done.stdout

    def type(self, text: str, enter: bool = True) -> None:
        self.tmux("send-keys", "-t", self.pane, "-l", "--", text)
        if enter:
            self.tmux("send-keys", "-t", self.pane, "Enter")

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", self.pane, *keys)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", self.pane)

    def wait_for(self, text: str, seconds: float = 15.0) -> None:
        wait_until(lambda: text in self.screen(), seconds, f"{text!r} on the screen:\n{self.screen()}")

    def option(self, name: str) -> str:
        return self.tmux("display-message", "-p", "-t", self.pane, f"#{{{name}}}").strip()

    # -- procy ----------------------------------------------------------------------------------------------------------

    def procy(
        self, *arguments: str, check: bool = True, inside: bool = False, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, outside tmux or as if from the pane."""
        environment = dict(self.environment)
        if inside:
            environment |= {"TMUX": f"{self.socket},1,0", "TMUX_PANE": self.pane}
        done = subprocess.run(
            [sys.executable, "-m", "procy", *arguments],
            env=environment,
            cwd=self.work,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if check and done.returncode:
            raise AssertionError(f"procy {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def record(self, *arguments: str) -> Spool:
        """``procy record`` for the pane; returns the session's spool once the sidecar follows it."""
        self.procy("record", *arguments, inside=True)
        spool = spools(self.places.spool)[-1]
        wait_until(lambda: self.rows("SELECT 1 FROM sessions WHERE id = ?", spool.session_id), what="the session's row")
        return spool

    def rows(self, sql: str, *values: object) -> list[dict[str, object]]:
        """[] while there is no database."""
        if not os.path.exists(self.places.db):
            return []
        try:
            connection = open_reader(self.places.db)
        except Exception:  # noqa: BLE001
            return []
        try:
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def turns(self) -> list[dict[str, object]]:
        return self.rows("SELECT * FROM turns ORDER BY started_at, seq")

    def until_turns(self, count: int, seconds: float = 15.0) -> list[dict[str, object]]:
        """Wait for so many turns that have ended."""
        wait_until(
            lambda: len([turn for turn in self.turns() if turn["status"] != "open"]) >= count,
            seconds,
            f"{count} turns; there are {[(turn['prompt'], turn['status']) for turn in self.turns()]}",
        )
        return self.turns()

    def recorded(self, session_id: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", "procy", "export", "raw", session_id], env=self.environment, capture_output=True, timeout=60
        ).stdout

    def sidecar_pid(self) -> int:
        text = Path(self.places.sidecar_lock).read_text().strip() if os.path.exists(self.places.sidecar_lock) else ""
        return int(text) if text and is_running(int(text)) else 0

    def log(self) -> str:
        path = Path(self.places.sidecar_log)
        return path.read_text() if path.exists() else ""

    def until_ended(self, session_id: str, seconds: float = 20.0) -> str:
        """The status with which a session ended."""

        def ended() -> str:
            rows = self.rows("SELECT status FROM sessions WHERE id = ?", session_id)
            return str(rows[0]["status"]) if rows and rows[0]["status"] in ("ended", "lost") else ""

        return str(wait_until(ended, seconds, f"the end of {session_id}\n{self.log()}"))

    def stop(self) -> None:
        self.tmux("kill-server", check=False)
        if pid := self.sidecar_pid():
            os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether a process lives; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab with nothing started yet."""
    lab = Lab(tmp_path)
    yield lab
    lab.stop()


@pytest.fixture
def shell(lab: Lab) -> Lab:
    """A lab with a bash in a pane."""
    lab.start()
    return lab
