"""A pane's bytes read as a story: the screen they make, the turns on it, and what the program says of its state. Pure.

Live and in ``procy rebuild`` the same reader sees the same reads with their times, so it tells the same story.
"""

from __future__ import annotations

from collections.abc import Sequence

from procy.parse.screen import Screen
from procy.parse.shell import ShellReader
from procy.parse.signals import Signal, Splitter
from procy.types import Evidence, Picture, Read, State, Turn

REST_NS = 120_000_000  # a program that has printed nothing for so long has finished what it was printing
PIECE = 16 << 10  # fed at once: never more rows than the emulator keeps
STATUS: dict[str, State] = {"idle": "idle", "done": "idle", "working": "busy", "blocked": "waiting", "error": "error"}


class TerminalReader:
    """Feed reads in order; ask for the screen, for turns and for evidence."""

    def __init__(self, picture: Picture) -> None:
        self.last_ns = 0
        self.offset = 0
        self.rested = True
        self.shell_waits: bool | None = None  # whether the pane's own program has the terminal
        self.reads_turns = True
        self.status: Evidence | None = None
        self.shell = ShellReader()
        self.reset(picture, 0)

    def reset(self, picture: Picture, at_ns: int) -> None:
        """Go on from a whole screen: at the beginning and after a gap. What was under way then is cut short."""
        self.shell.interrupt(at_ns)
        self.screen = Screen(picture.columns, picture.rows)
        self.screen.feed(picture.escapes)
        self.splitter = Splitter()
        self.rested = False

    def foreground(self, shell_waits: bool | None, reads_turns: bool) -> None:
        """Another program has the terminal: the pane's own (``shell_waits``), or one whose turns another source tells."""
        self.shell_waits, self.reads_turns = shell_waits, reads_turns
        self.status = None

    def feed(self, read: Read) -> None:
        if read.time_ns - self.last_ns >= REST_NS:
            self.rest(self.last_ns + REST_NS)
        self.screen.resize(read.columns, read.rows)
        offset = read.offset - len(self.splitter.held)
        for piece, signal in self.splitter.feed(read.data):
            while piece:
                newline = piece.find(b"\n", 0, PIECE) + 1 if self.shell.plain else 0
                part, piece = piece[: newline or PIECE], piece[newline or PIECE :]
                self.screen.feed(part)
                offset += len(part)
                if self.reads_turns:
                    self.shell.read(self.screen, read.time_ns, offset)
            if signal:
                self.on_signal(signal, read.time_ns, offset)
        self.last_ns, self.offset, self.rested = read.time_ns, read.end, False

    def rest(self, now_ns: int) -> None:
        """Nothing has come since the last read; look at the screen once."""
        if self.rested or now_ns - self.last_ns < REST_NS:
            return
        self.rested = True
        self.screen.feed(self.splitter.rest())
        if self.reads_turns:
            self.shell.rest(self.screen, self.last_ns, self.offset, self.shell_waits)

    def on_signal(self, signal: Signal, at_ns: int, offset: int) -> None:
        if signal.name == "7501":
            self.status = read_status(signal.value, at_ns)
        elif not self.reads_turns:
            return
        elif signal.name == "133":
            self.shell.mark(self.screen, signal.value, at_ns, offset)
        elif signal.name == "2004":
            self.shell.line_editor(self.screen, signal.value == "h", at_ns, offset)

    def changed(self) -> Sequence[Turn]:
        return self.shell.changed()


def read_status(value: str, at_ns: int) -> Evidence | None:
    """``state=blocked:app=codex:kind=permission``; None for ``clear`` and what is not known."""
    fields = dict(part.partition("=")[::2] for part in value.split(":"))
    state = STATUS.get(fields.get("state", ""))
    return Evidence(state, fields.get("kind", ""), at_ns) if state else None
