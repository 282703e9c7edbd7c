"""``procy demo``: a scripted agent in a private tmux server, recorded through the real path, looked at in the real pages."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from procy.cli.common import one_line
from procy.demo.script import PROMPTS
from procy.errors import ProcyError, TmuxError
from procy.places import Places, make_home
from procy.store.db import open_reader

COLUMNS, ROWS = 110, 34
PATIENCE_S = 30.0
KEY_S = 0.02  # between two keys, so that the recording shows somebody typing


@click.command("demo")
@click.option("--seconds", type=float, envvar="PROCY_DEMO_SECONDS", help="Leave by itself after so long (default: at Ctrl-C).")
@click.option("--port", type=int, default=7862, show_default=True, help="Port of the pages; the next free one if it is taken.")
@click.option("--keep", type=click.Path(file_okay=False), help="Keep everything in this directory instead of removing it.")
@click.option("--no-ui", is_flag=True, help="Do not bring the pages up.")
def demo_command(seconds: float | None, port: int, keep: str | None, no_ui: bool) -> None:
    """Watch procy at work, with nothing installed but tmux.

    Starts a scripted agent (it says that it is one) in a tmux server of its own, types four prompts, and shows what was
    recorded, as text and in the pages. Touches nothing of yours.
    """
    if not shutil.which("tmux"):
        raise TmuxError("tmux is not installed", "apt install tmux, or brew install tmux")
    signal.signal(signal.SIGTERM, leave)
    with working_directory(keep) as root, Stage(root) as stage:
        say(f"A scripted agent works in {stage.work} (tmux -S {stage.socket} attach)")
        stage.start_agent()
        for prompt in PROMPTS:
            say(f"  ❯ {prompt}")
            stage.ask(prompt)
        say("\nWhat procy recorded, by its own words (procy show):\n")
        stage.procy("show", "--limit", "10")
        pages = None if no_ui else stage.open_pages(port)
        try:
            wait(seconds)
        except KeyboardInterrupt:
            say("")
        finally:
            if pages:
                pages.terminate()
                pages.wait(10)


class Stage:
    """A private tmux server, a scratch repository and a data directory, all below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work, home = root / "work", root / "procy"
        self.socket = root / "tmux"
        self.places = Places(str(home), str(home / "procy.db"), str(home / "spool"), str(root / "config.toml"))
        kept = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
        self.environment = {
            **kept,
            "PROCY_HOME": self.places.home,
            "PROCY_CONFIG": self.places.config,
            "PROCY_DEMO_TRANSCRIPT": str(root / "conversation.jsonl"),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "PS1": "$ ",
            "TERM": "xterm-256color",
        }

    def __enter__(self) -> Stage:
        make_home(self.places)
        self.work.mkdir(exist_ok=True)
        for arguments in (
            ["init", "-q"],
            ["-c", "user.name=demo", "-c", "user.email=demo@localhost", "commit", "-q", "--allow-empty", "-m", "start"],
        ):
            subprocess.run(["git", "-C", str(self.work), *arguments], check=False, capture_output=True)
        shell = shutil.which("bash") or "/bin/sh"
        flags = ["--norc", "--noprofile"] if shell.endswith("bash") else []
        self.tmux("-f", os.devnull, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", str(self.work), shell, *flags)
        return self

    def __exit__(self, *error: object) -> None:
        self.procy("record", "off", "--all", quiet=True)
        self.tmux("kill-server", check=False)
        self.until(lambda: not any(Path(self.places.spool).glob("*/meta.json")), 8.0)

    def tmux(self, *arguments: str, check: bool = True) -> str:
        command = ["tmux", "-S", str(self.socket), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise TmuxError(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def procy(self, *arguments: str, quiet: bool = False) -> None:
        output = subprocess.DEVNULL if quiet else None
        subprocess.run(
            [sys.executable, "-m", "procy", *arguments], env=self.environment, stdout=output, stderr=output, check=False
        )

    def start_agent(self) -> None:
        """``procy record -- <the agent>`` typed into the shell of the pane."""
        self.wait_for("$")
        python = Path(sys.executable).name
        self.type(shlex.join([python, "-m", "procy", "record", "--", python, "-m", "procy.demo.agent"]), key_s=0)
        self.wait_for("esc interrupts")

    def ask(self, prompt: str) -> None:
        """Type a prompt and wait until the database has its turn, ended."""
        before = self.ended()
        self.type(prompt, KEY_S)
        if not self.until(lambda: self.ended() > before, PATIENCE_S):
            raise ProcyError(f"the prompt {prompt!r} did not arrive in the database", f"See {self.places.sidecar_log}")

    def type(self, text: str, key_s: float) -> None:
        if key_s:
            for key in text:
                self.tmux("send-keys", "-l", key)
                time.sleep(key_s)
        else:
            self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", "Enter")

    def wait_for(self, text: str) -> None:
        if not self.until(lambda: text in self.tmux("capture-pane", "-p"), PATIENCE_S):
            raise ProcyError("the scripted agent did not start", one_line(self.tmux("capture-pane", "-p"), 200))

    def ended(self) -> int:
        """Ended turns in the database."""
        try:
            with open_reader(self.places.db) as connection:
                return int(connection.execute("SELECT count(*) FROM turns WHERE status != 'open'").fetchone()[0])
        except (ProcyError, sqlite3.Error):
            return 0

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def open_pages(self, port: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "procy", "ui", "--port", str(port)], env=self.environment)


@contextmanager
def working_directory(keep: str | None) -> Iterator[Path]:
    """A directory that is removed afterwards, or the one to keep."""
    if keep:
        path = Path(keep).absolute()
        path.mkdir(parents=True, exist_ok=True)
        yield path
    else:
        with tempfile.TemporaryDirectory(prefix="procy-demo-", ignore_cleanup_errors=True) as temporary:
            yield Path(temporary)


def wait(seconds: float | None) -> None:
    say(f"\nLeaving in {seconds:g} s." if seconds is not None else "\nCtrl-C ends the demonstration and removes everything.")
    time.sleep(seconds if seconds is not None else 1e8)


def leave(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def say(text: str) -> None:
    click.echo(text, err=True)
