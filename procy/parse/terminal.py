"""A pane's bytes read as a story: the screen they make, the turns on it, and what the program says of its state. Pure.

Live and in ``procy rebuild`` the same reader sees the same reads with their times, so it tells the same story.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from procy.parse.dialogue import DialogueReader
from procy.parse.marks import DEFAULT, Marks
from procy.parse.shell import ShellReader
from procy.parse.signals import Signal, Splitter
from procy.parse.texts import TextHarvest
from procy.types import Evidence, Picture, Read, State, Turn

REST_NS = 120_000_000  # a program that has printed nothing for so long has finished what it was printing
IDLE_NS = 1_000_000_000  # and for so long, without a sign of work: it waits
LOOK_NS = 80_000_000  # how often a full-screen program is looked at while it draws
PAUSE_NS = 4_000_000  # what was drawn before such a pause is a whole picture
PIECE = 16 << 10  # fed at once: never more rows than the emulator keeps
FRAMES = " \xa0│┃▌╹△"
STATUS: dict[str, State] = {"idle": "idle", "done": "idle", "working": "busy", "blocked": "waiting", "error": "error"}
SHELLS = ("sh", "bash", "dash", "ash", "zsh", "fish", "ksh", "mksh", "tcsh", "csh", "nu", "xonsh", "elvish", "pwsh")
SCREENS = ("vi", "vim", "nvim", "nano", "emacs", "less", "more", "man", "top", "htop", "tmux", "git", "fzf", "ssh")


class Title(NamedTuple):
    """What a program wrote into the terminal's title, and when."""

    text: str
    at_ns: int


class TerminalReader:
    """Feed reads in order; ask for the screen, for turns and for evidence."""

    def __init__(self, picture: Picture) -> None:
        self.last_ns = 0
        self.offset = 0
        self.looked_ns = 0
        self.looked_at = -1  # the stream offset at which the dialogue was
        self.draws = False  # the program is within a synchronized update: its screen is not whole
        self.rested = 0  # 0: since the last read nothing, 1: at rest, 2: idle
        self.shell_waits: bool | None = None  # whether the pane's own program has the terminal, where that is known
        self.program = ""
        self.reads_turns = True
        self.has_box = False  # a program with a prompt box has the terminal
        self.paste_known = True  # whether the screen's mode 2004 is the program's: no picture of tmux tells it
        self.began_before = False  # the program was there when the picture was taken
        self.status: Evidence | None = None
        self.title = Title("", 0)
        self.shell = ShellReader()
        self.marks = DEFAULT  # of the program that has the terminal
        self.dialogue = DialogueReader(self.marks)
        self.texts = TextHarvest()
        self.passed = 0  # bytes since the texts were harvested last
        self.touched: list[Turn] = []
        self.reset(picture, 0)

    def lose(self, at_ns: int) -> None:
        """Bytes are missing here: nothing that was under way can be told to its end."""
        self.shell.interrupt(at_ns)
        self.end_dialogue(at_ns)
        self.shell.hidden = not self.reads_turns

    def reset(self, picture: Picture, at_ns: int) -> None:
        """Go on from a whole screen: at the beginning and after a gap. What was under way then is cut short."""
        from procy.parse.screen import Screen  # late: the emulator takes a sixth of a second to import

        self.lose(at_ns)
        self.screen = Screen(picture.columns, picture.rows)
        self.screen.feed(picture.escapes)
        self.dialogue.begin(self.screen)
        self.began_before = bool(picture.escapes)
        self.paste_known = not picture.escapes or b"\x1b[?2004" in picture.escapes
        self.splitter = Splitter()
        self.texts.look(self.screen, self.offset)
        self.rested = 0

    def foreground(
        self,
        shell_waits: bool | None,
        reads_turns: bool,
        program: str = "",
        since_ns: int | None = None,
        marks: Marks = DEFAULT,
    ) -> None:
        """Another program has the terminal: the pane's own (``shell_waits``), or one whose turns another source tells.

        ``since_ns``: it had not before then; a status told later is its own. ``marks``: by which its screen is read.
        """
        self.shell_waits, self.reads_turns, self.program = shell_waits, reads_turns, program
        if self.status and (since_ns is None or self.status.at_ns < since_ns):
            self.status = None
        if since_ns is None or self.title.at_ns < since_ns:
            self.title = Title("", 0)
        self.rested = 0  # what stands on the screen may be this program's prompt
        self.end_dialogue(self.last_ns, marks)
        if self.began_before:
            self.dialogue.begin(self.screen)
            self.began_before = False
        if reads_turns and shell_waits is False and not program:
            self.dialogue.begin(self.screen)
            return  # one program has gone, and who follows is not known yet
        if reads_turns:
            self.shell.show(self.screen, bool(shell_waits) or self.is_shell)
        else:
            self.shell.hide()

    @property
    def is_shell(self) -> bool:
        return self.program.removeprefix("-") in SHELLS

    def end_dialogue(self, at_ns: int, marks: Marks | None = None) -> None:
        """``marks``: of the program that comes, if it is another."""
        self.dialogue.interrupt(at_ns)
        self.touched += self.dialogue.changed()
        self.marks = marks or self.marks
        self.dialogue = DialogueReader(self.marks)
        self.has_box = False

    # -- the stream ---------------------------------------------------------------------------------------------------

    def feed(self, read: Read) -> None:
        self.rest(read.time_ns if read.time_ns >= self.last_ns else self.last_ns + IDLE_NS)  # the clock was set back
        if self.has_box and self.reads_turns and not self.draws and read.time_ns - self.last_ns > PAUSE_NS:
            self.glance(self.last_ns, self.offset)
        self.screen.resize(read.columns, read.rows)
        offset = read.offset - len(self.splitter.held)
        for piece, signal in self.splitter.feed(read.data):
            while piece:
                newline = piece.find(b"\n", 0, PIECE) + 1 if self.shell.plain else 0
                part, piece = piece[: newline or PIECE], piece[newline or PIECE :]
                self.screen.feed(part)
                offset += len(part)
                self.passed += len(part)
                if self.passed > PIECE:
                    self.texts.passing(self.screen, offset)
                    self.passed = 0
                self.shell.read(self.screen, read.time_ns, offset)
            if signal:
                self.on_signal(signal, read.time_ns, offset)
        self.last_ns, self.offset, self.rested = read.time_ns, read.end, 0

    def rest(self, now_ns: int) -> None:
        """It is now, and nothing has come since the last read; look at the screen when that is long enough."""
        quiet_ns = now_ns - self.last_ns
        if quiet_ns < -IDLE_NS:  # the clock was set back: how long it was quiet nobody can tell, here or in a rebuild
            quiet_ns = IDLE_NS
        if self.rested < 1 and quiet_ns >= REST_NS:
            self.rested, self.draws = 1, False
            self.screen.feed(self.splitter.rest())
            self.look(idle=False)
        if self.rested < 2 and quiet_ns >= IDLE_NS:
            self.rested = 2
            if self.has_box and not self.works():
                self.look(idle=True)

    def look(self, idle: bool) -> None:
        self.texts.look(self.screen, self.offset)
        if not self.reads_turns:
            return
        if not self.has_box and self.shows_box():
            self.has_box = True
            self.shell.hide()
        if self.has_box:
            if idle or self.looked_at != self.offset:
                self.looked_at = self.offset
                self.dialogue.rest(self.screen, self.last_ns, self.offset, idle)
        else:
            self.shell.rest(self.screen, self.last_ns, self.offset, self.shell_waits)

    def on_signal(self, signal: Signal, at_ns: int, offset: int) -> None:
        if signal.name == "7501":
            self.status = read_status(signal.value, at_ns)
        elif signal.name == "title":
            self.title = Title(signal.value, at_ns)
        elif signal.name == "133":
            self.shell.mark(self.screen, signal.value, at_ns, offset)
        elif signal.name == "2004":
            self.paste_known = True
            self.shell.line_editor(self.screen, signal.value == "h", at_ns, offset)
        elif signal.name == "2026":
            self.draws = signal.value == "h"
            if self.has_box and not self.draws:
                self.glance(at_ns, offset)

    def glance(self, at_ns: int, offset: int) -> None:
        """Look at a full-screen program while it draws, now and then."""
        if at_ns - self.looked_ns > LOOK_NS:
            self.looked_ns, self.looked_at = at_ns, offset
            self.dialogue.rest(self.screen, at_ns, offset, idle=False)

    # -- what the screen says -----------------------------------------------------------------------------------------

    def shows(self, openings: tuple[str, ...]) -> bool:
        """Whether a row of the screen begins with one of them."""
        return any(row.lstrip().startswith(openings) for row in self.screen.lines())

    def shows_box(self) -> bool:
        """Whether a program waits in a box of its own: it reads lines, and something stands below the cursor."""
        if (self.shell_waits and (self.is_shell or not self.program)) or self.program in SCREENS:
            return False
        lines, row = self.screen.lines(), self.screen.cursor[1]
        if not self.paste_known:
            return self.dialogue.is_box(lines, row)
        return self.screen.mode(2004) and (self.screen.alternate or any(line.strip() for line in lines[row + 1 :]))

    @property
    def reads_lines(self) -> bool:
        """Whether the program takes a line from the user, as far as its terminal shows."""
        return self.screen.mode(2004) or (not self.paste_known and self.has_box)

    def works(self) -> bool:
        """Whether the screen says that the program can be interrupted."""
        if self.has_box:
            return self.dialogue.works
        return any(mark.lower() in line.lower() for line in self.screen.lines()[-14:] for mark in self.marks.busy)

    def asks(self) -> bool:
        """Whether the program asks for leave, where its profile knows by what words."""
        questions = self.marks.questions
        return bool(questions) and any(row.lstrip(FRAMES).startswith(questions) for row in self.screen.lines())

    def changed(self) -> Sequence[Turn]:
        turns = [*self.touched, *self.shell.changed(), *self.dialogue.changed()]
        self.touched = []
        return turns


def titled_state(title: Title, marks: Sequence[tuple[str, State]]) -> Evidence | None:
    """What a title says by how it begins; None where it says nothing."""
    state = next((state for mark, state in marks if title.text.startswith(mark)), None)
    return Evidence(state, "permission" if state == "waiting" else "", title.at_ns) if state else None


def read_status(value: str, at_ns: int) -> Evidence | None:
    """``state=blocked:app=codex:kind=permission``; None for ``clear`` and what is not known."""
    fields = dict(part.partition("=")[::2] for part in value.split(":"))
    state = STATUS.get(fields.get("state", ""))
    return Evidence(state, fields.get("kind", ""), at_ns) if state else None
