"""Turns of a line-by-line program on the main screen: a shell, a REPL, anything that prompts, reads a line and prints.

Where a command begins and ends is told, best first, by OSC 133 marks, by the line editor switching bracketed paste on and
off (readline, zsh, fish, prompt_toolkit), or, when there is neither, by a prompt seen at rest. A prompt is learned where the
cursor rests behind it; output that happens to end like a prompt is not one while another program has the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from procy.parse.turns import Draft
from procy.parse.width import display_width
from procy.parse.wrap import prose
from procy.types import Turn

if TYPE_CHECKING:
    from procy.parse.screen import Anchor, Screen

PROMPT = re.compile(r"^(?=.*\S)(?P<lead>.{0,200}?)(?P<glyph>[$#%>❯›»λ➜]|\.\.\.|\w>)[ \xa0]$")
CONTINUATION = re.compile(  # the prompt of a line that goes on: sh, Python, zsh, SQLite, psql
    r"^(?:\s*\.{3}>?|>|\w*[-'\"(]>"
    r"|(?:[dbc]?quote|cmdand|cmdor|pipe|heredocd?|for|while|if|then|else|cursh|subsh|function)>) (?=.|$)"
)
PASTE_OFF = b"\x1b[?2004l"
HARVEST_ROWS = 1000
RESPONSE_LIMIT = 1 << 20  # characters; of a longer output the beginning and the end are kept


class Output:
    """What a command prints, taken off the screen as it scrolls away so that its length costs no memory."""

    def __init__(self, screen: Screen, after: int) -> None:
        self.last_input = screen.anchor(after)
        self.next: Anchor | None = None
        self.head: list[str] = []
        self.tail: list[str] = []
        self.head_size = self.tail_size = self.dropped = 0

    def start(self, screen: Screen) -> int:
        """The absolute row at which what is not yet taken begins; 0 when its row is gone."""
        if self.next:
            return self.next.row or 0
        row = self.last_input.row
        return 0 if row is None else row + 1

    def harvest(self, screen: Screen) -> None:
        """Take whole lines that have left the visible screen."""
        start, end = self.start(screen), screen.history_rows
        if screen.alternate or end - start < HARVEST_ROWS:
            return
        end = screen.line_start(end, start)
        if end > start:
            self.add(screen.text(start, end), goes_on=screen.wraps(end - 1))
            self.next = screen.anchor(end)

    def add(self, text: str, goes_on: bool = False) -> None:
        """Take lines, of which the last may go on in those that come next."""
        text += "" if goes_on else "\n"
        if not self.tail and self.head_size + len(text) < RESPONSE_LIMIT // 2:
            self.head.append(text)
            self.head_size += len(text)
            return
        self.tail.append(text)
        self.tail_size += len(text)
        while self.tail_size - len(self.tail[0]) > RESPONSE_LIMIT // 2:
            self.dropped += len(self.tail[0])
            self.tail_size -= len(self.tail.pop(0))

    def text(self, screen: Screen, end: int, last: str = "") -> str:
        """Everything up to absolute row ``end`` (excluded), and ``last`` behind it."""
        start = self.start(screen)
        if end > start:
            self.add(screen.text(start, end))
        if last:
            self.add(last)
        head, tail = "".join(self.head), "".join(self.tail)
        if self.dropped:
            head = head.removesuffix("\n") + f"\n[… {self.dropped} characters are in the recording only …]\n"
        return (head + tail).rstrip()


class ShellReader:
    """Folds what happens on the main screen into turns. Told of marks, reads and rests by ``TerminalReader``.

    While it is ``hidden`` another program's turns are told elsewhere; only where a prompt begins is followed then, so that
    the shell's is known when the shell has the terminal again, which is noticed later than the prompt is printed.
    """

    def __init__(self) -> None:
        self.hidden = False
        self.doubtful = False  # the prompt that stands began while hidden
        self.marks = False  # OSC 133 was seen: nothing else decides
        self.edits = False  # bracketed paste was switched: the line editor decides
        self.waiting = False
        self.prompt = ""  # the last line of the prompt, up to the input
        self.tall = False  # the prompt has more lines
        self.glyph = ""  # what the prompt ends with
        self.prompt_row: Anchor | None = None
        self.prompt_at = (0, 0)  # when it began, and at which stream offset
        self.draft: Draft | None = None
        self.output: Output | None = None
        self.silent: Draft | None = None  # has just ended without output: a shell may be asking for its next line
        self.lines: list[str] = []  # of the last command
        self.touched: dict[str, Draft] = {}

    def changed(self) -> Sequence[Turn]:
        turns = [draft.freeze() for draft in self.touched.values()]
        self.touched.clear()
        return turns

    # -- marks --------------------------------------------------------------------------------------------------------

    def mark(self, screen: Screen, value: str, at_ns: int, offset: int) -> None:
        """OSC 133."""
        self.marks = True
        kind, _, rest = value.partition(";")
        if kind == "A" and "k=s" not in rest.split(";"):  # that one is for a line that goes on
            self.prompt_begins(screen, at_ns, offset)
        elif kind == "B":
            self.prompt = left_of_cursor(screen)
            self.prompt_row = screen.anchor(screen.cursor_row)
        elif kind == "C":
            self.command_runs(screen, at_ns, offset)
        elif kind == "D" and self.draft and rest.split(";")[0] not in ("", "0"):
            self.draft.error = f"exit status {rest.split(';')[0]}"

    def line_editor(self, screen: Screen, on: bool, at_ns: int, offset: int) -> None:
        """Bracketed paste was switched."""
        if self.marks or screen.alternate:
            return
        self.edits = True
        if on:
            self.prompt_begins(screen, at_ns, offset)
        elif offset - self.prompt_at[1] == len(PASTE_OFF) and screen.cursor[0] == 0:
            self.waiting = False  # bash does so after Ctrl-C: nothing was prompted, nothing is run
        else:
            self.command_runs(screen, at_ns, offset)

    # -- the cycle ----------------------------------------------------------------------------------------------------

    def prompt_begins(self, screen: Screen, at_ns: int, offset: int) -> None:
        if not self.hidden:
            left = left_of_cursor(screen)
            drawn = bool(left) and (left == self.prompt or PROMPT.match(left) is not None)
            self.finish(screen, at_ns, offset, screen.cursor_row, "" if drawn else left)
        self.waiting, self.doubtful = True, self.hidden
        self.prompt_row, self.prompt_at = screen.anchor(screen.cursor_row), (at_ns, offset)

    def finish(self, screen: Screen, at_ns: int, offset: int, end: int, last: str) -> None:
        """The command's output ends before absolute row ``end``, or with ``last`` in it."""
        draft, output = self.draft, self.output
        self.draft = self.output = None
        if draft is None:
            return
        error = draft.error
        text = output.text(screen, end, last) if output else ""
        draft.texts = ["\n".join(prose(text.split("\n"), screen.size[0]))] if text else []
        draft.end("done", at_ns, error)
        draft.terminal_to = offset
        self.touched[draft.key] = draft
        self.silent = None if draft.texts else draft

    def interrupt(self, at_ns: int) -> None:
        """The recording has a gap here: the screen is another one, and how the command went on is not known."""
        if self.draft:
            self.draft.end("interrupted", at_ns)
            self.touched[self.draft.key] = self.draft
        self.draft = self.output = self.silent = self.prompt_row = None
        self.waiting = self.marks = self.edits = False  # what the shell had said before is to be learned anew

    def hide(self) -> None:
        """What the command shows from now on is not its output: a program with a life of its own has the terminal."""
        self.hidden = True
        self.output = None
        self.waiting = False

    def show(self, screen: Screen, is_shell: bool) -> None:
        """Another program has the terminal, or, if it ``is_shell``, the one whose prompt may stand already."""
        if not self.hidden:
            return
        self.hidden = False
        self.waiting = self.waiting and is_shell
        if self.waiting:
            self.finish(screen, *self.prompt_at, end=0, last="")
            self.silent = None

    def command_runs(self, screen: Screen, at_ns: int, offset: int) -> None:
        if not self.waiting or self.prompt_row is None:
            return
        self.waiting = False
        if self.hidden:
            return
        last = screen.cursor_row - (screen.cursor[0] == 0 and screen.cursor_row > 0)
        first = self.input_row(screen, last)
        before, self.silent = self.silent, None
        goes_on = before is not None and self.goes_on(screen, first)
        command = self.typed(screen, first, last, goes_on)
        if command.endswith("^C"):
            self.give_up(before if goes_on else None, command[:-2], at_ns, offset)
            return
        if before and goes_on:
            self.lines.append(command)
            self.draft = before
            self.draft.prompt = "\n".join(self.lines).rstrip()
            self.draft.reopen()
        elif command := command.strip():
            self.draft = Draft(
                key=f"screen:{offset}", prompt=command, started_ns=at_ns, agent_session_id=None, source="screen",
                terminal_from=offset,
            )  # fmt: skip
            self.lines = [command]
        if self.draft:
            self.output = Output(screen, last)
            self.touched[self.draft.key] = self.draft

    def give_up(self, draft: Draft | None, command: str, at_ns: int, offset: int) -> None:
        """Ctrl-C instead of Enter: nothing runs, and a command of which lines were taken already is not to be."""
        if draft:
            draft.prompt = "\n".join([*self.lines, command]).rstrip()
            draft.end("interrupted", at_ns)
            draft.terminal_to = offset
            self.touched[draft.key] = draft

    # -- what was typed -----------------------------------------------------------------------------------------------

    def input_row(self, screen: Screen, last: int) -> int:
        """Where the input begins that ends in absolute row ``last``: the row of the prompt, or of its last line.

        Searched upward to where the prompt began, or, when the screen was erased, which moves it, to the screen's top.
        """
        lead, began = self.prompt.rstrip(), self.prompt_row.row if self.prompt_row else None
        erased = began is None or began > last
        least = screen.history_rows if erased or began is None else began
        for row in range(last, least - 1, -1):
            if lead and screen.rows(row, row + 1)[0].startswith(lead):
                return self.first_alike(screen, row, least) if self.edits and not erased else row
        return last if erased else least

    def first_alike(self, screen: Screen, row: int, least: int) -> int:
        """The first row of an input every line of which stands behind the prompt: all of them do, up to where it began."""
        lead = self.prompt.rstrip()
        alike = all(text.startswith(lead) for text in screen.rows(least, row))
        return least if alike else row

    def goes_on(self, screen: Screen, first: int) -> bool:
        """Whether the prompt in absolute row ``first`` asks for more of the command before: it is no primary one."""
        began = self.prompt_row.row if self.prompt_row else None
        alike = CONTINUATION.match(self.prompt) and not self.tall
        return first == began and not alike and CONTINUATION.match(f"{screen.rows(first, first + 1)[0]} ") is not None

    def typed(self, screen: Screen, first: int, last: int, goes_on: bool) -> str:
        """The input in absolute rows ``first`` to ``last``, without prompts."""
        lead = self.prompt.rstrip()
        head, *rest = screen.text(first, last + 1).split("\n")
        if goes_on:
            head = CONTINUATION.sub("", f"{head} ")
        elif lead and head.startswith(lead):
            head = head[len(self.prompt) :]
        elif lead and self.doubtful:  # the row is not the shell's
            return ""
        else:
            head = strip_prompt(head)
        return self.joined([head, *rest], screen.size[0] - len(self.prompt)).rstrip()

    def joined(self, lines: Sequence[str], room: int) -> str:
        """The lines of an input without the prompts before them; one that fills its row goes on in the next one."""
        lead, whole = self.prompt.rstrip(), lines[0]
        last = whole
        for line in lines[1:]:
            is_alike = bool(lead) and self.edits and (line == lead or line.startswith(self.prompt))
            text = line[len(self.prompt) :] if is_alike else CONTINUATION.sub("", line)
            whole += text if is_alike and display_width(last) >= room else f"\n{text}"
            last = text
        return whole

    # -- reads and rests --------------------------------------------------------------------------------------------------

    @property
    def plain(self) -> bool:
        """Whether the next newline on the screen submits a line: nothing but the screen tells."""
        return self.waiting and not (self.marks or self.edits or self.hidden)

    def read(self, screen: Screen, at_ns: int, offset: int) -> None:
        """After every piece of the stream."""
        if self.output:
            self.output.harvest(screen)
        if self.plain and self.prompt_row and not screen.alternate and (row := self.prompt_row.row) is not None:
            while row < screen.cursor_row and screen.wraps(row):
                row += 1
            if row < screen.cursor_row:
                self.command_runs(screen, at_ns, offset)

    def rest(self, screen: Screen, at_ns: int, offset: int, shell_waits: bool | None) -> None:
        """Nothing came for a moment. ``shell_waits``: whether the pane's own program has the terminal, if that is known."""
        if screen.alternate or self.marks or self.hidden:
            return
        left = left_of_cursor(screen)
        if self.edits:
            if self.waiting and left and not right_of_cursor(screen) and (PROMPT.match(left) or not self.prompt):
                began = self.prompt_row.row if self.prompt_row else None
                self.learn(left, tall=began is not None and began < screen.cursor_row)
                self.follow(screen)
            return
        if shell_waits is False or not PROMPT.match(left) or right_of_cursor(screen):
            return
        if self.draft and not CONTINUATION.match(left) and left.rstrip()[-1] != self.glyph:
            return
        self.glyph = self.glyph if CONTINUATION.match(left) else left.rstrip()[-1]
        if not self.waiting or left != self.prompt:
            unfinished = left.removesuffix(self.prompt) if self.prompt and left != self.prompt else ""
            self.finish(screen, at_ns, offset, screen.cursor_row, unfinished if unfinished != left else "")
            self.learn(left)
            self.waiting = True
            self.prompt_row = screen.anchor(screen.cursor_row)
        self.follow(screen)

    def follow(self, screen: Screen) -> None:
        """The prompt is drawn anew on an erased screen."""
        began = self.prompt_row.row if self.prompt_row else None
        if began is None or began > screen.cursor_row:
            self.prompt_row = screen.anchor(screen.cursor_row)

    def learn(self, prompt: str, tall: bool = False) -> None:
        """A prompt as seen at rest; not one that asks for more of the command before."""
        if tall or not (self.silent and self.prompt and CONTINUATION.match(prompt)):
            self.prompt, self.tall = prompt, tall


def left_of_cursor(screen: Screen) -> str:
    """The cursor's row up to the cursor, with the blanks that a row's text leaves out."""
    column, row = screen.cursor[0], screen.cursor_row
    return screen.cells(row, column)


def right_of_cursor(screen: Screen) -> str:
    row = screen.rows(screen.cursor_row, screen.cursor_row + 1)[0]
    return row[len(left_of_cursor(screen)) :].strip()


def strip_prompt(line: str) -> str:
    """The line behind the first thing in it that ends like a prompt."""
    match = re.match(r"^.{0,120}?[$#%>❯›»λ➜][ \xa0]", line)
    return line[match.end() :] if match else line
