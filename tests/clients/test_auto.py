"""Real agents that record themselves, and that come back after tmux went down."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES, Home
from tests.clients.recording import Recording, recorded
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients

SHELL = ("bash", "--norc", "--noprofile")


@pytest.fixture
def home(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Home:
    return HOMES[client](tmp_path, executable, server.url)


def shell(home: Home) -> Home:
    """The home with a shell in the pane, in which the client can be started."""
    with_data = recorded(home)
    return dataclasses.replace(with_data, command=SHELL, ready=("$",), env=with_data.env | {"PS1": "$ "})


def watch(driver: Driver) -> None:
    """Both agents record themselves in this tmux server."""
    driver.tmux("set-option", "-g", "@procy-auto", "claude-code codex")
    environment = driver.home.env | {"TMUX": f"{driver.socket},1,0", "TMUX_PANE": driver.pane}
    subprocess.run([sys.executable, "-m", "procy", "tmux", "watch"], env=environment, check=True)
    driver.until(lambda: "8124" in driver.tmux("show-hooks", "-g"), "the watch")


def start(driver: Driver, home: Home) -> None:
    """Type the client's command."""
    driver.tmux("send-keys", "-t", driver.pane, shlex.join(home.command), "Enter")
    driver.until_screen(*home.ready)


def test_an_agent_typed_into_a_shell_is_recorded_from_its_first_prompt(home: Home) -> None:
    with Driver(shell(home)) as driver:
        recording = Recording(driver.home)
        watch(driver)
        start(driver, home)
        driver.ask("the first prompt")
        driver.ask("the second prompt")
        turns = recording.until_turns(2)
        assert [turn["prompt"] for turn in turns] == ["the first prompt", "the second prompt"]
        assert turns[0]["terminal_from"] is not None
        session = recording.rows("SELECT * FROM sessions")[0]
        assert session["agent"] == {"claude": "claude-code", "codex": "codex"}[home.client]
        driver.type("/exit")
        driver.enter()
        recording.until("SELECT 1 FROM sessions WHERE status = 'ended'")
    recording.stop()


def test_an_agent_that_is_a_windows_command_is_recorded_from_its_first_byte(home: Home) -> None:
    with Driver(shell(home)) as driver:
        recording = Recording(driver.home)
        watch(driver)
        command = f"printf BEGIN; exec {shlex.join(home.command)}"
        driver.pane = driver.tmux("new-window", "-P", "-F", "#{pane_id}", "-c", str(home.work), command).strip()
        driver.until_screen(*home.ready)
        driver.ask("hello there")
        recording.until_turns(1)
        session = recording.rows("SELECT id FROM sessions")
        assert len(session) == 1
        command = (sys.executable, "-m", "procy", "export", "raw", session[0]["id"])
        raw = subprocess.run(command, env=recording.environment(), capture_output=True, check=True).stdout
        assert raw.startswith(b"BEGIN\x1b")
    recording.stop()


@pytest.mark.parametrize("whole", [False, True], ids=["agent", "pane"])
def test_an_agent_cut_off_with_its_tmux_server_comes_back(home: Home, whole: bool) -> None:
    """Recorded by itself, or with the whole pane, which is then recorded again first."""
    procy = [sys.executable, "-m", "procy"]
    home = dataclasses.replace(home, env=home.env | {"PATH": f"{Path(home.command[0]).parent}:{os.environ['PATH']}"})
    with Driver(shell(home)) as driver:
        recording = Recording(driver.home)
        driver.tmux("new-window", "-d", "-c", str(home.work), shlex.join(SHELL))
        if whole:
            driver.tmux("send-keys", "-t", driver.pane, shlex.join([*procy, "record"]), "Enter")
            driver.until_screen("recording pane")
        else:
            watch(driver)
        start(driver, home)
        driver.ask("before the cut")
        session = recording.until_turns(1)[0]["session_id"]
        recording.until("SELECT 1 FROM session_places")
        socket = driver.socket
    with Driver(shell(home)) as driver:
        driver.tmux("new-window", "-d", "-c", str(home.work), shlex.join(SHELL))
        second = ("-t", ":1")
        driver.tmux("send-keys", *second, shlex.join([*procy, "resume"]), "Enter")
        driver.until(lambda: "before the cut" in driver.tmux("capture-pane", "-p", *second), "the offer")
        driver.tmux("send-keys", *second, "a", "Enter")
        driver.until_screen("before the cut", *home.ready)
        driver.ask("after the cut")
        recording.until("SELECT 1 FROM turns WHERE prompt = 'after the cut' AND status = 'done'")
        turns = recording.turns()
        prompts = [(turn["session_id"], turn["prompt"]) for turn in turns if "procy" not in turn["prompt"]]
        assert prompts == [(session, "before the cut"), (session, "after the cut")]
        assert recording.procy("resume", "--list") == ""
        assert socket != driver.socket
    recording.stop()
