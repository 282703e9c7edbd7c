"""Drives a real TUI in a pane of a private tmux server, waiting for conditions instead of sleeping.

`with Driver(home) as driver:` starts the client; leaving ends it, its tmux server and whatever its tools left running.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from .homes import Home
from .transcripts import Heard, hear

COLUMNS, ROWS = 120, 40
PATIENCE = float(os.environ.get("PROCY_PATIENCE", "1"))  # how many times longer every pause and wait is
ODD = ".{0,8}"  # what an agent may leave where it takes emoji for narrower than they are
BURST = 0.25  # seconds; Codex takes an Enter sooner after typed text for a line feed of a paste, and shows nothing to wait for


class NotReached(AssertionError):
    """A condition did not come true in time; the text holds the screen as it was."""


class Driver:
    """`extra` are further arguments of the client. All waits are in seconds, 30 unless said otherwise.
    `pipe` is a command of sh that gets the pane's output from its first byte on."""

    def __init__(self, home: Home, extra: tuple[str, ...] = (), columns: int = COLUMNS, rows: int = ROWS, pipe: str = "") -> None:
        self.home = home
        self.pane = ""
        self._pipe = [";", "pipe-pane", pipe] if pipe else []
        self._extra = extra
        self._size = (columns, rows)
        self._sockets = tempfile.TemporaryDirectory(prefix="procy-tmux-")
        self.socket = Path(self._sockets.name) / "s"

    def __enter__(self) -> Driver:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # the tmux server

    def start(self) -> None:
        """Returns when the client takes input."""
        columns, rows = self._size
        command = "exec " + shlex.join([*self.home.command, *self._extra])
        keep = ["start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";"]
        new = ["new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(self.home.work), "-P", "-F", "#{pane_id}"]
        self.pane = self.tmux(*keep, *new, command, *self._pipe).strip()
        try:
            self.until_screen(*self.home.ready, seconds=self.home.start_seconds)
        except NotReached:
            self.stop()
            raise

    def stop(self) -> None:
        left = descendants(int(self.show("#{pane_pid}") or 0)) if self.pane else []
        self.tmux("kill-server", check=False)
        deadline = time.monotonic() + 3
        while any(map(_alive, left)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in filter(_alive, left):
            os.kill(pid, signal.SIGKILL)
        self.pane = ""
        self._sockets.cleanup()

    def restart(self, *extra: str) -> None:
        """Ends the client and starts it again in the same home, with other arguments."""
        self.stop()
        self._extra = extra
        self._sockets = tempfile.TemporaryDirectory(prefix="procy-tmux-")
        self.socket = Path(self._sockets.name) / "s"
        self.start()

    def tmux(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        command = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=self.home.env, timeout=30, check=False)
        if check and done.returncode:
            raise RuntimeError(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def show(self, what: str) -> str:
        """A tmux format of the pane, e.g. `#{pane_pid}`."""
        return self.tmux("display-message", "-p", "-t", self.pane, what).rstrip("\n")

    # what a user does

    def press(self, *keys: str) -> None:
        """tmux key names, each in its own call so that the client reads them one by one."""
        for key in keys:
            self.tmux("send-keys", "-t", self.pane, key)

    def interrupt(self) -> None:
        """Stops the client's work, by one key or by several that must not come at once."""
        for key in self.home.interrupt:
            self.press(key)
            time.sleep(BURST)

    def answer(self, question: str, key: str) -> None:
        """Presses `key` until the dialog that shows `question` is gone; a dialog takes no key in its first moments."""
        self.until_screen(question)

        def gone() -> bool:
            self.press(key)
            end = time.monotonic() + 2  # a second Escape on an idle client opens another dialog
            while shown := question in self.screen():
                if time.monotonic() > end:
                    break
                time.sleep(0.05)
            return not shown

        self.until(gone, f"{question!r} answered")

    def type(self, text: str) -> None:
        """One line of text, as if typed; returns when it is drawn."""
        self.tmux("send-keys", "-t", self.pane, "-l", "--", text)
        self.until_drawn(text)

    def paste(self, text: str) -> None:
        """As a terminal pastes: bracketed, line feeds kept. Returns when the text or the client's placeholder is drawn."""
        name = f"procy-{uuid.uuid4().hex}"
        self.tmux("load-buffer", "-b", name, "-", stdin=text)
        self.tmux("paste-buffer", "-p", "-r", "-d", "-b", name, "-t", self.pane)
        self.until_drawn(text)

    def enter(self, key: str = "Enter") -> None:
        time.sleep(BURST * PATIENCE)
        self.press(key)

    def ask(self, prompt: str, seconds: float = 30.0) -> None:
        """Types the prompt and waits for the end of its turn."""
        self.type(prompt)
        self.finish(seconds)

    def finish(self, seconds: float = 30.0) -> None:
        """Sends what the composer holds and waits for the end of that turn."""
        ended = self.heard().ended
        self.enter()
        self.until_ended(ended + 1, seconds)

    def queue(self, prompt: str) -> None:
        """Types a prompt while the agent works, to be answered in a turn of its own."""
        self.type(prompt)
        self.enter(self.home.queue_key)
        self.until_screen("Queued")

    # what there is to see

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", self.pane)

    def history(self) -> str:
        """Scroll-back and screen, wrapped lines joined."""
        return self.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", self.pane)

    def lines(self) -> Iterator[dict]:
        """The objects of all transcript files, oldest file first."""
        for path in self.home.transcript_files():
            yield from self.home.read(path)

    def heard(self) -> Heard:
        return hear(self.home.client, self.lines())

    # waiting

    def until(self, condition: Callable[[], object], what: str, seconds: float = 30.0) -> object:
        """The first true value of `condition`, which is asked every 50 ms. Raises NotReached."""
        deadline = time.monotonic() + seconds * PATIENCE
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise NotReached(f"not within {seconds:g} s: {what}\n{self.screen()}")
            time.sleep(0.05)
        return value

    def until_screen(self, *texts: str, seconds: float = 30.0) -> str:
        """Waits until all `texts` are on the screen at once; returns that screen."""

        def whole() -> str:
            screen = self.screen()
            return screen if all(text in screen for text in texts) else ""

        return self.until(whole, f"{texts} on the screen", seconds)

    def until_drawn(self, text: str) -> None:
        """Waits for the end of `text`, however wrapped, or a paste placeholder."""
        parts = [part for one in re.split(r"[^\x00-\x7f]+", text) if (part := _squeeze(one))] or [""]
        find = re.compile(ODD.join(re.escape(part) for part in [*parts[-3:-1], parts[-1][-24:]]))
        self.until(lambda: find.search(_squeeze(screen := self.screen())) or "[Pasted " in screen, f"{find.pattern!r} drawn")

    def until_ended(self, count: int, seconds: float = 30.0) -> None:
        """Waits until the transcripts tell of `count` ended turns."""
        self.until(lambda: self.heard().ended >= count and self.is_ready(), f"{count} turns ended", seconds)

    def is_ready(self) -> bool:
        """Whether the terminal's title says so, where the client says it there."""
        return self.show("#{pane_title}").startswith(self.home.ready_title)


def descendants(pid: int) -> list[int]:
    """`pid` and all processes below it, parents first."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in table.splitlines()]
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents if its_parent == parent]
    return found if pid else []


def _alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")


def _squeeze(text: str) -> str:
    """ASCII without white space, for terminals disagree about what they keep of the rest, and without the mark that aider puts
    before every line that is typed."""
    return "".join(character for character in unicodedata.normalize("NFC", text) if "!" <= character <= "~" and character != ">")
