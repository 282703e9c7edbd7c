"""Gemini CLI and Qwen Code, the real ones, recorded: what procy has is what their own transcripts tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES
from tests.clients.recording import Recording, recorded
from tests.clients.scripts import ASKING_SCRIPTS, SCRIPTS
from tests.clients.test_recorded import compare
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients_all

SHARED = (
    "single_line", "pasted_lines", "tool_output", "two_tools", "written_file", "thinking", "unicode", "interrupted",
    "interrupted_tool", "cleared", "failed", "resumed",
)  # fmt: skip


@pytest.fixture
def driver(
    client: str, executable: Path, server: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, server.url, ask="asking" in request.node.name))
    with Driver(home) as driver:
        yield driver
    Recording(home).stop()


@pytest.mark.parametrize("script", SHARED)
def test_recording_equals_the_transcript(driver: Driver, script: str) -> None:
    compare(driver, SCRIPTS[script](driver))


@pytest.mark.parametrize("script", ASKING_SCRIPTS)
def test_recording_of_an_asking_agent_equals_the_transcript(driver: Driver, script: str) -> None:
    compare(driver, ASKING_SCRIPTS[script](driver))
