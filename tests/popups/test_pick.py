"""The picker in a real pane: typed at, looked at, and what it gives to the agent's pane."""

from __future__ import annotations

import json

import pytest

from procy.popups.fuzzy import Line, marked, search
from tests.conftest import Lab, wait_until
from tests.popups.conftest import Popup


def test_prompts_near_come_first_and_each_once(agent: Lab, popup: Popup) -> None:
    popup.run("pick", "-t", agent.pane)
    popup.wait_for("4/4")
    rows = [line[3:60].strip() for line in popup.screen().splitlines()[1:5]]
    assert rows[0].startswith("Größe 日本語 als Überschrift red") and rows[1] == "Explain the build"
    assert rows[3] == "Rename the flag everywhere"
    assert "● Explain" in popup.screen(), "the one of this directory stands for the one elsewhere"


def test_typing_filters_and_enter_pastes_without_sending(agent: Lab, popup: Popup) -> None:
    popup.run("pick", "-t", agent.pane)
    popup.wait_for("4/4")
    popup.type("par eq")
    popup.wait_for("1/4")
    assert "and keep the old tests." in popup.screen() and "The parser split" in popup.screen()
    popup.press("Enter")
    popup.until_left()
    agent.wait_for("and keep the old tests.")
    assert agent.screen().splitlines()[:3] == ["Fix the parser for values with equals signs", "", "and keep the old tests."] or (
        "Fix the parser" in agent.screen()
    )


def test_copy_mode_and_shells_are_refused_and_the_popup_stays(agent: Lab, popup: Popup) -> None:
    agent.tmux("copy-mode", "-t", agent.pane)
    popup.run("pick", "-t", agent.pane)
    popup.wait_for("4/4")
    popup.press("Enter")
    popup.wait_for(f"pane {agent.pane} is in copy mode. Leave it with q")
    agent.press("q")
    agent.tmux("respawn-pane", "-k", "-t", agent.pane, "bash", "--norc")
    wait_until(lambda: "$" in agent.screen(), what="a shell")
    popup.press("Enter")
    popup.wait_for(f"pane {agent.pane} runs a shell. Start the agent in it first")
    popup.press("Escape")
    popup.until_left()
    assert "Fix" not in agent.screen()


def test_tab_opens_the_editor_first(agent: Lab, popup: Popup) -> None:
    agent.tmux("set-environment", "-g", "EDITOR", "sed -i s/Explain/Describe/")
    popup.run("pick", "-t", agent.pane)
    popup.wait_for("4/4")
    popup.type("explain")
    popup.wait_for("1/4")
    popup.press("Tab")
    popup.until_left()
    agent.wait_for("Describe the build")


def test_copying_goes_to_tmux(agent: Lab, popup: Popup) -> None:
    popup.run("pick", "-t", agent.pane)
    popup.wait_for("4/4")
    popup.type("explain")
    popup.wait_for("1/4")
    popup.press("C-y")
    popup.until_left()
    assert agent.tmux("show-buffer", "-b", "procy") == "Explain the build"


@pytest.mark.parametrize("key", ["Escape", "q", "C-c"])
def test_it_is_left_without_a_trace(agent: Lab, popup: Popup, key: str) -> None:
    popup.run("pick", "-t", agent.pane, columns=40, rows=12)
    popup.wait_for("4/4")
    assert all(len(line) <= 40 for line in popup.screen().splitlines())
    popup.press(key)
    popup.until_left()
    assert not agent.screen().strip()


def test_the_list_as_json(agent: Lab) -> None:
    done = agent.procy("pick", "--json", "-t", agent.pane, inside=True)
    assert [one["near"] for one in json.loads(done.stdout)] == [0, 0, 0, 2]
    assert "needs a terminal" in agent.procy("pick", inside=True, check=False).stderr


def found(query: str, *texts: str) -> list[str]:
    lines = [Line.of(text) for text in texts]
    return [texts[number] for number in search(query, lines, range(len(lines)))]


def test_better_matches_come_first() -> None:
    texts = ("a-u-t-h", "reauthorize", "the auth module", "nothing")
    assert found("auth", *texts) == ["the auth module", "reauthorize", "a-u-t-h"]
    assert found("mod auth", *texts) == ["the auth module"]
    assert found("", *texts) == list(texts)
    assert found("[(*", "a [x] (y) *z", "b") == ["a [x] (y) *z"]


def test_case_matters_only_where_it_is_typed() -> None:
    assert found("api", "API key", "api key") == ["API key", "api key"]
    assert found("API", "API key", "api key") == ["API key"]
    assert found("straße", "STRASSE", "Straße") == ["Straße"]


def test_what_was_found_is_marked() -> None:
    assert marked("ab", "xx Ab ab") == {3, 4}
    assert marked("xz b", "x-y-z ab") == {0, 4, 7}
    assert marked("İ", "x İstanbul") == {2}


def test_an_agent_that_asks_gets_no_text(agent: Lab, popup: Popup) -> None:
    """Its dialog could take a letter of it for an answer."""
    agent.tmux("set-option", "-p", "-t", agent.pane, "@procy_state", "waiting")
    popup.run("pick", "-t", agent.pane)
    popup.wait_for("4/4")
    popup.press("Enter")
    popup.wait_for(f"the agent in pane {agent.pane} asks. Answer it")
    popup.press("Escape")
    popup.until_left()
    assert "Fix" not in agent.screen()
