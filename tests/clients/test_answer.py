"""Questions of both real clients, answered from elsewhere: by command and in the popup's own program."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES
from tests.clients.recording import Recording, recorded, state
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients


@pytest.fixture
def driver(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, server.url, ask=True))
    with Driver(home) as driver:
        driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
        yield driver
    Recording(home).stop()


def ask(driver: Driver, name: str) -> None:
    driver.type(f"ask: touch {name}")
    driver.enter()
    driver.until_screen(driver.home.permission_question)
    driver.until(lambda: state(driver)[0] == "waiting", "waiting")


def answer(driver: Driver, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "procy", "answer", *options]
    environment = {**driver.home.env, "TMUX": f"{driver.socket},1,0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def open_popup(driver: Driver) -> str:
    """The popup's program in a window of its own, as the client has it; returns that pane."""
    command = shlex.join([sys.executable, "-m", "procy", "answer"])
    variables = [f"-e{name}={value}" for name, value in driver.home.env.items() if name.startswith("PROCY")]
    return driver.tmux("new-window", "-P", "-F", "#{pane_id}", *variables, command).strip()


def is_open(driver: Driver, pane: str) -> bool:
    return driver.tmux("display-message", "-p", "-t", pane, "#{pane_dead}").strip() == "0"


def shown(driver: Driver, pane: str) -> str:
    return driver.tmux("capture-pane", "-p", "-t", pane, check=False)


def test_by_command(driver: Driver) -> None:
    for name, option, made in (("yes.txt", "--yes", True), ("no.txt", "--no", False), ("one.txt", "--choice=1", True)):
        ended = driver.heard().ended
        ask(driver, name)
        done = answer(driver, "-t", driver.pane, option)
        assert done.returncode == 0, (done.stderr, driver.screen())
        driver.until_ended(ended + 1)
        assert (driver.home.work / name).exists() == made, name
    assert answer(driver, "--yes").returncode == 1, "nothing is asked any more"


def test_always_is_the_answer_that_lasts(driver: Driver, client: str) -> None:
    """Of Claude it is about a directory, of Codex about the command."""
    ask(driver, "always.txt")
    done = answer(driver, "--always")
    assert done.returncode == 0
    assert {"claude": "always allow access", "codex": "don't ask again"}[client] in done.stderr
    driver.until_ended(1)
    assert (driver.home.work / "always.txt").exists()
    if client == "codex":
        driver.type("ask: touch always.txt")
        driver.finish()


def test_in_the_popup(driver: Driver) -> None:
    ask(driver, "popup.txt")
    pane = open_popup(driver)
    driver.until(lambda: "go there" in shown(driver, pane), f"the popup\n{shown(driver, pane)}")
    screen = shown(driver, pane)
    assert "touch popup.txt" in screen, "what is asked"
    assert " y 1  Yes" in screen
    driver.tmux("send-keys", "-t", pane, "x")
    driver.tmux("send-keys", "-t", pane, "9")
    driver.until(lambda: "none of the answers" in shown(driver, pane), "told so")
    assert not (driver.home.work / "popup.txt").exists()
    driver.tmux("send-keys", "-t", pane, "y")
    driver.until_ended(1)
    assert (driver.home.work / "popup.txt").exists()
    driver.until(lambda: not is_open(driver, pane), "the popup has gone")


def test_a_question_answered_in_the_pane_closes_the_popup(driver: Driver) -> None:
    ask(driver, "there.txt")
    pane = open_popup(driver)
    driver.until(lambda: "go there" in shown(driver, pane), "the popup")
    driver.answer(driver.home.permission_question, "Escape")
    driver.until(lambda: not is_open(driver, pane), "the popup has gone")


def test_a_question_of_the_model(driver: Driver, client: str) -> None:
    if client == "codex":
        pytest.skip("Codex has no tool to ask with, outside its plan mode")
    driver.type("question: Which colour?")
    driver.enter()
    driver.until_screen("Which colour?", "Type something")
    driver.until(lambda: state(driver)[0] == "waiting", "waiting")
    assert answer(driver, "--choice", "2").returncode == 0
    driver.until_ended(1)
    assert "Blue" in driver.screen()
