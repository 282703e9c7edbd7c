"""The picker over old prompts: find one, look at it, put it into an agent's composer."""

from __future__ import annotations

import os
import sqlite3
from functools import lru_cache

from prompt_toolkit.formatted_text import StyleAndTextTuples

from procy.errors import ProcyError
from procy.popups.editor import edit
from procy.popups.pane import BUFFER, Place
from procy.popups.picker import Action, Item, Picker
from procy.store.prompts import OldPrompt
from procy.ui import words

MARKS = ("●", "○", " ")  # this directory, this repository, elsewhere
ANSWER = 2_000  # characters


class PickPopup:
    """``run`` returns "" when it was left, else what was done, in words."""

    def __init__(self, connection: sqlite3.Connection, prompts: list[OldPrompt], place: Place) -> None:
        self.connection, self.prompts, self.place = connection, prompts, place
        self.edit: int | None = None
        items = [Item(words.printable(" ".join(one.head.split())), words.ago(one.started_at), MARKS[one.near]) for one in prompts]
        actions = (
            Action(("enter",), "paste", self.paste),
            Action(("tab", "c-o"), "edit", self.choose_to_edit),
            Action(("c-y",), "copy", self.copy),
        )
        self.picker = Picker(items, lru_cache(maxsize=200)(self.view), actions, "no prompt was recorded yet")

    def run(self) -> None:
        self.picker.run()
        while self.edit is not None:
            number, self.edit = self.edit, None
            try:
                self.picker.note = self.put(edit(self.whole(number), require_save=False) or "")
            except ProcyError as error:
                self.picker.note = str(error)
            if self.picker.note:
                self.picker.run()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def view(self, number: int) -> StyleAndTextTuples:
        """The whole prompt, a line to each part, and the beginning of its answer."""
        row = self.connection.execute(
            "SELECT prompt, substr(response, 1, ?) AS answer, turns.started_at, cwd, agent FROM turns "
            "JOIN sessions ON sessions.id = session_id WHERE turns.id = ?",
            (ANSWER, self.prompts[number].turn_id),
        ).fetchone()
        if row is None:
            return [("class:note", "It was forgotten a moment ago.")]
        place = words.home_short(row["cwd"], os.path.expanduser("~"))
        parts: StyleAndTextTuples = [("class:dim", f"{words.stamp(row['started_at'])[:16]} · {row['agent']} · {place}\n")]
        parts += [("class:prompt", f"{line}\n") for line in words.printable(row["prompt"]).split("\n")]
        parts += [("", f"{line}\n") for line in ("", *words.printable(row["answer"]).split("\n"))]
        return parts

    # -- what is done -------------------------------------------------------------------------------------------------

    def whole(self, number: int) -> str:
        row = self.connection.execute("SELECT prompt FROM turns WHERE id = ?", (self.prompts[number].turn_id,)).fetchone()
        return str(row["prompt"]) if row else ""

    def paste(self, number: int) -> str:
        return self.put(self.whole(number))

    def put(self, text: str) -> str:
        try:
            self.place.put(text)
        except ProcyError as error:
            return str(error)
        return ""

    def choose_to_edit(self, number: int) -> str:
        self.edit = number
        return ""

    def copy(self, number: int) -> str:
        try:
            self.place.tmux.load_buffer(BUFFER, self.whole(number), clipboard=True)
        except ProcyError as error:
            return str(error)
        return ""
