"""The hour itself: what somebody does at the desk, and what is on the screen at each stop."""

from __future__ import annotations

import json
import sys

from procy.demo.script import PROMPTS
from tests.guide.desk import Desk

TASK = "wordcount"
GOAL = "Count the words of any text as a reader would"
TRIES = 4
ASKED = PROMPTS[:3]  # the fourth has signs that not every machine has fonts for
CORRECTED = "; write accents one way first"
NOTE = "I had forgotten them"
SCREENS = ("recorded", "menu", "correct", "pick", "show", "export", "evaluator", "evolve")  # in the guide, in this order


class Hour:
    """``screens``: what was seen, by name."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.screens: dict[str, str] = {}

    def play(self) -> dict[str, str]:
        self.record()
        self.look_around()
        self.correct()
        self.show()
        self.judge()
        self.evolve()
        return self.screens

    def record(self) -> None:
        """The agent in the pane, and three prompts."""
        desk = self.desk
        desk.begin()
        desk.say(f"procy record -- {sys.executable.rpartition('/')[2]} -m procy.demo.agent --task {TASK}")
        desk.until_seen("esc interrupts")
        for number, prompt in enumerate(ASKED, 1):
            desk.say(prompt)
            desk.until(lambda number=number: self.ended() >= number, f"the end of turn {number}")
            if number == 1:
                desk.until_seen("· 1")  # idle again, by the status line
                self.screens["recorded"] = desk.seen()

    def ended(self) -> int:
        return int(str(self.desk.rows("SELECT count(*) AS n FROM turns WHERE status = 'done'")[0]["n"]))

    def look_around(self) -> None:
        desk = self.desk
        desk.prefix("P")
        desk.until_seen("Doctor")
        self.screens["menu"] = desk.seen()
        desk.keys("Escape")
        desk.until_gone("Doctor")
        desk.prefix("H")
        desk.until_seen("enter paste")
        desk.text("case")
        desk.until_seen("Yes, ignore case")
        self.screens["pick"] = desk.seen()
        desk.keys("Escape")
        desk.until_gone("procy: prompts")

    def correct(self) -> None:
        """The last prompt: interrupted where it still runs, corrected, sent again."""
        desk, before = self.desk, self.ended()
        desk.prefix("F")
        desk.until_seen(">8")
        desk.keys("End")
        desk.text(CORRECTED)
        desk.keys("Escape", "G", "o")
        desk.text(NOTE)
        desk.keys("Escape")
        desk.until_seen(NOTE)
        self.screens["correct"] = desk.seen()
        desk.text(":wq")
        desk.keys("Enter")
        desk.until(lambda: self.ended() > before, "the corrected turn")

    def show(self) -> None:
        desk = self.desk
        self.screens["show"] = desk.procy("show", "last:3").stdout
        done = (
            desk.procy("export", "cast", "last", "-o", "session.cast"),
            desk.procy("export", "html", "last", "-o", "session.html"),
        )
        self.screens["export"] = "".join(one.stdout + one.stderr for one in done)
        for name in ("session.cast", "session.html"):
            (desk.work / name).unlink()

    def judge(self) -> None:
        """The evaluator, which lies beside the code."""
        done = self.desk.procy("eval", "set", inside=True)
        self.screens["evaluator"] = done.stdout + done.stderr

    def evolve(self) -> None:
        desk = self.desk
        desk.procy("evolve", str(TRIES), "--goal", GOAL, "--proposer", "template", "--yes", inside=True)
        desk.until(lambda: self.run_status() != "running", "the end of the run", 60.0 * TRIES)
        self.screens["evolve"] = desk.procy("evolve", "status").stdout

    def run_status(self) -> str:
        return str(json.loads(self.desk.procy("evolve", "status", "--json").stdout)["status"])
