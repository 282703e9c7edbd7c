"""Scrollback and summary: what they show, at two sizes, and nothing that acts on the terminal."""

from __future__ import annotations

import json

import pytest

from procy.popups.scrollback import conversation
from procy.store import write
from procy.store.db import open_reader, open_writer
from procy.store.read import find_session
from tests.conftest import Lab, wait_until
from tests.popups.conftest import Popup


@pytest.mark.parametrize(("columns", "rows"), [(100, 30), (50, 15)])
def test_scrollback_begins_at_the_end_and_searches(agent: Lab, popup: Popup, columns: int, rows: int) -> None:
    popup.run("scrollback", "here", columns=columns, rows=rows)
    popup.wait_for("(END)")
    assert "All 42 tests pass." in popup.screen() and "pytest -q" in popup.screen()
    popup.type("?old tests")
    popup.press("Enter")
    popup.wait_for("and keep the old tests.")
    popup.press("g")
    popup.wait_for("1  2026")
    popup.press("q")
    popup.until_left()


def test_scrollback_without_a_terminal_is_plain(agent: Lab) -> None:
    text = agent.procy("scrollback", "here").stdout
    assert "▸ Bash pytest -q  3.1 s" in text and "  42 passed\n  in 3 s" in text and "▸ Bash false  error" in text
    assert "interrupted" in text and "name, _, value" in text and "```" not in text
    assert "Größe 日本語" in text
    connection = open_reader(agent.places.db)
    parts = list(conversation(connection, find_session(connection, "here"), 80, colour=False))
    connection.close()
    assert "\x1b" not in "".join(parts), "an agent's own control characters reach no terminal"


def test_scrollback_of_the_terminal(agent: Lab) -> None:
    connection = open_writer(agent.places.db)
    with write.transaction(connection):
        write.add_terminal_text(connection, "HERE".ljust(26, "0"), 9, "what stood\nthere \x1b[2J", lambda text: text)
    connection.close()
    assert agent.procy("scrollback", "here", "--terminal").stdout == "what stood\nthere \n"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (100, 30)])
def test_summary_fits_and_waits_for_a_key(agent: Lab, popup: Popup, columns: int, rows: int) -> None:
    popup.run("summary", "here", "--wait", columns=columns, rows=rows)
    popup.wait_for("any key")
    screen = popup.screen()
    assert screen.startswith(" here  claude-code") and "3  2 done, 1 interrupted" in screen
    assert "Bash 2 (1 failed)" in screen and "+1 −1  parse.py" in screen and "#2  Explain the build" in screen
    popup.press("x")
    popup.until_left()


def test_summary_as_json(agent: Lab) -> None:
    found = json.loads(agent.procy("summary", "here", "--json").stdout)
    assert found["turns"] == {"done": 2, "interrupted": 1} and found["tokens"]["out"] == 2520 and found["cost_usd"] == 0.75
    assert found["tools"] == {"Bash": [2, 1]} and list(found["files"].values()) == [[1, 1]]


def test_ctrl_c_is_the_pagers_own_key(agent: Lab, popup: Popup) -> None:
    popup.run("scrollback", "here", rows=15)
    popup.wait_for("(END)")
    popup.press("C-c")

    def at_the_beginning() -> bool:
        popup.press("g")  # less forgets keys that come while it is interrupted
        return "1  2026" in popup.screen()

    wait_until(at_the_beginning, what="the beginning, after Ctrl-C")
    popup.press("q")
    popup.until_left()
    # tmux 3.3a can miss the signal of one child's end until the next child ends
    status = ("run-shell", "true", ";", "display-message", "-p", "-t", popup.pane, "#{pane_dead_status}")
    wait_until(lambda: agent.tmux(*status).strip() == "0", what="an end without an error")
