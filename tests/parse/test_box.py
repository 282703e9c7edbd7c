"""The composer of OpenCode 1.18.33, as ``tmux capture-pane -e`` shows it."""

from __future__ import annotations

import pytest

from procy.parse.composer import holds_only, read_composer

MARKS = ("┃",)
SAID = ["  \x1b[38;5;75m┃\x1b[39m", "  ┃  a prompt of the conversation", "  ┃", "", "     its answer", ""]


def box(*text: str, indent: int = 2) -> list[str]:
    rows = ["", *text, "", "\x1b[38;5;75mBuild\x1b[38;5;15m \x1b[38;5;8m·\x1b[38;5;15m Scripted"]
    bar = " " * indent + "\x1b[38;5;75m┃\x1b[38;5;15m\x1b[48;5;234m"
    return [*(f"{bar}  {row}" if row else bar for row in rows), " " * indent + "╹▀▀▀▀▀▀▀▀"]


@pytest.mark.parametrize("indent", [2, 23])
def test_what_is_typed(indent: int) -> None:
    rows = [*SAID, *box("echo one", "", "    and two", indent=indent), "   ctrl+p commands"]
    for row in (7, 8, 9):
        assert read_composer(rows, (indent + 5, row), MARKS) == "echo one\n\n    and two"
    assert read_composer([*SAID, *box("", indent=indent)], (indent + 3, 7), MARKS) == ""


def test_a_hint_is_not_typed_but_may_be() -> None:
    hint = box('\x1b[38;5;8mAsk anything… "Fix a TODO"\x1b[38;5;15m', indent=23)
    assert read_composer(hint, (26, 1), MARKS) == ""
    assert read_composer(box("Ask anything"), (17, 1), MARKS) == "Ask anything"


def test_no_composer_has_the_cursor() -> None:
    rows = [*SAID, *box("x")]
    assert [read_composer(rows, (4, row), MARKS) for row in (1, 4, 6, 8, 9, 10, 99)] == [None] * 7
    assert read_composer(["  ┃", "  ┃  Permission required", "  ┃", "  ┃"], (0, 1), MARKS) is None


def test_the_note_for_a_paste_stands_for_it() -> None:
    shown = read_composer(box("[Pasted ~5 lines]"), (22, 1), MARKS)
    assert shown and holds_only(shown, "a\nb\nc\nd\ne") and not holds_only("see [Pasted ~5 lines]", "a\nb")
