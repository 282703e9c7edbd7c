"""The command prompt: typed at as the seed's was, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from procy.popups.prompt import CommandError, PrivateHistory, words_of
from tests.conftest import Lab, wait_until
from tests.popups.conftest import Popup


def test_a_command_answers_in_the_popup_and_the_prompt_comes_again(agent: Lab, popup: Popup) -> None:
    popup.run("prompt", "-t", agent.pane, columns=80, rows=24)
    popup.wait_for("esc leaves")
    popup.type("!estatus")
    popup.press("Enter")
    popup.wait_for("Today: ")
    popup.type("summary he")
    popup.press("Tab")
    popup.wait_for("summary here")
    popup.press("Enter")
    popup.wait_for("Bash 2 (1 failed)")
    popup.press("Up")
    wait_until(lambda: popup.screen().count("procy summary here") == 2, what="the history")
    popup.press("C-u", "Enter")
    popup.until_left()
    history = Path(agent.places.home) / "prompt_history"
    assert "+!estatus" in history.read_text() and history.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("serve base", "no base model is named"),
        ("!deploy trained", "no adapter is called 'last'"),
        ("show 'x", "No closing quotation"),
        ("forget", "Say what: a SESSION"),
        ("show nobody", "no session 'nobody'. List them with: procy sessions"),
        ("search", "Missing argument 'WORDS...'"),
    ],
)
def test_what_is_wrong_is_said(agent: Lab, popup: Popup, line: str, words: str) -> None:
    popup.run("prompt", "-t", agent.pane, columns=80, rows=24)
    popup.wait_for("esc leaves")
    popup.type(line)
    popup.press("Enter")
    popup.wait_for(words)
    popup.wait_for("esc leaves")
    assert "Traceback" not in popup.screen()
    popup.press("C-u", "Escape")
    popup.until_left()


def test_commands_concern_the_pane_that_was_given(agent: Lab, popup: Popup) -> None:
    popup.run("prompt", "-t", agent.pane, "record", columns=80, rows=24)
    popup.wait_for("procy record")
    popup.press("Enter")
    popup.wait_for(f"recording pane {agent.pane} as")
    popup.press("Escape")
    popup.until_left()


def test_what_is_typed_comes_behind_the_words_that_stand_there(agent: Lab, popup: Popup) -> None:
    popup.run("prompt", "-t", agent.pane, "evolve", columns=80, rows=24)
    popup.wait_for("procy evolve")
    popup.type("3")
    popup.wait_for("procy evolve 3")
    popup.press("C-u", "Escape")
    popup.until_left()


def test_long_output_goes_through_the_pager(agent: Lab, popup: Popup) -> None:
    popup.run("prompt", "-t", agent.pane, columns=50, rows=15)
    popup.wait_for("esc leaves")
    popup.type("help")
    popup.press("Enter")
    popup.wait_for("Usage: procy")
    popup.press("G")
    popup.wait_for("(END)")
    popup.press("q")
    popup.wait_for("esc leaves")


def test_words() -> None:
    assert words_of("  !show 'the first:2'") == ("show", "the first:2")
    assert words_of("procy status") == ("status",)
    assert words_of("!reset-evolve") == ("evolve", "reset")
    assert words_of("!deploy base --now") == ("serve", "base", "--now")
    with pytest.raises(CommandError, match="No closing quotation"):
        words_of('send "half')


def test_the_history_holds_no_secret_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "history"
    PrivateHistory(str(path)).store_string("send use ghp_" + "a1" * 18)
    assert "[redacted:github-token]" in path.read_text() and "ghp_" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
