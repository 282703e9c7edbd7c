"""A full-screen list with a line to filter it and a view of the chosen item: what `procy pick` and `procy copy` are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import AnyFormattedText, StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import BufferControl, Dimension, HSplit, Layout, VSplit, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from procy.popups.fuzzy import Line, marked, search

STYLE = Style.from_dict({
    "sign": "bold ansigreen", "rule": "ansibrightblack", "dim": "ansibrightblack", "row": "", "row.here": "reverse",
    "match": "bold ansiyellow", "key": "bold ansiyellow", "note": "ansired", "prompt": "ansigreen", "head": "bold",
})  # fmt: skip
ROOMY = 60  # columns from which on a row has room for its side


class Item(NamedTuple):
    """One row: its text on one line, and on the right what it is beside that."""

    text: str
    side: str
    mark: str = " "


class Action(NamedTuple):
    """``does`` with an item's number leaves the popup when it returns "", else stays and shows what it returns."""

    keys: tuple[str, ...]
    label: str
    does: Callable[[int], str]


class Picker:
    """``view`` gives the lines below the list for an item's number. ``run`` returns when an action is done or it was left."""

    def __init__(
        self, items: Sequence[Item], view: Callable[[int], StyleAndTextTuples], actions: Sequence[Action], empty: str
    ) -> None:
        self.items, self.view, self.actions, self.empty = items, view, actions, empty
        self.lines = [Line.of(item.text) for item in items]
        self.found: Sequence[int] = range(len(items))
        self.query = self.note = ""
        self.here = self.scrolled = 0
        self.buffer = Buffer(multiline=False, on_text_changed=lambda _: self.filter())
        self.app: Application[None] = self.application()

    def run(self) -> None:
        self.app.run()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def application(self) -> Application[None]:
        typed = VSplit([
            Window(FormattedTextControl([("class:sign", "❯ ")]), width=2),
            Window(BufferControl(self.buffer), height=1),
            Window(FormattedTextControl(self.count), dont_extend_width=True, height=1),
        ])  # fmt: skip
        rows = Window(FormattedTextControl(self.rows), height=lambda: Dimension.exact(self.room), wrap_lines=False)
        rule = Window(height=1, char="─", style="class:rule")
        shown = Window(FormattedTextControl(self.preview), wrap_lines=True)
        body = HSplit([typed, rows, rule, shown, Window(FormattedTextControl(self.foot), height=1)])
        app: Application[None] = Application(Layout(body), key_bindings=self.keys(), style=STYLE, full_screen=True)
        app.ttimeoutlen = 0.05
        return app

    @property
    def columns(self) -> int:
        return self.app.output.get_size().columns

    @property
    def room(self) -> int:
        """Rows of the list: half of the screen at most."""
        return max(min((self.app.output.get_size().rows - 3) // 2, len(self.items)), 1)

    def count(self) -> AnyFormattedText:
        return [("class:dim", f" {len(self.found)}/{len(self.items)}")]

    def rows(self) -> StyleAndTextTuples:
        """The part of the list around the chosen row."""
        if not self.found:
            return [("class:dim", f"  {self.empty if not self.items else 'nothing like that'}")]
        room = self.room
        first = min(max(self.here - room // 2, 0), max(len(self.found) - room, 0))
        shown: StyleAndTextTuples = []
        for place in range(first, min(first + room, len(self.found))):
            shown += self.row(self.items[self.found[place]], place == self.here)
            shown.append(("", "\n"))
        return shown[:-1]

    def row(self, item: Item, here: bool) -> StyleAndTextTuples:
        style = "class:row.here " if here else "class:row "
        side = f" {item.side} " if self.columns >= ROOMY else ""
        room = self.columns - get_cwidth(side) - 3
        text, width = cut(item.text, room)
        places = marked(self.query, item.text) if self.query else set()
        parts: StyleAndTextTuples = [(style + "class:dim", f" {item.mark} ")]
        parts += [(style + "class:match" if place in places else style, one) for place, one in enumerate(text)]
        return [*parts, (style, " " * (room - width)), (style + "class:dim", side)]

    def preview(self) -> StyleAndTextTuples:
        if not self.found:
            return []
        lines = self.view(self.found[self.here])
        starts = [place for place, part in enumerate(lines) if part[1].endswith("\n")]
        self.scrolled = min(self.scrolled, len(starts))
        return lines[starts[self.scrolled - 1] + 1 :] if self.scrolled else lines

    def foot(self) -> AnyFormattedText:
        if self.note:
            return [("class:note", f" {self.note}")]
        gap = "  " if self.columns >= ROOMY else " "
        parts: StyleAndTextTuples = []
        for keys, label, _ in self.actions:
            parts += [("class:key", f" {keys[0].replace('c-', '^')}"), ("", f" {label}{gap[1:]}")]
        return [*parts, ("class:key", " esc"), ("", " leave")]

    # -- keys ---------------------------------------------------------------------------------------------------------

    def filter(self) -> None:
        query = " ".join(self.buffer.text.split())
        narrower = bool(self.query) and query.startswith(self.query) and query.lower() == query
        among = sorted(self.found) if narrower else range(len(self.items))
        self.query, self.note = query, ""
        self.found = search(query, self.lines, among)
        self.here = self.scrolled = 0

    def move(self, by: int) -> None:
        self.here = min(max(self.here + by, 0), max(len(self.found) - 1, 0))
        self.scrolled, self.note = 0, ""

    def scroll(self, by: int) -> None:
        self.scrolled = max(self.scrolled + by, 0)

    def keys(self) -> KeyBindings:
        bindings = KeyBindings()
        for keys, by in ((("up", "c-p"), -1), (("down", "c-n"), 1), (("pageup",), -10), (("pagedown",), 10)):
            for key in keys:
                bindings.add(key)(lambda event, by=by: self.move(by))
        bindings.add("s-up")(lambda event: self.scroll(-3))
        bindings.add("s-down")(lambda event: self.scroll(3))
        for action in self.actions:
            for key in action.keys:
                bindings.add(key, eager=True)(lambda event, action=action: self.act(event, action))
        for key in ("escape", "c-c", "c-g"):
            bindings.add(key, eager=True)(lambda event: event.app.exit())
        bindings.add("q")(self.letter_q)
        return bindings

    def letter_q(self, event: KeyPressEvent) -> None:
        """Leaves where nothing is typed, as in a pager."""
        if self.buffer.text:
            self.buffer.insert_text("q")
        else:
            event.app.exit()

    def act(self, event: KeyPressEvent, action: Action) -> None:
        if not self.found:
            return
        self.note = action.does(self.found[self.here])
        if not self.note:
            event.app.exit()


def cut(text: str, room: int) -> tuple[str, int]:
    """The beginning of a line that fits into so many columns, with an ellipsis where there is more; and its width."""
    width = get_cwidth(text)
    if width <= room:
        return text, width
    end = width = 0
    while end < len(text) and width + get_cwidth(text[end]) < room:
        width += get_cwidth(text[end])
        end += 1
    return text[:end] + "…", width + 1
