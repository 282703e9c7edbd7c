"""The popup in which an agent's question is answered without going to its pane."""

from __future__ import annotations

import time
from pathlib import Path

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import ANSI, AnyFormattedText, StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.styles import Style

from procy.act.answer import choose
from procy.act.target import Look, Target
from procy.errors import TmuxError
from procy.parse.composer import Option, styled_rows

LOOK_S = 0.3
LETTERS = {"yes": "y", "always": "a", "no": "n"}
STYLE = Style.from_dict({"head": "reverse", "rule": "ansibrightblack", "key": "bold ansiyellow", "note": "ansired"})


class AnswerPopup:
    """Shows one pane's question. ``run`` returns ``answered``, ``go`` (to that pane), ``gone`` or ``left``."""

    def __init__(self, target: Target, others: int) -> None:
        self.target, self.others = target, others
        self.look: Look = target.look()
        self.note = ""
        self.opened = time.monotonic()
        rule = Window(height=1, char="─", style="class:rule")
        answers = FormattedTextControl(self.choices, focusable=True, show_cursor=False)
        body = HSplit([
            Window(FormattedTextControl(self.head), height=1, style="class:head"),
            Window(FormattedTextControl(self.screen), wrap_lines=False),
            rule,
            Window(answers, dont_extend_height=True, wrap_lines=True),
            Window(FormattedTextControl(self.foot), height=1),
        ])  # fmt: skip
        self.app: Application[str] = Application(
            Layout(body),
            key_bindings=self.keys(),
            style=STYLE,
            full_screen=True,
            refresh_interval=LOOK_S,
            before_render=self.renew,
        )
        self.app.ttimeoutlen = 0.05

    def run(self) -> str:
        return self.app.run()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def renew(self, app: Application[str]) -> None:
        """Look again; leave when the question has been answered elsewhere, or its pane is gone."""
        try:
            self.look = self.target.look()
            is_gone = self.look.state != "waiting" and not self.look.dialog
        except TmuxError:
            is_gone = True
        if is_gone and not app.is_done:
            app.exit(result="gone")

    def head(self) -> AnyFormattedText:
        place = Path(self.target.spool.meta().cwd).name or "/"
        more = f"   {self.others} more wait" if self.others else ""
        return f" {self.target.program} in {self.target.name} · {place}{more}"

    def screen(self) -> AnyFormattedText:
        """The end of the agent's screen, as much as there is room for."""
        info = self.app.renderer.output.get_size()
        room = max(info.rows - 4 - len(self.options), 3)
        rows = list(self.look.rows)
        while rows and not rows[-1].strip():
            rows.pop()
        return ANSI("\n".join([*styled_rows(rows[-room:]), "\x1b[0m"]))

    @property
    def options(self) -> tuple[Option, ...]:
        return self.look.dialog.options if self.look.dialog else ()

    def letters(self) -> dict[str, Option]:
        """The options that have a letter: the first that says yes, always or no."""
        dialog = self.look.dialog
        found = {letter: dialog.option(kind) for kind, letter in LETTERS.items()} if dialog else {}
        return {letter: option for letter, option in found.items() if option}

    def choices(self) -> AnyFormattedText:
        if not self.options:
            return [("", f" {self.look.reason or 'It waits.'} What it offers cannot be read off its screen: answer it there.")]
        by_option = {option: letter for letter, option in self.letters().items()}
        shown: StyleAndTextTuples = []
        for place, option in enumerate(self.options):
            letter = by_option.get(option, " ")
            shown += [("", "\n" if place else ""), ("class:key", f" {letter} {option.number} "), ("", f" {option.text}")]
        return shown

    def foot(self) -> AnyFormattedText:
        if self.note:
            return [("class:note", f" {self.note}")]
        return [("class:key", " g"), ("", " go there  "), ("class:key", "esc"), ("", " leave it")]

    # -- keys ---------------------------------------------------------------------------------------------------------

    def keys(self) -> KeyBindings:
        bindings = KeyBindings()
        for letter in LETTERS.values():
            bindings.add(letter)(lambda event: self.choose(event, self.letters().get(event.data)))
        for number in "123456789":
            bindings.add(number)(lambda event: self.choose(event, self.numbered(int(event.data))))
        bindings.add("g")(lambda event: event.app.exit(result="go"))
        for key in ("escape", "q", "c-c"):
            bindings.add(key, eager=True)(lambda event: event.app.exit(result="left"))
        return bindings

    def numbered(self, number: int) -> Option | None:
        return next((option for option in self.options if option.number == number), None)

    def choose(self, event: KeyPressEvent, option: Option | None) -> None:
        dialog = self.look.dialog
        if option is None or dialog is None:
            self.note = "That is none of the answers."
            return
        try:
            choose(self.target, dialog, option)
        except TmuxError as error:
            self.note = str(error)
        else:
            event.app.exit(result="answered")
