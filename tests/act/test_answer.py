"""``procy answer`` on a real tmux, to a program that asks one thing after another."""

from __future__ import annotations

import sys

import pytest

from procy.act.answer import choose, waiting_panes
from procy.act.target import find_target
from procy.capture.tmux import Tmux
from procy.errors import PaneBusy
from tests.conftest import Lab, wait_until
from tests.popups.conftest import Popup

ASKS = r"""
import sys, tty
tty.setraw(0)
for name in ("one", "two", "three"):
    print(f"\x1b[2J\x1b[H{'─' * 40}\r\n touch {name}\r\n Do you want to proceed?\r\n ❯ 1. Yes\r\n   2. No\r", flush=True)
    sys.stdin.read(1)
print("\x1b[2J\x1b[Hno more", flush=True)
sys.stdin.read(1)
"""


def test_one_answer_goes_to_one_question(lab: Lab) -> None:
    """The next question asks the same, with the same answers, about another command: nobody has seen that one yet."""
    lab.start(sys.executable, "-c", ASKS)
    lab.wait_for("touch one")
    lab.record()
    lab.procy("answer", "-t", lab.pane, "--yes", inside=True)
    assert "touch two" in lab.screen()


def test_an_answer_goes_to_no_question_but_its_own(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.start(sys.executable, "-c", ASKS)
    lab.wait_for("touch one")
    lab.record()
    monkeypatch.setenv("TMUX", f"{lab.socket},1,0")
    target = find_target(lab.places, lab.pane, any_program=True)
    dialog = target.look().dialog
    assert dialog
    lab.press("2")
    lab.wait_for("touch two")
    with pytest.raises(PaneBusy, match="another question"):
        choose(target, dialog, dialog.options[0])
    assert "touch two" in lab.screen()


def test_the_longest_wait_comes_first(lab: Lab) -> None:
    lab.start()
    panes = [lab.pane, *(lab.tmux("split-window", "-d", "-P", "-F", "#{pane_id}", "cat").strip() for _ in range(2))]
    for pane, since in zip(panes, ("200", "90", "1000"), strict=True):
        lab.tmux("set-option", "-p", "-t", pane, "@procy_since", since)
        lab.tmux("set-option", "-p", "-t", pane, "@procy_state", "waiting")
    assert waiting_panes(Tmux(lab.socket)) == [panes[1], panes[0], panes[2]]


def test_the_popup_goes_with_its_pane(lab: Lab) -> None:
    lab.start(sys.executable, "-c", ASKS)
    lab.wait_for("touch one")
    lab.record()
    wait_until(lambda: lab.option("@procy_state"), what="a state")
    lab.tmux("set-option", "-p", "-t", lab.pane, "@procy_state", "waiting")
    popup = Popup(lab)
    popup.run("answer", "-t", lab.pane)
    popup.wait_for("touch one")
    lab.tmux("kill-pane", "-t", lab.pane)
    popup.until_left()
    assert "exception" not in popup.screen()
