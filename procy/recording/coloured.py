"""A terminal's screen as HTML with its colours: styles inline, secrets starred, nothing in it but text and colour.

The emulator's own HTML is read and written anew: of its tags only those that colour are kept, of their styles only what is
known, and links (an agent may name any address) become their text.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

from procy.parse.redact import starred_picture
from procy.types import Picture

INK, PAPER = "#d6dade", "#101315"
NAMED = ("#23282d", "#e5645c", "#4cb878", "#d4a537", "#6aa5f5", "#b48df2", "#4fb8c0", "#c3c9cf",
         "#6d757d", "#f58a83", "#72d59b", "#e8c263", "#93bff9", "#cbb0f8", "#7fd5db", "#f2f4f5")  # fmt: skip
STEPS = (0, 95, 135, 175, 215, 255)  # of the 6 × 6 × 6 colours from 16 on
PALETTE = re.compile(r"var\(--vt-palette-(\d{1,3})\)")
RGB = re.compile(r"rgb\((\d{1,3}), ?(\d{1,3}), ?(\d{1,3})\)")
KEPT = {
    "font-weight": re.compile("bold"), "font-style": re.compile("italic"), "opacity": re.compile(r"[0-9.]{1,4}"),
    "text-decoration-line": re.compile("[a-z -]{1,40}"),
}  # fmt: skip
FRAME = f"background:{PAPER};color:{INK};padding:10px 12px;margin:0;overflow:auto;white-space:pre;font:12.5px/1.3 monospace"


def screen_html(picture: Picture, redact: bool = True) -> str:
    """A ``<pre>`` with the screen's rows, blank ones at the end left out; "" for an empty screen."""
    from procy.parse.screen import Screen  # late: the emulator takes a sixth of a second to import

    shown = starred_picture(picture) if redact else picture
    screen = Screen(shown.columns, shown.rows)
    screen.feed(shown.escapes)
    html = screen.html()
    screen.close()
    writer = Writer()
    writer.feed(html)
    writer.close()
    rows = "".join(writer.out).rstrip()
    return f'<pre style="{FRAME}">{rows}</pre>' if rows else ""


class Writer(HTMLParser):
    """Puts what the emulator wrote into ``out``. A tag that the text should not have is left out, and its words stay text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []  # of every element that is open: what ends it here

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        style = styled(dict(attrs).get("style") or "") if tag == "div" and self.open else ""
        self.open.append("</span>" if style else "")
        if style:
            self.out.append(f'<span style="{style}">')

    def handle_endtag(self, tag: str) -> None:
        if self.open:
            self.out.append(self.open.pop())

    def handle_data(self, data: str) -> None:
        self.out.append(escape(data))

    def close(self) -> None:
        super().close()
        while self.open:
            self.out.append(self.open.pop())


def styled(style: str) -> str:
    """What is kept of an element's style, its colours as numbers."""
    given = {name.strip(): value.strip() for name, _, value in (one.partition(":") for one in style.split(";"))}
    ink, paper = colour(given.get("color", "")), colour(given.get("background-color", ""))
    if "filter" in given:  # reverse video
        ink, paper = paper or PAPER, ink or INK
    kept = [f"color:{ink}"] * bool(ink) + [f"background:{paper}"] * bool(paper)
    kept += [f"{name}:{given[name]}" for name, form in KEPT.items() if form.fullmatch(given.get(name, ""))]
    return ";".join(kept)


def colour(value: str) -> str:
    """``#rrggbb`` of a colour of the emulator's; "" for what is none."""
    if match := PALETTE.fullmatch(value):
        return palette(min(int(match[1]), 255))
    if match := RGB.fullmatch(value):
        return "#" + "".join(f"{min(int(part), 255):02x}" for part in match.groups())
    return ""


def palette(number: int) -> str:
    if number < 16:
        return NAMED[number]
    if number >= 232:
        return "#" + f"{(number - 232) * 10 + 8:02x}" * 3
    number -= 16
    return "#" + "".join(f"{STEPS[part]:02x}" for part in (number // 36, number // 6 % 6, number % 6))
