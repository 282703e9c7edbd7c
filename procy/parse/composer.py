"""What stands in an agent's composer, and what a dialog of it offers, read off a captured screen.

A captured screen is what ``tmux capture-pane -e`` prints: rows with SGR sequences, whose effect goes on from row to row. Seen
in Claude Code 2.1.329, Codex 0.169.0, Gemini CLI 0.61.0 and Qwen Code 0.24.4: a composer begins with a mark in the first
column, or with blanks before it that belong to it, and goes on in rows indented to the text behind it; what nobody typed (a
hint, a suggestion) is faint or grey; a long paste is shown as one bracketed note.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from procy.parse.box import BAR, boxed_rows

HINT = "Ask anything"  # what an empty composer of OpenCode's begins with
SGR = re.compile(r"\x1b\[([0-9;:]*)m")
SIDES = re.compile(r"^│ |\s*[│█]$")
SPEAKS = re.compile(r" {1,2}[◆✦●>]")
OTHER = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|[\x0e\x0f]")  # links, character sets
RULE = re.compile(r"\s*[─━╌╰╭┌└]{4,}")
FRAME = re.compile(r"\s*[─━╰╭┌└]{4,}")  # not the dashes within one
NOTE = re.compile(r"\[Pasted (?:text #\d+(?: \+\d+ lines)?|Content \d+ chars|Text: \d+ (?:lines|chars)|~\d+ lines)\](?: #\d+)?")
OPTION = re.compile(r"(?P<indent>\s*)(?P<mark>[❯›>●])?\s*(?P<number>[1-9])\.\s+(?P<text>\S.*)")
KEY = re.compile(r"\s*\((?P<key>[a-z]|esc|shift\+tab)\)\s*$")
GREYS = frozenset((*range(240, 252), 59, 102, 103, 145))  # of the 256 colours
TINT = 32  # how far the shades of a grey may lie apart
CURSOR = "\u200b"  # stands where the cursor is, in Qwen Code
LONGEST = 40  # rows that a composer is looked for above the cursor


class Cell(NamedTuple):
    """A character and whether it is faint, as hints are."""

    character: str
    faint: bool


class Option(NamedTuple):
    """One line of a dialog that can be chosen by its number."""

    number: int
    text: str


class Dialog(NamedTuple):
    """A question with numbered answers, one of them marked.

    ``subject``: the rows above the answers, by which it differs from the next one, that asks the same about another command.
    ``row``: where on the screen the answers begin.
    """

    question: str
    options: tuple[Option, ...]
    marked: int
    subject: tuple[str, ...] = ()
    row: int = 0

    def is_same(self, other: "Dialog | None") -> bool:
        """Whether the other asks the same about the same, wherever on the screen and whatever is marked."""
        mine = (self.question, self.options, self.subject)
        return other is not None and mine == (other.question, other.options, other.subject)

    def option(self, kind: str) -> Option | None:
        """The first that says ``yes``, ``always`` or ``no``."""
        return next((option for option in self.options if kind_of(option.text) == kind), None)


def styled_rows(rows: Sequence[str]) -> list[str]:
    """The rows with colours only: without links and character sets."""
    return [OTHER.sub("", row) for row in rows]


def plain_rows(rows: Sequence[str]) -> list[str]:
    """The rows without what styles them."""
    return [SGR.sub("", row).replace("\xa0", " ").rstrip() for row in styled_rows(rows)]


def unframed(line: str) -> str:
    """A row within a box, without the box's sides and the scroll bar beside it."""
    return SIDES.sub("", line)


def cells_of(rows: Sequence[str]) -> list[list[Cell]]:
    """The characters of each row; a style goes on until it is changed, into the next rows too."""
    faint = grey = False
    found = []
    for row in styled_rows(rows):
        cells: list[Cell] = []
        for place, part in enumerate(SGR.split(row)):
            if place % 2:
                faint, grey = styled(part, faint, grey)
            else:
                cells += [Cell(" " if character == "\xa0" else character, faint or grey) for character in part]
        found.append(cells)
    return found


def styled(codes: str, faint: bool, grey: bool) -> tuple[bool, bool]:
    """(faint, grey) after an SGR sequence with these parameters."""
    numbers = [int(code or 0) for code in re.split("[;:]", codes)]
    while numbers:
        code = numbers.pop(0)
        if code in (38, 48) and numbers:
            colour = [numbers.pop(0) for _ in range(min(len(numbers), 4 if numbers[0] == 2 else 2))]
            grey = is_grey(colour) if code == 38 else grey
        elif code in (0, 22):
            faint, grey = False, grey and code == 22
        elif code == 2:
            faint = True
        elif code == 39 or 30 <= code <= 37 or 90 <= code <= 97:
            grey = code == 90
    return faint, grey


def is_grey(colour: Sequence[int]) -> bool:
    """Whether the parameters behind 38 (5;n or 2;r;g;b) are a grey that is neither near black nor near white."""
    if colour[0] == 5:
        return len(colour) > 1 and colour[1] in GREYS
    shades = colour[1:]
    return len(shades) == 3 and max(shades) - min(shades) <= TINT and 80 <= shades[0] <= 190


def read_composer(rows: Sequence[str], cursor: tuple[int, int], marks: Sequence[str]) -> str | None:
    """What is typed in the composer, "" when nothing is, None when no composer has the cursor (column, row).

    Long input is seen as far as the agent shows it; of a paste only the note that stands for it.
    """
    plain = plain_rows(rows)
    if BAR in marks:
        return read_boxed(rows, boxed_rows(plain, cursor[1]), cursor)
    found = composer_row(plain, cursor[1], marks)
    if found is None:
        return None
    first, begins = found
    last = cursor[1]
    while last + 1 < len(plain) and plain[last + 1].startswith(" " * begins) and not RULE.match(plain[last + 1]):
        last += 1
    typed = [
        "".join(" " if cell.faint else cell.character for cell in cells[begins:]).rstrip()
        for cells in cells_of(rows)[first : last + 1]
    ]
    text = "\n".join(typed).replace(CURSOR, "").strip()
    hint = plain[first][begins:].strip()
    is_hint = cursor == (begins, first) and text == hint[:1] and len(hint) > 1  # its first character is under the cursor
    return "" if is_hint else text


def read_boxed(rows: Sequence[str], place: tuple[range, int] | None, cursor: tuple[int, int]) -> str | None:
    """The text in a composer with a bar, without the hint that an empty one shows."""
    if place is None:
        return None
    text_rows, column = place
    cells = [row[column:] for row in cells_of(rows)[text_rows.start : text_rows.stop]]
    typed = ["".join(" " if cell.faint else cell.character for cell in row).rstrip() for row in cells]
    text = "\n".join(typed).strip()
    whole = "".join(cell.character for cell in cells[0]).strip() if cells else ""
    is_hint = cursor == (column, text_rows.start) and whole.startswith(HINT)
    return "" if is_hint else text


def composer_row(plain: Sequence[str], row: int, marks: Sequence[str]) -> tuple[int, int] | None:
    """(row, column) at which the text begins of the composer that reaches the cursor's row."""
    for place in range(min(row, len(plain) - 1), max(row - LONGEST, -1), -1):
        line = plain[place]
        mark = next((mark for mark in marks if line.startswith(mark)), "")
        if mark:
            return None if OPTION.match(line) else (place, len(mark) + 1)
        if line.strip() and not line.startswith("  "):
            return None
    return None


def solid(text: str) -> str:
    """The letters, numbers and ASCII signs: white space, marks and emoji are shown in as many ways as there are programs."""
    whole = unicodedata.normalize("NFKC", text)
    return "".join(one for one in whole if "!" <= one <= "~" or unicodedata.category(one)[0] in "LN")


def holds_only(shown: str, text: str) -> bool:
    """Whether what a composer shows is this text, or as much of its end as there is room for, or the note for a paste.

    Of text that is written from right to left only the letters are compared: programs put them in order themselves.
    """
    rest, whole = solid(NOTE.sub("", shown)), solid(text)
    if whole and not rest:
        return NOTE.search(shown) is not None
    if any(unicodedata.bidirectional(one) in ("R", "AL") for one in whole):
        return not Counter(rest) - Counter(whole)
    return whole.endswith(rest)


def read_dialog(rows: Sequence[str]) -> Dialog | None:
    """The last block of numbered options on the screen, one of them marked; None when there is none."""
    plain = plain_rows(rows)
    found: list[tuple[int, str]] = []
    first, marked = 0, 0
    for place, line in enumerate(map(unframed, plain)):
        match = OPTION.match(line)
        number = int(match["number"]) if match else 0
        if match and number == 1:
            found, first, marked = [], place, 0
        if match and number == len(found) + 1:
            found.append((number, KEY.sub("", match["text"])))
            marked = number if match["mark"] else marked
        elif found and line.startswith("      ") and line.strip() and place == first + len(found):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    if len(found) < 2 or not marked:
        return None
    subject = subject_above(plain, first)
    options = tuple(Option(*one) for one in found)
    return Dialog(question_in(subject), options, marked, subject, first)


def subject_above(plain: Sequence[str], first: int) -> tuple[str, ...]:
    """What the dialog says above its answers: up to its frame, or to the conversation, whose rows begin with a sign."""
    rows: list[str] = []
    for line in reversed(plain[max(first - LONGEST, 0) : first]):
        inner = unframed(unframed(line)) if line.startswith("│") else unframed(line)
        if not line.startswith("│") and (FRAME.match(line) or SPEAKS.match(line) or is_sign(line)):
            break
        if inner.strip() and not RULE.match(inner):
            rows.insert(0, inner.strip())
    return tuple(rows)


def is_sign(line: str) -> bool:
    return bool(line[:1].strip()) and not line[0].isalnum() and not RULE.match(line)


def question_in(subject: Sequence[str]) -> str:
    """The last row that, best, ends as a question."""
    asked = [line for line in subject if line.endswith("?")]
    return (asked or subject or [""])[-1]


def kind_of(text: str) -> str:
    """``yes``, ``always``, ``no`` or "" by how an answer begins."""
    words = text.lower()
    if words.startswith(("no", "reject", "deny", "don't", "cancel")):
        return "no"
    if words.startswith(("yes", "allow", "always", "approve", "proceed")):
        lasting = ("always", "don't ask again", "for this session", "in the future", "auto")
        return "always" if any(sign in words for sign in lasting) else "yes"
    return ""
