"""Copying an answer or a part of it."""

from __future__ import annotations

import json

import pytest

from procy.parse.code import Code, code_blocks
from tests.conftest import Lab
from tests.popups.conftest import ANSWER, Popup


def buffer(lab: Lab) -> str:
    return lab.tmux("show-buffer", "-b", "procy")


def test_one_chooses_from_a_list(agent: Lab, popup: Popup) -> None:
    popup.run("copy", "here")
    popup.wait_for("4/4")
    screen = popup.screen()
    assert "answer   The parser split" in screen and "sh       pytest -q" in screen and "2 lines" in screen
    popup.press("Down", "Down")
    popup.wait_for("tail -n 1 log")
    popup.press("Enter")
    popup.until_left()
    assert buffer(agent) == "pytest -q\ntail -n 1 log"


def test_without_a_terminal_it_is_the_last_answer(agent: Lab) -> None:
    assert "copied 14 lines" in agent.procy("copy", "here", inside=True).stderr
    assert buffer(agent) == ANSWER


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--code", "1"), 'name, _, value = line.partition("=")\n'),
        (("--all",), 'name, _, value = line.partition("=")\n\npytest -q\ntail -n 1 log\n'),
        (("--answer",), ANSWER + "\n"),
    ],
)
def test_outside_tmux_it_is_printed(agent: Lab, arguments: tuple[str, ...], text: str) -> None:
    assert agent.procy("copy", "here:3", *arguments).stdout == text


def test_what_is_not_there_is_said(agent: Lab) -> None:
    assert "the turn has no code block number 3" in agent.procy("copy", "here", "--code", "3", check=False).stderr
    assert "the turn has no code block" in agent.procy("copy", "here:2", "--code", "1", check=False).stderr
    assert agent.procy("copy", "here", "--list").stdout.splitlines()[2].split() == [
        "1", "python", "1", "name,", "_,", "value", "=", 'line.partition("=")',
    ]  # fmt: skip


def test_the_list_as_json(agent: Lab) -> None:
    found = json.loads(agent.procy("copy", "here", "--json").stdout)
    assert [(one["what"], one["language"]) for one in found] == [
        ("answer", ""),
        ("code", "python"),
        ("code", "sh"),
        ("prompt", ""),
    ]
    assert found[2]["text"] == "pytest -q\ntail -n 1 log"


def test_fences_are_read_as_markdown_has_them() -> None:
    answer = "1. one\n\n   ```py extra\n   x\n   ```\n\n> ~~~\n> y\n> ~~~\n\n````md\n```\nz\n```\n````\n\n```sh\nunclosed"
    assert code_blocks(answer) == [Code("py", "x"), Code("", "y"), Code("md", "```\nz\n```"), Code("sh", "unclosed")]
