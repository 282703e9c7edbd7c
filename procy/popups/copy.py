"""What can be copied of a turn, and the list to choose it from."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from prompt_toolkit.formatted_text import StyleAndTextTuples

from procy.parse.code import code_blocks
from procy.popups.picker import Action, Item, Picker
from procy.ui import words


class Copyable(NamedTuple):
    """``what``: answer, code or prompt; ``language`` of code."""

    what: str
    language: str
    text: str

    @property
    def lines(self) -> int:
        return self.text.count("\n") + 1

    @property
    def name(self) -> str:
        return self.language or self.what


def copyables(turn: sqlite3.Row) -> list[Copyable]:
    """The whole answer, its code blocks, and the prompt."""
    answer = [Copyable("answer", "", turn["response"])] if turn["response"] else []
    code = [Copyable("code", one.language, one.text) for one in code_blocks(turn["response"])]
    return [*answer, *code, Copyable("prompt", "", turn["prompt"])]


def choose(found: Sequence[Copyable], copy: Callable[[Copyable], str]) -> None:
    """Let one be chosen; ``copy`` returns why it could not be, or ""."""

    def view(number: int) -> StyleAndTextTuples:
        return [("", f"{line}\n") for line in words.printable(found[number].text).split("\n")]

    items = [
        Item(f"{one.name:<8} {words.printable(first_line(one.text))}", f"{one.lines} line{'' if one.lines == 1 else 's'}")
        for one in found
    ]
    Picker(items, view, [Action(("enter", "c-y"), "copy", lambda number: copy(found[number]))], "nothing to copy").run()


def first_line(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "")
