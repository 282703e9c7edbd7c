"""Both real clients: what they keep gives the same turns as a live recording, and a recorded conversation is not doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES, Home
from tests.clients.recording import Recording, recorded, state
from tests.clients.scripts import SCRIPTS
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients

TURNS = (
    "SELECT turns.id, kind, folded, prompt, response, reasoning, status, model, started_at, input_tokens, output_tokens, "
    "cache_read_tokens, tool_count FROM turns ORDER BY turns.id"
)
CALLS = "SELECT id, turn_id, seq, name, input, result, status, duration_ms, response_at FROM tool_calls ORDER BY id"
FILES = "SELECT turn_id, path, change, diff FROM turn_files ORDER BY 1, 2"
BELOW = "SELECT count(*) FROM sessions WHERE parent_id IS NOT NULL AND pane_id IS NULL"


def brought_in(home: Home, data: Path) -> str:
    """``procy import`` of what the client kept; what it said."""
    environment = {**os.environ, **home.env, "PROCY_HOME": str(data), "PROCY_CONFIG": str(data / "config.toml")}
    done = subprocess.run(
        [sys.executable, "-m", "procy", "import", home.client], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_import_equals_the_recording(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> None:
    home = recorded(HOMES[client](tmp_path, executable, server.url))
    recording = Recording(home)
    with Driver(home) as driver:
        for script in ("two_tools", "helper", "interrupted"):
            SCRIPTS[script](driver)
            driver.until(lambda: state(driver)[0] == "idle", "idle")
        recording.until_turns(3)
        assert "being recorded, left to that" in brought_in(home, Path(recording.places.home))
        time.sleep(3)  # the last turn is taken to have ended
        os.kill(int(driver.show("#{pane_pid}")), signal.SIGTERM)
        recording.until("SELECT 1 FROM sessions WHERE status IN ('ended', 'lost')")
    queries = (TURNS, CALLS, FILES, BELOW)
    live = [[tuple(row) for row in recording.rows(sql)] for sql in queries]
    assert len(live[0]) > 3 and live[1]

    brought_in(home, Path(recording.places.home))  # a recorded conversation stays one session
    assert [[tuple(row) for row in recording.rows(sql)] for sql in queries] == live

    brought_in(home, tmp_path / "fresh")
    fresh = Recording(home)
    fresh.places = fresh.places._replace(db=str(tmp_path / "fresh" / "procy.db"))
    assert [[tuple(row) for row in fresh.rows(sql)] for sql in queries] == live
    recording.stop()
