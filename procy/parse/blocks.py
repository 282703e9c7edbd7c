"""Rows of a conversation as prompts and what follows them: what the agent said, the tools it used, how it ended. Pure.

Programs agree on more than one thinks: a glyph before a prompt, on a ground of its own or in the column of the composer's; a
bullet before each thing said or done; what a tool printed hangs below it; what is not part of the conversation is muted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from procy.parse.frames import unboxed
from procy.parse.marks import Marks
from procy.parse.rows import BLANK, NUMBER, Row
from procy.parse.wrap import unwrapped, widest
from procy.types import TurnStatus

RULE = re.compile(r"^[─━═╭╮╰╯┌┐└┘│ ]*[─━═]{8,}.*$")
CALL = re.compile(r"^(?P<name>[A-Z][\w -]{0,30}?)\((?P<input>.*)\)$", re.DOTALL)
DIFF = re.compile(r"^\s+\d+ (?:[+-]|\s)")
RAN = re.compile(r"^(?P<name>\w+)(?: \((?P<note>[^)]*)\))?(?: (?P<input>.*))?$", re.DOTALL)
FAR_RIGHT = re.compile(r"^\s{30,}\S")
LONGEST = 5000  # rows of a prompt
MARGIN = 4  # columns that a program may leave free on the right, until a row is seen that does not
NOTE = 60  # characters of a word about the turn itself
TIMED = re.compile(r"\d+s\b|…|Worked for")


class Tool(NamedTuple):
    name: str
    input: str
    result: str
    failed: bool
    said_before: int  # characters of the answer that came before it


class Answer(NamedTuple):
    text: str
    tools: tuple[Tool, ...]
    status: TurnStatus  # done, interrupted or error
    error: str


class Piece(NamedTuple):
    """A prompt, the row in which it begins, and the rows after it. ``waits``: it is queued, the agent has not taken it yet."""

    prompt: str
    row: int
    answer: list[Row]
    waits: bool


class BlockReader:
    """Reads rows for a screen of some width, with the marks of an agent. ``parts_words``: rows may end within a word, too,
    behind a hyphen or a slash."""

    def __init__(self, marks: Marks, columns: int, parts_words: bool = False) -> None:
        self.marks = marks
        self.parts_words = parts_words
        self.columns = columns
        self.room = {"prompt": columns - MARGIN, "answer": columns - MARGIN}  # columns that texts are wrapped at
        glyphs, bullets = re.escape(marks.prompts), re.escape(marks.bullets)
        self.sent = re.compile(rf"^(?P<lead>[│┃▌ ]{{0,2}}[{glyphs}][ \xa0])(?P<text>\S.*)$")
        self.bullet = re.compile(rf"^(?P<lead> ?[{bullets}] )")
        self.choice = re.compile(rf"^[│┃▌ ]{{0,2}}[{glyphs}][ \xa0](?:\d+\. |/\w+\s{{2,}}\S)")  # a line of a menu
        self.has_grounds = False  # prompts stand on a ground: what does not is none
        self.glyphs = set(marks.prompts)
        self.busy = re.compile("|".join(map(re.escape, marks.busy)), re.IGNORECASE)
        self.notice = re.compile(rf"^ {{0,2}}[{re.escape(marks.notices)}] +(?P<text>\S.*)$")
        self.child = re.compile(rf"^\s{{0,5}}[{re.escape(marks.children)}](?![─━═])[ \xa0]*(?P<text>\S.*)?$")
        self.spinner = re.compile(rf"^ {{0,2}}(?:[{re.escape(marks.spinners)}]|\.{{1,3}}) ")

    # -- prompts ------------------------------------------------------------------------------------------------------

    def pieces(self, rows: Sequence[Row], column: int) -> list[Piece]:
        """Prompts and answers in order; rows before the first prompt belong to none. ``column``: of the composer's glyph."""
        starts = [place for place, row in enumerate(rows) if self.is_sent(row, column)]
        grounds = {rows[place].ground for place in starts} - {0}
        self.has_grounds = self.has_grounds or bool(grounds)
        if self.has_grounds:
            starts = [place for place in starts if rows[place].ground]
            ends = [start + self.prompt_rows(rows[start : start + LONGEST]) for start in starts]
            starts = sorted([*starts, *self.torn(rows, starts, ends, grounds)])
        elif any(rows[place].tint for place in starts):
            starts = [place for place in starts if rows[place].tint]
        found = []
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=False):
            length = self.prompt_rows(rows[start:end])
            answer = list(rows[start + length : end])
            prompt = self.prompt_text(rows[start : start + length])
            found.append(Piece(prompt, start, answer, rows[start].muted))
        return found

    def torn(self, rows: Sequence[Row], starts: list[int], ends: list[int], grounds: set[int]) -> list[int]:
        """Where prompts go on of which the beginning was never seen."""
        inside = {place for start, end in zip(starts, ends, strict=True) for place in range(start, end)}
        found = []
        for place, row in enumerate(rows):
            if row.text and row.ground in grounds and row.indent > 1 and place not in inside:
                found.append(place)
                inside.update(range(place, place + self.prompt_rows(rows[place:])))
        return found

    def is_sent(self, row: Row, column: int) -> bool:
        if self.glyphs.isdisjoint(row.text[:4]):
            return False
        match = self.sent.match(row.text)
        return match is not None and len(match["lead"]) - 2 == column and self.choice.match(row.text) is None

    def prompt_rows(self, rows: Sequence[Row]) -> int:
        """How many rows the prompt has that begins with the first of them."""
        first, last = rows[0], 1
        lead = first.indent + 2 if self.sent.match(first.text) else first.indent
        for place, row in enumerate(rows[1:], 1):
            if first.ground:
                if row.ground != first.ground and (row.text or not goes_on(rows[place:], first.ground)):
                    break
            elif not row.text and first.tint and self.is_tinted(rows[place:], first.tint, lead):
                continue
            elif not row.text or row.indent < lead or self.child.match(row.text):
                break
            last = place + 1 if row.text else last
        return last

    def is_tinted(self, rows: Sequence[Row], tint: int, lead: int) -> bool:
        """Whether behind blank rows comes one in this colour that stands below the prompt's text."""
        row = next((row for row in rows if row.text), BLANK)
        return row.tint == tint and row.indent >= lead

    def prompt_text(self, rows: Sequence[Row]) -> str:
        lead = rows[0].indent + 2 if self.sent.match(rows[0].text) else min(row.indent for row in rows if row.text)
        texts = [" " * lead + rows[0].text[lead:], *(row.text for row in rows[1:])]
        lines = [line[lead:] if not line[:lead].strip() else line.strip() for line in self.lines("prompt", texts)]
        return "\n".join(line.replace("\xa0", " ").rstrip() for line in lines).strip("\n").strip()

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, rows: Sequence[Row]) -> Answer:
        said: list[str] = []
        tools: list[Tool] = []
        status: TurnStatus = "done"
        error = ""
        for chunk in self.chunks(unboxed(rows)):
            head, children = self.head_of(chunk)
            if not any(row.text for row in chunk):
                continue
            notice = self.notice.match(head[0].text) if head else None
            words = " ".join(row.text.strip() for row in head)
            if notice or any(self.ends_turn(row) for row in chunk):
                ended = notice["text"] if notice else words
                status = "interrupted" if not notice or ended.startswith(self.marks.interrupted) else "error"
                error = words if status == "error" else ""
                if notice:
                    continue
            if children and (tool := self.tool(head, children, len("\n\n".join(said)))):
                tools.append(tool)
                continue
            if len(head) == 1 and self.bullet.match(head[0].text) and CALL.match(self.stripped(head[0]).strip()):
                tools.append(self.called(self.stripped(head[0]).strip(), "", len("\n\n".join(said))))
                continue
            text = self.said(chunk)
            if text.startswith(self.marks.failed):
                status, error = "error", text
            elif text.startswith(self.marks.interrupted) and "\n" not in text and len(text) < NOTE:
                status = "interrupted"
            elif text and not (head and head[0].muted and self.bullet.match(head[0].text)):
                said.append(text)
        return Answer("\n\n".join(said), tuple(tools), status, error)

    def chunks(self, rows: Sequence[Row]) -> list[list[Row]]:
        """What begins with a bullet or a notice, to the next one; without rules, spinners and what stands far on the right."""
        chunks: list[list[Row]] = [[]]
        for row in rows:
            if self.is_noise(row):
                row = Row("")
            if self.bullet.match(row.text) or self.notice.match(row.text):
                chunks.append([])
            chunks[-1].append(row)
        return chunks

    def is_noise(self, row: Row) -> bool:
        text = row.text
        if not text:
            return False
        if RULE.match(text) and "┼" not in text and row.indent < 2:
            return True
        if self.says_busy(row):
            return self.is_busy(row)
        return (self.spinner.match(text) is not None and (row.muted or TIMED.search(text) is not None) and row.indent < 2) or (
            FAR_RIGHT.match(text) is not None and row.muted
        )

    def says_busy(self, row: Row) -> bool:
        return self.busy.search(row.text) is not None

    def is_busy(self, row: Row) -> bool:
        """Whether the program says there that it can be interrupted: not an answer that has such words in it."""
        if not self.says_busy(row):
            return False
        return row.muted or self.bullet.match(row.text) is not None or self.spinner.match(row.text) is not None

    def head_of(self, chunk: Sequence[Row]) -> tuple[list[Row], list[Row]]:
        """The rows of its first paragraph up to what hangs below, and what hangs below."""
        rows = list(chunk)
        while rows and not rows[0].text:
            rows.pop(0)
        end = next((place for place, row in enumerate(rows) if place and (not row.text or self.hangs(row))), len(rows))
        if rows and self.child.match(rows[0].text) and rows[0].muted:
            end = 0
        hanging = rows[end:] if end < len(rows) and rows[end].text else []
        return rows[:end], hanging

    def hangs(self, row: Row) -> bool:
        return self.child.match(row.text) is not None or (DIFF.match(row.text) is not None and row.indent >= 4)

    def ends_turn(self, row: Row) -> bool:
        match = self.child.match(row.text)
        return match is not None and (match["text"] or "").startswith(self.marks.interrupted)

    def is_aside(self, row: Row) -> bool:
        match = self.child.match(row.text)
        return match is not None and (match["text"] or "").startswith(self.marks.asides)

    def is_hung(self, row: Row) -> bool:
        return self.is_aside(row) or (row.muted and self.child.match(row.text) is not None)

    def tool(self, head: Sequence[Row], children: Sequence[Row], said_before: int) -> Tool | None:
        """A bullet with something hanging below it; None where only a tip or a notice hangs there."""
        if not head or not self.bullet.match(head[0].text) or self.is_aside(children[0]):
            return None
        lines = [self.stripped(row).strip() for row in head]
        result = [self.unhung(row) for row in children if not self.is_aside(row)]
        return self.called(" ".join(lines), "\n".join(result).strip("\n"), said_before)

    def called(self, words: str, result: str, said_before: int) -> Tool:
        if match := CALL.match(words):
            return Tool(match["name"], match["input"], result, result.startswith("Error"), said_before)
        match = RAN.match(words)
        name, what = (match["name"], match["input"] or "") if match else ("", words)
        return Tool(name, what, result, bool(match and match["note"] and "status" in match["note"]), said_before)

    def unhung(self, row: Row) -> str:
        match = self.child.match(row.text)
        return (match["text"] or "") if match else row.text[4:] if not row.text[:4].strip() else row.text.strip()

    def stripped(self, row: Row) -> str:
        """A row without its bullet or the indentation that stands for it."""
        return self.bullet.sub("", row.text, count=1) if self.bullet.match(row.text) else re.sub("^ {1,2}", "", row.text)

    def said(self, chunk: Sequence[Row]) -> str:
        """The text of a chunk: its paragraphs but those that are muted, and what hangs below."""
        kept: list[str] = []
        paragraph: list[Row] = []
        for row in [*unnumbered(chunk), Row("")]:
            if row.text:
                paragraph.append(row)
            else:
                kept += self.paragraph(paragraph)
                paragraph = []
        return "\n".join(line[2:] for line in self.lines("answer", kept)).strip("\n")

    def lines(self, kind: str, rows: list[str]) -> list[str]:
        self.room[kind] = min(max(self.room[kind], widest(rows)), self.columns)
        return unwrapped(rows, self.room[kind], self.parts_words)

    def paragraph(self, rows: Sequence[Row]) -> list[str]:
        hung = next((place for place, row in enumerate(rows) if self.is_hung(row)), len(rows))
        rows = rows[:hung]
        if all(row.muted for row in rows):
            return [] if rows else [""]
        return [*("  " + self.stripped(row) if row.text else "" for row in rows), ""]


def unnumbered(rows: Sequence[Row]) -> list[Row]:
    """Lines of code without the numbers before them, where those count."""
    found: list[Row] = []
    for place, row in enumerate(rows):
        counts = row.numbered and any(
            other.numbered and number_of(other) == number_of(row) + step
            for step in (-1, 1)
            for other in rows[max(place + step, 0) :][:1]
        )
        lead = NUMBER.match(row.text)
        if counts and lead:
            blanks = " " * min(row.indent, 2)  # as the text around it is indented
            row = Row(blanks + row.text[len(row.text) - len(row.text.lstrip()) + len(str(number_of(row))) + 1 :], row.ground)
        found.append(row)
    return found


def number_of(row: Row) -> int:
    return int(row.text.split(maxsplit=1)[0])


def goes_on(rows: Sequence[Row], ground: int) -> bool:
    """Whether behind blank rows comes one on this ground that does not begin with a glyph in the first column."""
    row = next((row for row in rows if row.text), BLANK)
    return row.ground == ground and row.indent > 1
