"""Turns of a full-screen program with a prompt box: an agent of which nothing is known but its screen.

Such programs repeat a sent prompt above its answer, led by a glyph, and keep a box for the next one at the bottom. The
answer is what stands between, without bullets, rules, spinners and status lines. Told at every rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from procy.parse.stitch import Stitcher
from procy.parse.turns import Draft
from procy.types import Turn

if TYPE_CHECKING:
    from procy.parse.screen import Screen

SENT = re.compile(r"^[│┃▌ ]{0,2}(?P<glyph>[>❯›»])[ \xa0](?P<text>\S.*)$")
BOX = re.compile(r"^[│┃▌ ]{0,2}[>❯›»](?:[ \xa0]|$)")
CHOICE = re.compile(r"^[│┃▌ ]{0,2}[>❯›»][ \xa0](?:\d+\. |/\w+\s{2,}\S)")  # a line of a menu
RULE = re.compile(r"^[─━═╭╮╰╯┌┐└┘│ ]*[─━═]{8,}.*$")
BULLET = re.compile(r"^(?:[●•⏺✦◦⬤] ?|  )")
NOISE = re.compile(
    r"^\s{30,}\S.*$"
    r"|^\s*(?:[✢✳✶✻✽∗·*⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏◐◑◒◓] .*(?:\d+s|…).*|Worked for .*|⎿ +Tip: .*"
    r"|.*\b(?:esc|ctrl\+c) to (?:interrupt|cancel)\b.*)$",
    re.IGNORECASE,
)


class Piece(NamedTuple):
    """A prompt as it stands on the screen, and the lines of its answer so far."""

    prompt: str
    answer: list[str]


class DialogueReader:
    """Folds screens at rest into turns."""

    def __init__(self) -> None:
        self.stitcher = Stitcher()
        self.before: list[str] = []  # settled lines of the current turn and what comes after
        self.told: list[str] = []  # prompts in ``before`` and the window that are turns already
        self.draft: Draft | None = None
        self.touched: dict[str, Draft] = {}

    def begin(self, screen: Screen) -> None:
        """The screen from which on the program is followed. What was asked on it was asked before."""
        self.stitcher.take(screen)
        self.told = [piece.prompt for piece in read_pieces(above_box(self.stitcher.window, screen.cursor[1]))]
        self.stitcher.settled = []

    def changed(self) -> Sequence[Turn]:
        turns = [draft.freeze() for draft in self.touched.values()]
        self.touched.clear()
        return turns

    def rest(self, screen: Screen, at_ns: int, offset: int, idle: bool) -> None:
        """Look at the screen; ``idle``: the program waits for a prompt."""
        if not self.stitcher.take(screen):
            self.finish(at_ns, offset)
            self.before, self.told, self.draft = [], [], None
        self.before += self.stitcher.settled
        self.stitcher.settled = []
        lines = self.before + without_header(above_box(self.stitcher.window, screen.cursor[1]), self.before)
        pieces = read_pieces(lines)
        for place, piece in enumerate(pieces[self.new_from(pieces) :]):
            self.finish(at_ns, offset)
            self.draft = Draft(
                key=f"screen:{offset}:{place}", prompt=piece.prompt, started_ns=at_ns + place, agent_session_id=None,
                source="screen", terminal_from=offset,
            )  # fmt: skip
        prompts = [piece.prompt for piece in pieces]
        if prompts != self.told[: len(prompts)]:  # else the last ones are only hidden for now
            self.told = prompts
        if self.draft and pieces and pieces[-1].prompt == self.draft.prompt:
            self.fill(self.draft, pieces[-1])
            if idle:
                self.finish(at_ns, offset)
        self.forget()

    def new_from(self, pieces: list[Piece]) -> int:
        """Where the pieces begin that are not told yet: behind the one told last that can be seen, wherever that stands now."""
        count = len(self.told)
        if not count or (count <= len(pieces) and pieces[count - 1].prompt == self.told[-1]):
            return count
        prompts = [piece.prompt for piece in reversed(pieces)]
        return next((len(prompts) - prompts.index(told) for told in reversed(self.told) if told in prompts), 0)

    def fill(self, draft: Draft, piece: Piece) -> None:
        text = answer_text(piece.answer)
        if [text] != draft.texts or draft.key not in self.touched:
            draft.texts = [text] if text else []
            self.touched[draft.key] = draft

    def finish(self, at_ns: int, offset: int) -> None:
        if self.draft and self.draft.status == "open":
            self.draft.end("done", at_ns)
            self.draft.terminal_to = offset
            self.touched[self.draft.key] = self.draft

    def interrupt(self, at_ns: int) -> None:
        """The recording has a gap here."""
        if self.draft and self.draft.status == "open":
            self.draft.end("interrupted", at_ns)
            self.touched[self.draft.key] = self.draft

    def forget(self) -> None:
        """Drop settled lines in front of the last prompt that has settled."""
        starts = [place for place, line in enumerate(self.before) if is_sent(line)]
        if len(starts) > 1:
            self.before = self.before[starts[-1] :]
            self.told = self.told[len(starts) - 1 :]


def is_sent(line: str) -> bool:
    return SENT.match(line) is not None and CHOICE.match(line) is None


def above_box(window: list[str], cursor_row: int) -> list[str]:
    """The part of a screen above the box for the next prompt: above the rule, or the glyph, next to the cursor."""
    for row in range(min(cursor_row, len(window) - 1), -1, -1):
        if BOX.match(window[row]) and not CHOICE.match(window[row]):
            while row > 0 and (RULE.match(window[row - 1]) or not window[row - 1].strip()):
                row -= 1
            return window[:row]
        if cursor_row - row > 12:
            break
    return window


def is_box(lines: list[str], row: int) -> bool:
    """Whether the cursor, in that row, is in a prompt box: behind its glyph, between rules, or with blank rows around."""
    if not BOX.match(lines[row]) or CHOICE.match(lines[row]):
        return False
    above, below = lines[max(row - 1, 0)], lines[row + 1] if row + 1 < len(lines) else ""
    ruled = RULE.match(above) is not None and any(RULE.match(line) for line in lines[row + 1 : row + 12])
    return ruled or (row > 0 and not above.strip() and not below.strip() and any(line.strip() for line in lines[row + 1 :]))


def without_header(window: list[str], before: list[str]) -> list[str]:
    """A screen without the repetition of the current prompt that some programs keep at its top."""
    sent = [line for line in before if is_sent(line)]
    return window[1:] if sent and window and window[0] == sent[-1] else window


def read_pieces(lines: list[str]) -> list[Piece]:
    """Prompts and answers in order; lines before the first prompt belong to none."""
    pieces: list[Piece] = []
    in_prompt = False
    for line in lines:
        if is_sent(line):
            match = SENT.match(line)
            pieces.append(Piece(match["text"].rstrip() if match else "", []))
            in_prompt = True
        elif pieces and in_prompt and line.startswith("  ") and line.strip() and not line.lstrip().startswith("⎿"):
            pieces[-1] = Piece(f"{pieces[-1].prompt}\n{line[2:].rstrip()}", [])
        elif pieces:
            in_prompt = False
            pieces[-1].answer.append(line)
    return pieces


def answer_text(lines: list[str]) -> str:
    """An answer without what the program draws around it."""
    kept = [BULLET.sub("", line, count=1).rstrip() for line in lines if not NOISE.match(line) and not RULE.match(line)]
    return "\n".join(kept).strip("\n")
