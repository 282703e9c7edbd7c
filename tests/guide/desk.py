"""Where the hour of ``docs/guide.md`` is played: a tmux with the plugin, and the client that somebody sits at."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

from bench.tutorials import begin
from tests.conftest import Lab

ROOT = Path(__file__).resolve().parents[2]
COLUMNS, ROWS = 112, 26
EDITORS = (("vim", "vim -u NONE -N -c startinsert"), ("vi", "vi"))
KEY_S = 0.02


class Failed(Exception):
    """The hour cannot be played to its end; says at what."""


class Desk(Lab):
    """``root`` is somebody's home directory. The client runs in a second, outer tmux, whose screen is what that person sees."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        super().__init__(root)
        self.outer_socket = str(root / "outer")
        self.work.rmdir()
        self.work = root / "word-counter"
        begin("word-counter", self.work)
        self.config = root / ".tmux.conf"
        procy = shutil.which("procy", path=self.environment["PATH"]) or fail("procy is not installed: make setup")
        plugin = shlex.quote(str(ROOT / "procy.tmux"))
        self.config.write_text(
            f"set -g status-right '%H:%M '\nset -g @procy-command {shlex.quote(procy)}\nrun-shell {shlex.quote(plugin)}\n"
        )
        editor = next((command for name, command in EDITORS if shutil.which(name)), "") or fail("there is no vim or vi")
        self.environment |= {
            "HOME": str(root),
            "USER": "you",
            "LOGNAME": "you",
            "EDITOR": editor,
            "PROCY_DEMO_TRANSCRIPTS": str(root / ".conversations"),
        }

    def begin(self) -> None:
        """A shell in a window named work, and the client attached to it."""
        size = ("-x", str(COLUMNS), "-y", str(ROWS), "-c", str(self.work))
        shell = ("bash", "--norc", "--noprofile")
        made = self.tmux("-f", str(self.config), "new-session", "-d", "-P", "-F", "#{pane_id}", *size, "-n", "work", *shell)
        self.pane = made.strip()
        self.until(lambda: "@procy_parts" in self.tmux("list-keys", "-T", "prefix"), "the plugin")
        attach = f"stty cols {COLUMNS} rows {ROWS}; exec tmux -S {shlex.quote(self.socket)} attach"
        self.outer("-f", os.devnull, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), attach)
        self.outer("set-option", "-g", "status", "off")
        self.until(lambda: "$" in self.seen(), "the client")

    def outer(self, *words: str) -> str:
        command = ["tmux", "-S", self.outer_socket, *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=30).stdout

    def seen(self) -> str:
        """What is on the person's screen, without the blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self.outer("capture-pane", "-p").rstrip("\n").splitlines())

    def keys(self, *keys: str) -> None:
        self.outer("send-keys", *keys)

    def text(self, text: str) -> None:
        self.outer("send-keys", "-l", "--", text)

    def say(self, text: str) -> None:
        """Type, and press Enter."""
        for key in text:
            self.text(key)
        self.keys("Enter")

    def prefix(self, key: str) -> None:
        self.keys("C-b")
        self.text(key)

    def until_seen(self, text: str) -> str:
        self.until(lambda: text in self.seen(), f"{text!r}")
        return self.seen()

    def until_gone(self, text: str) -> None:
        self.until(lambda: text not in self.seen(), f"the end of {text!r}")

    def until(self, condition: object, what: str, seconds: float = 30.0) -> None:
        from tests.conftest import wait_until  # its failure is pytest's, whose class has no place here

        try:
            wait_until(condition, seconds, what)  # type: ignore[arg-type]
        except BaseException as error:
            raise Failed(f"not within {seconds:g} s: {what}\n{self.seen()}") from error

    def stop(self) -> None:
        self.procy("record", "off", "--all", check=False)
        self.outer("kill-server")
        super().stop()
        shutil.rmtree(self.root, ignore_errors=True)


def fail(words: str) -> NoReturn:
    raise Failed(words)
