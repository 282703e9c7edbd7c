"""Codex with its background server, which keeps the threads of all panes: each is still found in the pane that it is of."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import Home, codex_home
from tests.clients.recording import Recording, begin_recording, recorded
from tests.model_server import ModelServer

pytestmark = [pytest.mark.clients, pytest.mark.parametrize("client", ["codex"])]


@pytest.fixture
def home(executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Home]:
    home = codex_home(tmp_path, executable, server.url)
    yield dataclasses.replace(home, command=tuple(word for word in home.command if word != "--no-daemon"))
    for file in (home.path / ".codex" / "app-server-daemon").glob("*.pid"):
        with suppress(OSError, ValueError):
            os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)


def ask(driver: Driver, prompt: str) -> None:
    driver.type(prompt)
    driver.enter()
    driver.until_screen(f"{len(prompt)} characters", prompt)


def test_threads_of_a_shared_server_are_found_in_their_panes(home: Home) -> None:
    with Driver(home) as one, Driver(home) as two:
        assert list((home.path / ".codex" / "app-server-daemon").glob("daemon.pid")), (
            "this Codex starts no server: nothing is tried"
        )
        recording = Recording(recorded(home))
        begin_recording(recorded(home), one)
        ask(one, "first of one")
        ask(two, "first of two")
        ask(two, "second of two")
        begin_recording(recorded(home), two)  # late, with the prompts on the screen
        two.type("/new")
        two.enter()
        two.until(lambda: "second of two" not in two.screen(), "a new thread")
        ask(two, "third of two, in a new thread")
        ask(one, "second of one")
        recording.until_turns(5)
        rows = recording.rows(
            "SELECT tmux_socket, prompt FROM turns JOIN sessions ON sessions.id = session_id ORDER BY turns.started_at"
        )
        panes = {str(one.socket): "one", str(two.socket): "two"}
        assert [(panes[row["tmux_socket"]], row["prompt"]) for row in rows] == [
            ("one", "first of one"),
            ("two", "first of two"),
            ("two", "second of two"),
            ("two", "third of two, in a new thread"),
            ("one", "second of one"),
        ]
    recording.stop()
