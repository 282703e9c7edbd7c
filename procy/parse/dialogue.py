"""Turns of a full-screen program with a prompt box: an agent of which nothing is known but its screen.

Such programs repeat a sent prompt above its answer, led by a glyph, and keep a box for the next one at the bottom. What
stands above the box is put together to one conversation, and that is read anew at every look: a turn is told from the look
on that shows its prompt, and has ended when the program says no longer that it works, and nothing more comes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from procy.parse import bars
from procy.parse.blocks import RULE, BlockReader, Piece
from procy.parse.conversation import Conversation
from procy.parse.marks import DEFAULT, Marks
from procy.parse.rows import Row, outdented, read_rows, without_bar
from procy.parse.turns import Draft
from procy.types import ToolCall, Turn, TurnStatus

if TYPE_CHECKING:
    from procy.parse.screen import Anchor, Screen

SIGN = re.compile(r"^ {0,2}[^\w\s][ \xa0]")
MARGIN = 2
LABEL_ROWS = 4  # between a box and the rule above it
HISTORY = 500  # prompts
ROWS_KEPT = 2000  # of turns that are over
BUSY_ROWS = 14  # at the bottom of the screen, where a program says that it works
BOX_ROWS = 12  # the cursor is at most so far below the box's first row
SETTLED_NS = 1_000_000_000  # an answer that has not changed for so long, with no sign of work, is whole


class DialogueReader:
    """Folds looks at a screen into turns."""

    def __init__(self, marks: Marks = DEFAULT) -> None:
        self.marks = marks
        self.box = re.compile(rf"^[│┃▌ ]{{0,2}}[{re.escape(marks.prompts)}](?:[ \xa0]|$)")
        self.further_in = re.compile(rf"^ {{{MARGIN}}}[{re.escape(marks.prompts)}] \S")
        self.choice = BlockReader(marks, 80).choice
        self.conversation = Conversation()
        self.works = self.has_worked = False  # the screen says that it can be interrupted; did since the prompt
        self.blocks: BlockReader | None = None
        self.settled = 0  # rows of turns that are read no more
        self.known: dict[str, Row] = {}  # rows of the last look whose style need not be read again
        self.top: Anchor | None = None
        self.of: Screen | None = None  # the screen that the anchor holds
        self.alternate = False
        self.size = (0, 0)  # of the window at the last look
        self.column = 0  # of the composer's glyph
        self.box_at: int | None = None  # the row of a composer with a bar
        self.inset: int | None = None  # columns that are free on the left of the conversation; None while nothing tells
        self.told: list[str] = []  # prompts of the conversation that are turns already, or were there before
        self.history: list[str] = []  # of all that were told, without blanks
        self.draft: Draft | None = None
        self.ending: tuple[TurnStatus, str] = ("done", "")
        self.read_by: BlockReader | None = None  # who read the answer: of the window's width then
        self.latest: Piece | None = None  # of the draft, not yet read for its answer
        self.changed_ns = 0  # when the conversation changed last
        self.says = ("", "")  # the last prompt and what stood behind it then
        self.touched: dict[str, Draft] = {}

    def begin(self, screen: Screen) -> None:
        """The screen from which on the program is followed. What was asked on it was asked before."""
        self.take(screen)
        self.told = [piece.prompt for piece in self.pieces(screen)]

    def changed(self) -> Sequence[Turn]:
        if self.latest and self.draft:
            self.fill(self.draft, self.latest)
        turns = [draft.freeze() for draft in self.touched.values()]
        self.touched.clear()
        return turns

    def rest(self, screen: Screen, at_ns: int, offset: int, idle: bool) -> None:
        """Look at the screen; ``idle``: the program waits for a prompt."""
        if self.take(screen):
            self.settled = min(self.settled, self.conversation.place)
            self.read(screen, at_ns, offset)
        settled = self.has_worked and not self.works and at_ns - self.changed_ns >= SETTLED_NS
        if idle or settled:
            self.finish(self.changed_ns, offset)

    def is_box(self, lines: list[str], row: int) -> bool:
        """Whether the cursor, in that row, is in a prompt box: behind its glyph, between rules, or with blank rows around."""
        if not self.box.match(lines[row]) or self.choice.match(lines[row]):
            return False
        above, below = lines[max(row - 1, 0)], lines[row + 1] if row + 1 < len(lines) else ""
        ruled = RULE.match(above) is not None and any(RULE.match(line) for line in lines[row + 1 : row + 12])
        return ruled or (row > 0 and not above.strip() and not below.strip() and any(line.strip() for line in lines[row + 1 :]))

    # -- the conversation ---------------------------------------------------------------------------------------------

    def take(self, screen: Screen) -> bool:
        """Add what is above the box now; False when nothing has changed."""
        top = screen.history_rows
        start = self.top.row if self.top and self.of is screen and not screen.alternate else None
        start = top if start is None or self.alternate != screen.alternate else min(start, top)
        is_anchored = bool(self.top and self.of is screen and not screen.alternate and self.top.row == start)
        rows = without_bar(read_rows(screen, start, top + screen.size[1], self.known), screen.size[0])
        if screen.alternate and screen.size != self.size:  # it is laid out anew, and may show more of what was before
            self.conversation.top = 0
        self.alternate, self.size = screen.alternate, screen.size
        if not screen.alternate:
            self.top, self.of = screen.anchor(top), screen
        above = self.above_bar(screen, start, rows) or self.above_box(rows, top - start + screen.cursor[1])
        reader = self.reader(screen)
        below = rows[len(above) :] if self.box_at is None else rows[self.box_at :]
        self.works = any(map(reader.says_busy, below)) or any(map(reader.is_busy, above[-BUSY_ROWS:]))
        self.has_worked = self.has_worked or self.works
        self.known = {row.text: row for row in above if row.text and row == Row(row.text) and not self.box.match(row.text)}
        if self.inset is None:
            self.inset = next((inset for row in above if (inset := self.inset_of(row)) is not None), None)
        return self.conversation.take(above, top - start, is_anchored)

    def above_bar(self, screen: Screen, start: int, rows: list[Row]) -> list[Row]:
        """The rows above a composer with a bar, without theirs; none where it has none."""
        self.box_at = bars.composer_row(rows)
        if self.box_at is None:
            return []
        self.column, self.inset, self.conversation.moves_whole = 0, bars.DEEP, True
        return bars.without_bars(rows[: self.box_at], lambda row, column: screen.shade(start + row, column).ground)

    def above_box(self, rows: list[Row], cursor_row: int) -> list[Row]:
        """The rows above the box for the next prompt: above the rule, or the glyph, next to the cursor."""
        row = self.box_row(rows, min(cursor_row, len(rows) - 1))
        if row is None:
            return rows
        self.column = len(rows[row].text) - len(rows[row].text.lstrip("│┃▌ "))
        widest = max(len(one.text) for one in rows)
        for above in range(row - 1, max(row - 1 - LABEL_ROWS, -1), -1):  # what stands between a rule over the whole width and it
            if RULE.match(rows[above].text) and len(rows[above].text) >= widest:
                row = above
        while row > 0 and (RULE.match(rows[row - 1].text) or not rows[row - 1].text.strip()):
            row -= 1
        if row and rows[row - 1].muted and rows[row - 1].indent > 1:  # a hint that belongs to the box
            row -= 1
        return rows[:row]

    def box_row(self, rows: Sequence[Row], cursor_row: int) -> int | None:
        """The first row of the box that has the cursor: on a ground of its own, or it begins with a glyph for prompts."""
        first = cursor_row
        while first > 0 and rows[first].ground and rows[first - 1].ground == rows[first].ground:
            first -= 1
        if rows[first].ground and SIGN.match(rows[first].text):
            return first
        ruled = next((row for row in range(cursor_row, max(cursor_row - BOX_ROWS, 0), -1) if self.is_ruled(rows, row)), None)
        if ruled is not None and SIGN.match(rows[ruled].text):
            return ruled
        for row in range(cursor_row, max(cursor_row - BOX_ROWS, 0) - 1, -1):
            if self.box.match(rows[row].text) and not self.choice.match(rows[row].text):
                return row
        return None

    def is_ruled(self, rows: Sequence[Row], row: int) -> bool:
        """Whether there is a rule above the row, and one below it."""
        below = rows[row + 1 : row + 1 + BOX_ROWS]
        return row > 0 and RULE.match(rows[row - 1].text) is not None and any(RULE.match(one.text) for one in below)

    def inset_of(self, row: Row) -> int | None:
        """How many columns the program leaves free before its conversation, by a row that begins a part of it: a prompt in the
        composer's column, or further in and of one colour with its glyph."""
        if self.box.match(row.text) and row.indent == self.column:
            return 0
        return MARGIN if row.tint and self.further_in.match(row.text) else None

    def reader(self, screen: Screen) -> BlockReader:
        columns = screen.size[0] - (self.inset or 0)
        if self.blocks is None or self.blocks.columns != columns:
            self.blocks = BlockReader(self.marks, columns, parts_words=self.box_at is not None)
        return self.blocks

    def pieces(self, screen: Screen) -> list[Piece]:
        inset = self.inset if self.inset and self.box_at is None else 0
        rows = [outdented(row, inset) for row in self.conversation.rows[self.settled :]]
        return self.reader(screen).pieces(rows, self.column)

    # -- turns --------------------------------------------------------------------------------------------------------

    def read(self, screen: Screen, at_ns: int, offset: int) -> None:
        pieces = [piece for piece in self.pieces(screen) if not piece.waits]
        before_ns = self.changed_ns or at_ns
        if (says := self.words_of(pieces)) != self.says:  # else it was only drawn anew
            self.changed_ns, self.says = at_ns, says
        self.lengthen(pieces)
        first = self.new_from(pieces)
        if 0 < first < len(pieces) and self.draft and self.draft.status == "open":
            self.follow(pieces[first - 1])
        for place, piece in enumerate(pieces[first:]):
            self.finish(before_ns, offset)
            self.has_worked = self.works
            self.draft = Draft(
                key=f"screen:{offset}:{place}", prompt=piece.prompt, started_ns=at_ns + place, agent_session_id=None,
                source="screen", terminal_from=offset,
            )  # fmt: skip
            self.told.append(piece.prompt)
            self.history = [*self.history[1 - HISTORY :], squeezed(piece.prompt)]
            self.latest = piece
        if pieces:
            self.follow(pieces[-1])
        self.forget(pieces)

    def words_of(self, pieces: list[Piece]) -> tuple[str, str]:
        """What is said last, whatever else is on the screen."""
        if not pieces:
            return "", squeezed("".join(row.text for row in self.conversation.window))
        return pieces[-1].prompt, squeezed("".join(row.text for row in pieces[-1].answer))

    def lengthen(self, pieces: list[Piece]) -> None:
        """A long prompt is drawn little by little: the one told last may have been its beginning."""
        draft = self.draft
        if not pieces or draft is None or draft.status != "open" or draft.texts or draft.calls:
            return
        whole, begun = squeezed(pieces[-1].prompt), squeezed(draft.prompt)
        if whole != begun and whole.startswith(begun) and begun not in [squeezed(piece.prompt) for piece in pieces[:-1]]:
            draft.prompt = self.told[-1] = pieces[-1].prompt
            self.history[-1] = whole
            self.touched[draft.key] = draft

    def follow(self, piece: Piece) -> None:
        """The turn's answer as it stands now; not what is made of it when the window gets another width later."""
        if self.draft is None or squeezed(piece.prompt) != squeezed(self.draft.prompt):
            return
        if self.draft.status != "open" and self.works:
            self.draft.reopen()
        if self.draft.status == "open" or self.blocks is self.read_by:
            self.latest = piece

    def new_from(self, pieces: list[Piece]) -> int:
        """Where the pieces begin that are not told yet: behind the one told last that can be seen."""
        seen, told = [squeezed(piece.prompt) for piece in pieces], [squeezed(prompt) for prompt in self.told]
        if seen[: len(told)] == told:
            return len(told)
        if runs_in(seen, self.history):  # the beginning of the conversation, drawn anew
            return len(seen)
        for back in range(len(told)):
            last = len(told) - 1 - back
            if told[last] in seen:
                return len(seen) - seen[::-1].index(told[last])
        return 0

    def fill(self, draft: Draft, piece: Piece) -> None:
        if self.blocks is None:
            return
        answer = self.blocks.answer(piece.answer)
        calls = {
            key: ToolCall(
                key=key, name=tool.name, input=tool.input, result=tool.result or None,
                status="error" if tool.failed else "unknown", response_at=tool.said_before,
            )
            for key, tool in ((f"{draft.key}:{place}", tool) for place, tool in enumerate(answer.tools))
        }  # fmt: skip
        texts = [answer.text] if answer.text else []
        if (texts, calls) != (draft.texts, draft.calls) or draft.status == "open":
            draft.texts, draft.calls = texts, calls
            self.touched[draft.key] = draft
        self.ending = (answer.status, answer.error)
        self.read_by, self.latest = self.blocks, None

    def finish(self, at_ns: int, offset: int) -> None:
        if self.draft and self.latest:
            self.fill(self.draft, self.latest)
        if self.draft and self.draft.status == "open":
            status, error = self.ending
            self.draft.end(status, max(min(at_ns, self.changed_ns or at_ns), self.draft.started_ns), error or None)
            self.draft.terminal_to = offset
            self.touched[self.draft.key] = self.draft

    def interrupt(self, at_ns: int) -> None:
        """The recording has a gap here."""
        if self.draft and self.draft.status == "open":
            self.draft.end("interrupted", at_ns)
            self.touched[self.draft.key] = self.draft

    def forget(self, pieces: list[Piece]) -> None:
        """The turns before the last but one are read no more; their rows stay a while, for who scrolls back to them."""
        if len(pieces) > 2:
            self.settled += pieces[-2].row
            self.told = self.told[-2:]
        if self.settled > ROWS_KEPT:
            self.conversation.forget(self.settled)
            self.settled = 0


def runs_in(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether a row of prompts stands in a longer one."""
    return bool(part) and any(list(whole[place : place + len(part)]) == list(part) for place in range(len(whole) - len(part)))


def squeezed(text: str) -> str:
    return "".join(text.split())
