"""A screen as HTML: its colours, and nothing else of what an agent may have written."""

from __future__ import annotations

import re

import pytest

from procy.recording.coloured import screen_html, styled
from procy.types import Picture

KEY = "sk-ant-" + "a1B2" * 10


def html(escapes: str, columns: int = 80) -> str:
    return screen_html(Picture(columns, 6, escapes.encode()))


def test_colours_become_inline_styles() -> None:
    made = html("\x1b[1;32mgo\x1b[0m \x1b[38;5;208mx\x1b[0m \x1b[48;2;1;2;3my\x1b[0m \x1b[31;7mz\x1b[0m plain")
    assert '<span style="color:#4cb878;font-weight:bold">go</span>' in made
    assert '<span style="color:#ff8700">x</span>' in made and '<span style="background:#010203">y</span>' in made
    assert '<span style="color:#101315;background:#e5645c">z</span> plain</pre>' in made


@pytest.mark.parametrize(
    "evil",
    ["<script>alert(1)</script>", '\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\',
     '\x1b]8;;x"><img src=x onerror=y>\x1b\\link\x1b]8;;\x1b\\', "</div></pre><b>out", "&lt;i&gt;"],
)  # fmt: skip
def test_nothing_but_text_and_colour_is_in_it(evil: str) -> None:
    made = html(evil)
    assert set(re.findall(r"<(/?\w+)", made)) <= {"pre", "/pre", "span", "/span"} and "javascript:" not in made
    assert made.count("<pre") == made.count("</pre>") == 1


def test_secrets_are_starred_over_colours_and_line_ends() -> None:
    made = html(f"\x1b[33m{KEY[:20]}\x1b[31m{KEY[20:]}\x1b[0m after")
    assert KEY[:12] not in made and KEY[-12:] not in made and "****" in made and "after" in made
    assert KEY[:20] in screen_html(Picture(80, 6, KEY.encode()), redact=False)


def test_blank_rows_and_screens() -> None:
    assert html("") == "" and html("one\r\n\r\n\r\n").endswith(">one</pre>")


def test_a_style_that_is_not_known_is_dropped() -> None:
    assert styled("display: inline;background-image: url(http://x);color: var(--vt-palette-999);opacity: 0.5") == (
        "color:#eeeeee;opacity:0.5"
    )
    assert styled("color: expression(1);font-weight: bold;x") == "font-weight:bold"
