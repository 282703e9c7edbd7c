"""Gemini CLI and Qwen Code, the real ones, recorded: what procy has is what their own transcripts tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from procy.gateway import launch
from tests.clients.driver import Driver
from tests.clients.homes import CLOSED, HOMES
from tests.clients.recording import Recording, recorded, state
from tests.clients.scripts import ASKING_SCRIPTS, INDENTED, SCRIPTS, UNICODE_PROMPT
from tests.clients.test_answer import answer
from tests.clients.test_gateway import SETTINGS
from tests.clients.test_recorded import compare
from tests.clients.test_send import send
from tests.clients.test_stream import Stage, user
from tests.conftest import Lab
from tests.model_server import ModelServer
from tests.model_server.scenario import answer_for, usage_for

pytestmark = pytest.mark.clients_all("gemini", "qwen")

WIRES = {"gemini": "gemini", "qwen": "openai-chat"}
STREAMED = "run: echo from the stream"
TALK = (
    "single_line", "pasted_lines", "tool_output", "two_tools", "written_file", "thinking", "unicode", "interrupted",
    "interrupted_tool", "failed", "cleared", "resumed",
)  # fmt: skip


@pytest.fixture
def driver(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    """A start takes these agents some seconds of the processor, so a test does much in one pane."""
    home = recorded(HOMES[client](tmp_path, executable, server.url))
    with Driver(home) as driver:
        yield driver
    Recording(home).stop()


@pytest.fixture
def driver_that_asks(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, server.url, ask=True))
    with Driver(home) as driver:
        yield driver
    Recording(home).stop()


def test_recording_equals_the_transcript(driver: Driver) -> None:
    compare(driver, [prompt for script in TALK for prompt in SCRIPTS[script](driver)])


def test_recording_of_an_asking_agent_equals_the_transcript(driver_that_asks: Driver) -> None:
    compare(driver_that_asks, [prompt for script in ASKING_SCRIPTS.values() for prompt in script(driver_that_asks)])


def test_states_and_prompts_from_elsewhere(driver_that_asks: Driver) -> None:
    """Idle, busy and waiting are told; ``procy send`` is refused when it would be in the way; ``procy answer`` answers."""
    driver = driver_that_asks
    driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
    for text in ("hello there", INDENTED, UNICODE_PROMPT):
        done = send(driver, "--wait", "--timeout", "120", text=text)
        assert done.returncode == 0, (done.stderr, driver.screen())
        assert driver.heard().prompts[-1] == text
    for option in ("--yes", "--no"):
        driver.type(f"ask: touch made{option}.txt")
        driver.enter()
        driver.until_screen(driver.home.permission_question)
        driver.until(lambda: state(driver)[0] == "waiting", "waiting")
        assert "asks" in send(driver, text="too early").stderr
        done = answer(driver, option)
        assert done.returncode == 0, (done.stderr, driver.screen())
        driver.until(lambda: state(driver)[0] == "idle", "idle again")
        assert (driver.home.work / f"made{option}.txt").exists() == (option == "--yes")
        driver.press(*driver.home.unsend)
    driver.type("slow 12")
    driver.enter()
    driver.until(lambda: state(driver)[0] == "busy", "busy")
    assert "busy" in send(driver, text="too early").stderr
    done = send(driver, "--queue", "--wait", "--timeout", "120", text="in time")
    assert done.returncode == 0, (done.stderr, driver.screen())
    rows = [row for row in Recording(driver.home).turns() if row["prompt"] in ("hello there", "slow 12", "in time")]
    assert [(row["origin"], row["status"]) for row in rows] == [("procy", "done"), ("human", "done"), ("procy", "done")]


def test_every_call_is_recorded_by_the_gateway(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> None:
    home = recorded(HOMES[client](tmp_path, executable, CLOSED), "--gateway")
    data = tmp_path / "procy"
    data.mkdir(mode=0o700)
    wire = 'wire = "gemini"\n' if client == "gemini" else ""
    (data / "config.toml").write_text(SETTINGS.format(service="openai", url=server.url) + wire)
    recording = Recording(home)
    try:
        with Driver(home) as driver:
            prompts = SCRIPTS["two_tools"](driver)
            (turn,) = recording.until_turns(len(prompts))
            asked = [one for one in server.requests if one.wire]
            ended = "SELECT 1 FROM exchanges WHERE outcome = 'ok' AND wire IS NOT NULL GROUP BY wire HAVING count(*) >= ?"
            recording.until(ended, len(asked))
            rows = recording.rows("SELECT * FROM exchanges WHERE wire IS NOT NULL")
            assert len(rows) == len(asked) and {row["wire"] for row in rows} == {WIRES[client]}
            assert {row["session_id"] for row in rows} == {turn["session_id"]}
            assert turn["id"] in {row["turn_id"] for row in rows}
    finally:
        recording.stop()
        launch.stop(recording.places)


def test_a_stream_is_passed_on_and_recorded(client: str, executable: Path, server: ModelServer, lab: Lab, tmp_path: Path) -> None:
    """What comes out is what comes out without procy, but for ids, times and what is counted in them."""
    stage = Stage(lab, HOMES[client](tmp_path / "client", executable, server.url), executable)
    words = {"gemini": ("-p", STREAMED, "--yolo", "--skip-trust"), "qwen": ("--input-format", "stream-json", "--yolo")}[client]
    sent = user(STREAMED) if client == "qwen" else b""
    plain, _, status = stage.run(client, "--output-format", "stream-json", *words, sent=sent)
    passed, _, through = stage.run("procy", "stream", client, "--", *words, sent=sent)
    stage.stop()
    assert (status, through) == (0, 0) and said_in(passed) == said_in(plain)
    (turn,) = lab.until_turns(1, 60)
    assert (turn["prompt"], turn["status"], turn["source"]) == (STREAMED, "done", "stream")
    used = usage_for(STREAMED)
    assert turn["response"] == answer_for(STREAMED)
    assert (turn["input_tokens"], turn["cache_read_tokens"], turn["output_tokens"]) == (
        used.input + used.cache_write, used.cache_read, used.output,
    )  # fmt: skip
    assert lab.rows("SELECT name, result, status FROM tool_calls") == [
        {"name": "run_shell_command", "result": "from the stream", "status": "ok"}
    ]


def said_in(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a stream says of each line; text that came in pieces is joined."""
    found: list[tuple[Any, ...]] = []
    for line in lines:
        content = line.get("content") or [
            (block.get("text"), block.get("input"), block.get("content"))
            for block in (line.get("message") or {}).get("content", [])
            if isinstance(block, dict)
        ]
        one = (line["type"], line.get("subtype"), line.get("role"), line.get("tool_name"), line.get("output"), content)
        if found and line.get("delta") and found[-1][:5] == one[:5]:
            one = (*one[:5], found.pop()[5] + content)
        found.append(one)
    return found
