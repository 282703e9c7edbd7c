"""The emulator against tmux's own picture of the same bytes, and its own promises."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from procy.parse.screen import Screen
from procy.parse.width import display_width
from tests.conftest import Lab, wait_until

STREAMS = {
    "wide characters and emoji": "漢字 한국어 👍 👩‍👩‍👧 e\u0301 ｆｕｌｌ\r\nnext",
    "carriage-return progress": "".join(f"\r{n:3d} %" for n in range(0, 101, 5)) + "\r\ndone",
    "cursor-forward gaps": "Welcome\x1b[3Cto\x1b[1CClaude\x1b[10GX",
    "colours and erasing": "\x1b[31mred\x1b[0m \x1b[1;44mbold\x1b[0m\x1b[K\r\n\x1b[2Kgone\rline",
    "scroll region": "\x1b[2;4r\x1b[4;1Ha\r\nb\r\nc\r\nd\x1b[r\x1b[10;1Hend",
    "insert and delete lines": "one\r\ntwo\r\nthree\x1b[2;1H\x1b[Linserted\x1b[1;1H\x1b[M",
    "alternate screen": "main\x1b[?1049h\x1b[2J\x1b[Halternate",
    "alternate screen left": "main\r\n\x1b[?1049h\x1b[2J\x1b[Halternate\x1b[?1049lback",
    "wrapping": "x" * 150 + "\r\n" + "y" * 40 + "z",
    "tabs": "a\tb\tc\r\n\t\td",
    "synchronized update": "\x1b[?2026hone\r\n\x1b[2Ktwo\x1b[?2026l three",
}


@pytest.mark.parametrize("name", STREAMS)
def test_screen_is_what_tmux_shows(lab: Lab, tmp_path: Path, name: str) -> None:
    data = STREAMS[name].encode()
    file = tmp_path / "stream"
    file.write_bytes(data)
    lab.start("sh", "-c", f"stty raw -echo; cat {file}; touch {tmp_path}/shown; sleep 100", columns=40, rows=12)
    wait_until(lambda: (tmp_path / "shown").exists())
    time.sleep(0.1)
    shown = [line.rstrip() for line in lab.screen().split("\n")][:12]
    screen = Screen(40, 12)
    screen.feed(data)
    assert screen.lines() == shown + [""] * (12 - len(shown))


@pytest.mark.parametrize("name", STREAMS)
def test_escapes_paint_the_same_screen_again(name: str) -> None:
    screen = Screen(40, 12)
    screen.feed(STREAMS[name].encode())
    again = Screen(40, 12)
    again.feed(screen.escapes())
    assert (again.lines(), again.cursor, again.alternate) == (screen.lines(), screen.cursor, screen.alternate)


def test_leaving_the_alternate_screen_of_a_picture_shows_the_main_one() -> None:
    screen = Screen(40, 5)
    screen.feed(b"main screen\r\n\x1b[?1049h\x1b[Halternate")
    again = Screen(40, 5)
    again.feed(screen.escapes())
    again.feed(b"\x1b[?1049l")
    assert again.lines()[0] == "main screen"


def test_anchor_follows_its_row_through_scrolling_and_reflow() -> None:
    screen = Screen(20, 4)
    screen.feed(b"first\r\n" + b"a long line that wraps at twenty\r\nmarked\r\n")
    anchor = screen.anchor(screen.cursor_row - 1)
    screen.feed(b"more\r\n" * 50)
    assert anchor.row is not None and screen.rows(anchor.row, anchor.row + 1) == ["marked"]
    screen.resize(10, 4)
    assert anchor.row is not None and screen.rows(anchor.row, anchor.row + 1) == ["marked"]
    screen.resize(60, 4)
    assert anchor.row is not None and screen.rows(anchor.row, anchor.row + 1) == ["marked"]


def test_text_joins_what_was_wrapped_only() -> None:
    screen = Screen(10, 5)
    screen.feed(b"0123456789abc\r\nnext\r\n")
    assert screen.text(0, 3) == "0123456789abc\nnext"
    assert screen.rows(0, 3) == ["0123456789", "abc", "next"]


def test_width() -> None:
    assert display_width("abc") == 3
    assert display_width("漢字") == 4
    assert display_width("e\u0301") == 1
