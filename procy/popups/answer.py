"""The popup in which an agent's question is answered without going to its pane."""

from __future__ import annotations

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
from procy.parse.composer import RULE, Option, plain_rows, styled_rows

LOOK_S = 0.3
ROOMY = 12  # rows in which a question stands as its agent drew it
LETTERS = {"yes": "y", "always": "a", "no": "n"}
STYLE = Style.from_dict({"head": "reverse", "rule": "ansibrightblack", "key": "bold ansiyellow", "note": "ansired"})


class AnswerPopup:
    """Shows one pane's question. ``run`` returns ``answered``, ``go`` (to that pane), ``gone`` or ``left``."""

    def __init__(self, target: Target, others: int) -> None:
        self.target, self.others = target, others
        self.look: Look = target.look()
        self.note = ""
        rule = Window(height=1, char="─", style="class:rule")
        answers = FormattedTextControl(self.choices, focusable=True, show_cursor=False)
        body = HSplit([
            Window(FormattedTextControl(self.head), height=1, style="class:head"),
            Window(FormattedTextControl(self.screen), wrap_lines=False),
            rule,
            Window(answers, height=lambda: max(len(self.options), 1), wrap_lines=False),
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
        more = f"   {self.others} more wait{'s' if self.others == 1 else ''}" if self.others else ""
        return f" {self.target.program} in {self.target.name} · {place}{more}"

    def screen(self) -> AnyFormattedText:
        """The agent's screen above its answers, which stand below: of what is asked for as much as there is room for."""
        room = max(self.app.output.get_size().rows - 4 - len(self.options), 3)
        rows = asking_rows(self.look, room)
        return ANSI("\n".join([*styled_rows(rows), "\x1b[0m"]))

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


def asking_rows(look: Look, room: int) -> list[str]:
    """The rows that lead to the answers; where there is little room, without empty ones and lines between."""
    rows = list(look.rows[: look.dialog.row] if look.dialog else look.rows)
    if room < ROOMY:
        told = zip(rows, plain_rows(rows), strict=True)
        rows = [f"\x1b[0m{row}" for row, plain in told if plain.strip() and not RULE.match(plain)]
    while rows and not rows[-1].strip():
        rows.pop()
    return rows[-room:]
