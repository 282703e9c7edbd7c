"""Both real clients, driven in a real tmux against the scripted model server, answer what the script says.

That their transcripts hold what they were sent is asserted in ``test_recorded.py``, together with the recording.

Run with `pytest -m clients`; skipped, aloud, where a client cannot be installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES
from tests.clients.scripts import LINES, SCRIPTS
from tests.model_server import ModelServer
from tests.model_server.scenario import Usage, answer_for, usage_for

pytestmark = pytest.mark.clients

ANSWERED = ["single_line", "pasted_lines", "two_tools", "written_file", "thinking", "big_answer", "unicode", "queued", "cleared"]


@pytest.fixture
def driver(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    with Driver(HOMES[client](tmp_path, executable, server.url)) as driver:
        yield driver


@pytest.mark.parametrize("script", ANSWERED)
def test_answers_and_usage_are_the_scripted_ones(driver: Driver, script: str) -> None:
    prompts = SCRIPTS[script](driver)
    heard = driver.heard()
    assert "\n\n".join(heard.answers) == "\n\n".join(map(answer_for, prompts))
    assert heard.usage == sum(map(usage_for, prompts), Usage())


def test_folded_prompt_is_answered_in_the_running_turn(driver: Driver) -> None:
    first, second = SCRIPTS["folded"](driver)
    heard = driver.heard()
    assert "\n\n".join(heard.answers) == answer_for(first, folded=[second])
    assert heard.ended == 1


def test_inline_drawing(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> None:
    with Driver(HOMES[client](tmp_path, executable, server.url, inline=True)) as driver:
        assert driver.show("#{alternate_on}") == "0"
        assert SCRIPTS["single_line"](driver) == driver.heard().prompts


def test_tool_output_is_whole(driver: Driver) -> None:
    SCRIPTS["tool_output"](driver)
    [output] = driver.heard().outputs
    assert output.splitlines() == [f"line {number} of {LINES}" for number in range(1, LINES + 1)]
