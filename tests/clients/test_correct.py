"""Interrupt, correct, send again: with both real clients and a real editor."""

from __future__ import annotations

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

EDITOR = """#!/bin/sh
sed -i 's/wurld/world/; s/^# Below.*/&\\nthe typo/' "$1"
"""


@pytest.fixture
def driver(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, server.url))
    editor = tmp_path / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o755)
    home.env["EDITOR"] = home.env["VISUAL"] = str(editor)
    with Driver(home) as driver:
        driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
        yield driver
    Recording(home).stop()


def correct(driver: Driver, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "procy", "correct", "-t", driver.pane, *options]
    environment = {**driver.home.env, "TMUX": f"{driver.socket},1,0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)


@pytest.mark.parametrize("verb", ["wait 60", "slow 60"])
def test_a_running_prompt_is_interrupted_corrected_and_sent(driver: Driver, verb: str) -> None:
    """Without output Claude puts the prompt back into its composer, with some of it not."""
    wrong = f"hello wurld\n{verb}"
    driver.paste(wrong)
    driver.enter()
    if verb == "slow 60":
        driver.until_screen("slow line 1 of")
    driver.until(lambda: state(driver)[0] == "busy", "busy")
    Recording(driver.home).until("SELECT 1 FROM turns WHERE status = 'open'")
    done = correct(driver, "--send")
    assert done.returncode == 0, (done.stderr, driver.screen())
    driver.until(lambda: driver.heard().prompts[-1:] == [f"hello world\n{verb}"], "the corrected prompt in the transcript")
    row = Recording(driver.home).rows("SELECT * FROM corrections")[0]
    assert (row["rejected"], row["chosen"], row["note"]) == (wrong, f"hello world\n{verb}", "the typo")
    turn = Recording(driver.home).until("SELECT * FROM turns WHERE origin = 'procy'")
    assert turn["prompt"] == f"hello world\n{verb}"


def test_kept_without_sending_and_replaced_by_a_second_one(driver: Driver) -> None:
    driver.ask("hello wurld")
    Recording(driver.home).until_turns(1)
    assert correct(driver).returncode == 0
    assert "nothing was corrected" in correct(driver).stderr, "it begins with what stands corrected"
    assert correct(driver, "--to", "hello whole world", "--note", "better").returncode == 0
    rows = Recording(driver.home).rows("SELECT * FROM corrections ORDER BY created_at")
    assert [row["chosen"] for row in rows] == ["hello world", "hello whole world"]
    assert rows[0]["replaced_by"] == rows[1]["id"] and rows[1]["replaced_by"] is None
    assert driver.heard().prompts == ["hello wurld"]
