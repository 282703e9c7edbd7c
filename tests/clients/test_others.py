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

TALK = (
    "single_line", "pasted_lines", "tool_output", "two_tools", "written_file", "thinking", "unicode", "interrupted",
    "interrupted_tool", "failed", "cleared", "resumed",
)  # fmt: skip


@pytest.fixture
def driver(
    client: str, executable: Path, server: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Driver]:
    """A start takes these agents some seconds of the processor, so a test does much in one pane."""
    home = recorded(HOMES[client](tmp_path, executable, server.url, ask="asking" in request.node.name))
    with Driver(home) as driver:
        yield driver
    Recording(home).stop()


def test_recording_equals_the_transcript(driver: Driver) -> None:
    compare(driver, [prompt for script in TALK for prompt in SCRIPTS[script](driver)])


def test_recording_of_an_asking_agent_equals_the_transcript(driver: Driver) -> None:
    compare(driver, [prompt for script in ASKING_SCRIPTS.values() for prompt in script(driver)])
