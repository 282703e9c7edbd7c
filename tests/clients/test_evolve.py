"""The whole way with both real clients: an evaluator that the agent writes, a run from the tmux prompt, and what it found.

The model is scripted, so the work tree has a prompt template of its own: what the loop asks for is a shell command, which the
client really runs, in its lane.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES
from tests.clients.recording import Recording, recorded, state
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients

JUDGE = (
    "import json; METRICS_SCHEMA = [dict(name='lines', type='int', goal='maximize')]; "
    "print(json.dumps(dict(lines=len(open('answer.txt').readlines()))))"
)
TEMPLATE = """\
Try {{ context.seq }}: more lines in answer.txt.
{% if context.seq % 3 == 2 %}
run: rm answer.txt && touch answer.txt
{% else %}
run: echo line {{ context.seq }} >> answer.txt
{% endif %}
"""


@pytest.fixture
def driver(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, server.url))
    (home.work / "answer.txt").write_text("first\n")
    (home.work / ".procy" / "prompts").mkdir(parents=True)
    (home.work / ".procy" / "prompts" / "template.jinja").write_text(TEMPLATE)
    git(home.work, "init", "-q")
    git(home.work, "add", "-A")
    git(home.work, "commit", "-qm", "start")
    with Driver(home, columns=180) as driver:
        driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
        yield driver
        procy(driver, "evolve", "stop", check=False)
    Recording(home).stop()


def git(work: Path, *arguments: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    return subprocess.run(["git", *who, *arguments], cwd=work, check=True, capture_output=True, text=True).stdout


def procy(driver: Driver, *arguments: str, check: bool = True) -> str:
    """As if from the pane."""
    done = subprocess.run(
        [sys.executable, "-m", "procy", *arguments], cwd=driver.home.work, capture_output=True, text=True, timeout=120,
        env={**driver.home.env, "TMUX": f"{driver.socket},1,0", "TMUX_PANE": driver.pane},
    )  # fmt: skip
    assert not check or done.returncode == 0, (arguments, done.stdout, done.stderr, driver.screen())
    return done.stdout


def run_of(driver: Driver) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(procy(driver, "evolve", "status", "--json"))
    return found


def until_over(driver: Driver, seconds: float = 200.0) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while (run := run_of(driver))["status"] == "running":
        assert time.monotonic() < end, (procy(driver, "evolve", "status"), *screens(driver))
        time.sleep(0.5)
    return run


def screens(driver: Driver) -> list[str]:
    panes = driver.tmux("list-panes", "-a", "-F", "#{pane_id}").split()
    return [driver.tmux("capture-pane", "-p", "-t", pane) for pane in panes]


def test_from_an_evaluator_that_the_agent_writes_to_a_try_that_is_applied(driver: Driver) -> None:
    driver.ask("hello there")
    wish = f'count the lines of answer.txt\nrun: printf "%s" "{JUDGE}" > judge.py'
    said = procy(driver, "eval", "generate", wish, "--yes")
    assert "lines" in said + procy(driver, "eval", "show")
    before = (git(driver.home.work, "rev-parse", "HEAD"), git(driver.home.work, "status", "--short"))

    prompt = driver.tmux(
        "new-window", "-d", "-P", "-F", "#{pane_id}", f"exec {sys.executable} -m procy prompt -t {driver.pane}"
    ).strip()  # fmt: skip

    def shown() -> str:
        return driver.tmux("capture-pane", "-p", "-t", prompt)

    driver.until(lambda: "tab completes" in shown(), "the command prompt")
    driver.tmux("send-keys", "-t", prompt, "-l", "evolve 5")
    driver.tmux("send-keys", "-t", prompt, "Enter")
    driver.until(lambda: "Begin? [Y/n]" in shown(), "the question")
    driver.tmux("send-keys", "-t", prompt, "Enter")
    driver.until(lambda: "has begun" in shown(), "the run")

    run = until_over(driver)
    assert (run["status"], run["reason"]) == ("done", "all 5 tries are made"), procy(driver, "evolve", "status")
    decisions = [row["decision"] for row in run["tries"]]
    assert decisions == ["kept", "kept", "reverted", "kept", "kept", "reverted"]
    assert [row["metrics"]["lines"] for row in run["tries"]] == [1, 2, 0, 3, 4, 0]
    assert all(row["turn_id"] and row["conversation"] and not row["mixed"] for row in run["tries"][1:])
    assert (git(driver.home.work, "rev-parse", "HEAD"), git(driver.home.work, "status", "--short")) == before

    turns = {row["id"]: row for row in Recording(driver.home).rows("SELECT * FROM turns WHERE try_id IS NOT NULL")}
    assert [turns[row["turn_id"]]["prompt"] for row in run["tries"][1:]] == [row["prompt"].strip() for row in run["tries"][1:]]
    conversations = [row["conversation"] for row in run["tries"][1:]]
    assert len(set(conversations)) == 5, "every try is a copy of its parent's"

    procy(driver, "evolve", "apply", "best")
    assert (driver.home.work / "answer.txt").read_text() == "first\nline 1\nline 3\nline 4\n"


def test_a_lane_knows_what_the_users_own_conversation_was_about(driver: Driver) -> None:
    driver.ask("hello there")
    (driver.home.work / "judge.py").write_text(JUDGE)
    procy(driver, "eval", "set", "judge.py", "--name", "lines")
    procy(driver, "evolve", "2", "--yes", "--keep-lanes")
    run = until_over(driver)
    assert run["status"] == "done", run["reason"]
    lane = next(line for line in driver.tmux("list-panes", "-a", "-F", "#{pane_id} #{@procy_lane}").splitlines() if "/" in line)
    history = driver.tmux("capture-pane", "-p", "-S", "-", "-t", lane.split(" ")[0])
    assert "hello there" in history
    assert "Try 1: more lines" in history and "Try 2: more lines" in history
