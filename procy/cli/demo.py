"""``procy demo``: a scripted agent in a private tmux server, recorded through the real path, looked at in the real pages."""

from __future__ import annotations

import json
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
from typing import Any, NoReturn

import click

from procy.cli.common import one_line
from procy.demo.script import PROMPTS
from procy.demo.task import HERE
from procy.errors import ProcyError, TmuxError
from procy.places import Places, make_home
from procy.store.db import open_reader

COLUMNS, ROWS = 110, 34
PATIENCE_S = 30.0
TASK = "wordcount"
GOAL = "Count the words of any text as a reader would"
KEY_S = 0.02  # between two keys, so that the recording shows somebody typing


@click.command("demo")
@click.option("--seconds", type=float, envvar="PROCY_DEMO_SECONDS", help="Leave by itself after so long (default: at Ctrl-C).")
@click.option("--port", type=int, default=7862, show_default=True, help="Port of the pages; the next free one if it is taken.")
@click.option("--keep", type=click.Path(file_okay=False), help="Keep everything in this directory instead of removing it.")
@click.option("--tries", type=click.IntRange(min=0), default=3, show_default=True, help="Tries to better the program; 0: none.")
@click.option("--no-ui", is_flag=True, help="Do not bring the pages up.")
def demo_command(seconds: float | None, port: int, keep: str | None, tries: int, no_ui: bool) -> None:
    """Watch procy at work, with nothing installed but tmux.

    Starts a scripted agent (it says that it is one) in a tmux server of its own, types four prompts, and shows what was
    recorded. Then an evaluator judges the work, and three tries make it better or are reverted. At last all of it is in the
    pages. Touches nothing of yours.
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
        if tries:
            say(f"\nAn evaluator counts what the program gets right, and procy writes the next prompts (procy evolve {tries}):\n")
            evolve(stage, tries)
        pages = None if no_ui else stage.open_pages(port)
        try:
            wait(seconds)
        except KeyboardInterrupt:
            say("")
        finally:
            if pages:
                pages.terminate()
                pages.wait(10)


def evolve(stage: Stage, tries: int) -> None:
    """Set the evaluator, let tries be made, and show what became of them."""
    for name in ("evaluate.py", "eval.toml"):
        path = stage.work / (".procy" if name.endswith(".toml") else "") / name
        path.parent.mkdir(exist_ok=True)
        shutil.copy(HERE / TASK / name, path)
    stage.procy("eval", "set", ".procy/eval.toml")
    stage.procy("evolve", str(tries), "--goal", GOAL, "--proposer", "template", "--yes")
    shown, until = 0, time.monotonic() + PATIENCE_S * tries
    try:
        while (state := stage.run_state()) == "running" and time.monotonic() < until:
            shown += stage.tell_tries(shown)
            time.sleep(0.2)
        stage.tell_tries(shown)
    finally:
        if stage.run_state() == "running":
            stage.procy("evolve", "stop", quiet=True)
    if state != "done":
        raise ProcyError(f"no run of {tries} tries came to its end ({state or 'none began'})", f"See {stage.places.home}/runs")
    say("\nWhat it came to (procy evolve status):\n")
    stage.procy("evolve", "status")


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
            "PROCY_DEMO_TRANSCRIPTS": str(root / "conversations"),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "PS1": "$ ",
            "TERM": "xterm-256color",
        }

    def __enter__(self) -> Stage:
        make_home(self.places)
        self.work.mkdir(exist_ok=True)
        (self.work / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
        for arguments in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=demo", "-c", "user.email=demo@localhost", "commit", "-q", "-m", "start"],
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
            [sys.executable, "-m", "procy", *arguments],
            cwd=self.work, env=self.environment, stdout=output, stderr=output, check=False,
        )  # fmt: skip

    def start_agent(self) -> None:
        """``procy record -- <the agent>`` typed into the shell of the pane."""
        self.wait_for("$")
        python = Path(sys.executable).name
        self.type(shlex.join([python, "-m", "procy", "record", "--", python, "-m", "procy.demo.agent", "--task", TASK]), key_s=0)
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
        found = self.rows("SELECT count(*) FROM turns WHERE status != 'open'")
        return int(found[0][0]) if found else 0

    def run_state(self) -> str:
        """Of the run; "" while there is none."""
        found = self.rows("SELECT status FROM runs ORDER BY started_at DESC LIMIT 1")
        return str(found[0][0]) if found else ""

    def tell_tries(self, shown: int) -> int:
        """Say what became of tries that were not shown yet; how many those are."""
        over = self.rows(
            "SELECT seq, decision, metrics, prompt FROM tries WHERE decision IS NOT NULL AND seq > 0 "
            "AND run_id = (SELECT id FROM runs ORDER BY started_at DESC LIMIT 1) ORDER BY seq"
        )
        for seq, decision, metrics, prompt in over[shown:]:
            say(f"  ❯ {one_line(prompt, 60)}\n    try {seq} {decision}: {measured(metrics)}")
        return len(over[shown:])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """[] while there is no database."""
        try:
            with open_reader(self.places.db) as connection:
                return [tuple(row) for row in connection.execute(query)]
        except (ProcyError, sqlite3.Error):
            return []

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


def measured(metrics: str | None) -> str:
    """Metrics in words."""
    found = json.loads(metrics or "{}")
    return ", ".join(f"{name} {value:g}" for name, value in found.items()) or "not measured"


def wait(seconds: float | None) -> None:
    say(f"\nLeaving in {seconds:g} s." if seconds is not None else "\nCtrl-C ends the demonstration and removes everything.")
    time.sleep(seconds if seconds is not None else 1e8)


def leave(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def say(text: str) -> None:
    click.echo(text, err=True)
