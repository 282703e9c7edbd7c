"""Composers and dialogs of the real clients, as tmux captured them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from procy.parse.composer import Dialog, Option, holds_only, kind_of, plain_rows, read_composer, read_dialog

RECORDINGS = Path(__file__).parent.parent / "recordings"
SCREENS = {
    (agent, name): screen
    for agent, version in (("claude-code", "2.1.329"), ("codex", "0.169.0"), ("gemini-cli", "0.61.0"), ("qwen-code", "0.24.4"))
    for name, screen in json.loads((RECORDINGS / agent / version / "screens.json").read_text()).items()
}
MARKS = {"claude-code": ("❯",), "codex": ("›",)}
OTHERS = {"gemini-cli": (" >", " *"), "qwen-code": (">", "*")}
PASTED = {"claude-code": "[Pasted text #1 +3 lines]", "codex": "line one\n line two tab; here\nline three\nx"}
LONG = {"claude-code": "[Pasted text #2]", "codex": "[Pasted Content 1504 chars]"}
BLANK = {"claude-code": "[Pasted text #3 +5 lines]", "codex": "first\n\nthird with empty line\n\n\nsixth"}


def composer(agent: str, name: str) -> str | None:
    screen = SCREENS[agent, name]
    return read_composer(screen["rows"], tuple(screen["cursor"]), (MARKS | OTHERS)[agent])


@pytest.mark.parametrize("agent", MARKS)
def test_what_is_typed_is_told_from_hints(agent: str) -> None:
    typed = {"empty": "", "busy": "", "queued": "", "typed": "hello wor", "two lines": "a\nb", "menu": "/"}
    typed |= {"four lines": PASTED[agent], "long line": LONG[agent], "blank lines": BLANK[agent]}
    assert {name: composer(agent, name) for name in typed} == typed


def test_composers_that_are_indented_or_have_tinted_hints() -> None:
    pasted = {"gemini-cli": "[Pasted Text: 12 lines]", "qwen-code": "[Pasted Content 85 chars]"}
    for agent, note in pasted.items():
        typed = {"empty": "", "busy": "", "typed": "hello wor", "pasted": note}
        assert {name: composer(agent, name) for name in typed if (agent, name) in SCREENS} == {
            name: text for name, text in typed.items() if (agent, name) in SCREENS
        }
        assert holds_only(note, "\n".join(f"line {number}" for number in range(12)))


@pytest.mark.parametrize("agent", OTHERS)
def test_dialogs_in_a_box_and_above_a_scroll_bar(agent: str) -> None:
    dialog = read_dialog(SCREENS[agent, "permission yes"]["rows"])
    other = read_dialog(SCREENS[agent, "permission no"]["rows"])
    assert dialog and other and dialog.question.startswith("Allow execution of")
    kinds = [kind_of(option.text) for option in dialog.options]
    assert sorted(set(kinds)) == ["always", "no", "yes"] and (kinds[0], kinds[-1], dialog.marked) == ("yes", "no", 1)
    assert "touch yes.txt" in dialog.subject and not dialog.is_same(other)


@pytest.mark.parametrize(("agent", "name"), [key for key in SCREENS if key[1].startswith(("permission", "question", "shell"))])
def test_where_another_mode_has_the_cursor_there_is_no_composer(agent: str, name: str) -> None:
    assert composer(agent, name) is None


def test_of_long_input_the_end_is_seen() -> None:
    shown = composer("codex", "sixty lines")
    whole = "\n".join(f"line {number}" for number in range(60))
    assert shown and shown.startswith("line 45") and holds_only(shown, whole)


@pytest.mark.parametrize(
    ("shown", "text", "only"),
    [
        ("hello there", "hello there", True),
        ("hello  there", "hello\n\tthere", True),
        ("hello there MINE", "hello there", False),
        ("[Pasted text #1 +3 lines]", "a\nb\nc\nd", True),
        ("[Pasted text #1 +3 lines] MINE", "a\nb\nc\nd", False),
        ("the end of it", "the beginning and the end of it", True),
        ("the beginning", "the beginning and the end of it", False),
        ("it the end of", "the beginning and the end of it", False),
        ("👍🏽", "hello there", False),
        ("👍🏽", "👍🏽", True),
        ("emoji and Zé", "emoji 👍🏽 and Zé", True),
        ("םולש hello", "שלום hello", True),
        ("םולש hello MINE", "שלום hello", False),
    ],
)
def test_a_composer_that_holds_something_else_is_known(shown: str, text: str, only: bool) -> None:
    assert holds_only(shown, text) == only


def dialog(agent: str, name: str) -> Dialog | None:
    return read_dialog(SCREENS[agent, name]["rows"])


def test_dialogs_are_read_with_all_their_answers() -> None:
    asked = dialog("claude-code", "permission")
    assert asked and asked.question == "Do you want to proceed?" and asked.marked == 1
    assert [kind_of(option.text) for option in asked.options] == ["yes", "always", "always", "no"]
    assert asked.option("always") == Option(2, "Yes, and always allow access to /home/me/work from this project")
    asked = dialog("claude-code", "permission to write")
    assert asked and asked.options[1].text.endswith("for this session (shift+tab)"), "an answer of two rows"
    asked = dialog("claude-code", "question")
    assert asked and [option.text for option in asked.options] == ["Red", "Blue", "Type something.", "Chat about this"]
    asked = dialog("codex", "permission")
    assert asked and asked.option("no") == Option(3, "No, and tell Codex what to do differently")


@pytest.mark.parametrize(("agent", "name"), [key for key in SCREENS if not key[1].startswith(("permission", "question"))])
def test_other_screens_are_no_dialogs(agent: str, name: str) -> None:
    assert dialog(agent, name) is None


@pytest.mark.parametrize("agent", MARKS)
def test_the_same_question_about_another_command_is_another_dialog(agent: str) -> None:
    rows = SCREENS[agent, "permission"]["rows"]
    answers = next(place for place, row in enumerate(plain_rows(rows)) if "1. Yes" in row)
    above, below = rows[:answers], rows[answers:]
    other = read_dialog([*(row.replace("asked.txt", "other.txt") for row in above), *below])
    assert other and other._replace(subject=()) == dialog(agent, "permission")._replace(subject=())
    assert other != dialog(agent, "permission")


def test_a_numbered_list_in_an_answer_is_no_dialog() -> None:
    assert read_dialog(["● Two things:", "  1. Yes, this", "  2. No, that", "", "❯ "]) is None
