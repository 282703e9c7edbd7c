"""``procy answer`` on a real tmux, to a program that asks one thing after another."""

from __future__ import annotations

import sys

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
