"""OpenCode and aider, recorded, sent to and led through the gateway: what procy has is what they keep themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.gateway import launch
from procy.store.db import open_reader
from procy.store.exchanges import read_body
from tests.clients.driver import Driver
from tests.clients.homes import CLOSED, HOMES, KEY
from tests.clients.recording import Recording, recorded, state
from tests.clients.scripts import INDENTED, SCRIPTS, UNICODE_PROMPT
from tests.clients.test_correct import correct
from tests.clients.test_gateway import SETTINGS
from tests.clients.test_recorded import compare
from tests.clients.test_send import send
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients_all("opencode", "aider")

BOTH = ("single_line", "pasted_lines", "written_file", "unicode", "interrupted", "failed", "resumed")
OPENCODE = ("tool_output", "two_tools", "thinking", "big_answer", "helper")


@pytest.fixture
def driver(
    client: str, executable: Path, server: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, server.url, ask=request.node.get_closest_marker("asks") is not None))
    with Driver(home) as driver:
        yield driver
    Recording(home).stop()


@pytest.fixture
def through_gateway(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, CLOSED), "--gateway")
    data = tmp_path / "procy"
    data.mkdir(mode=0o700)
    (data / "config.toml").write_text(SETTINGS.format(service="openai", url=server.url))
    try:
        with Driver(home) as driver:
            yield driver
    finally:
        Recording(home).stop()
        launch.stop(Recording(home).places)


def as_kept(client: str, prompt: str) -> str:
    """OpenCode puts a blank behind what was pasted."""
    return f"{prompt} " if client == "opencode" and "\n" in prompt else prompt


@pytest.mark.parametrize("script", BOTH)
def test_recording_equals_the_agents_own_record(driver: Driver, client: str, script: str) -> None:
    prompts = [as_kept(client, prompt) for prompt in SCRIPTS[script](driver)]
    if (client, script) == ("opencode", "unicode"):  # a mark that it reads apart from its letter it puts elsewhere
        assert [sorted(prompt) for prompt in driver.heard().prompts] == [sorted(prompt) for prompt in prompts]
        prompts = driver.heard().prompts
    recording = compare(driver, prompts)
    statuses = [turn["status"] for turn in recording.turns()]
    wanted = {"interrupted": ["interrupted", "done"], "failed": ["error", "done"]}
    assert statuses == wanted.get(script, ["done"] * len(prompts))
    if script == "written_file":
        files = [
            (Path(row["path"]).name, row["change"]) for row in recording.rows("SELECT path, change FROM turn_files ORDER BY 2")
        ]
        assert files == [("note.txt", "added"), ("note.txt", "modified")]


@pytest.mark.clients_all("opencode")
@pytest.mark.parametrize("script", OPENCODE)
def test_recording_of_tools_and_thoughts_equals_the_event_log(driver: Driver, script: str) -> None:
    recording = compare(driver, SCRIPTS[script](driver))
    if script == "thinking":
        assert recording.turns()[0]["reasoning_tokens"] == 30


@pytest.mark.clients_all("opencode")
@pytest.mark.asks
@pytest.mark.parametrize(("key", "status", "ending"), [("Enter", "ok", "done"), ("Escape", "denied", "interrupted")])
def test_permission_given_and_refused(driver: Driver, key: str, status: str, ending: str) -> None:
    driver.type("ask: touch asked.txt")
    driver.enter()
    driver.until_screen(driver.home.permission_question)
    driver.until(lambda: state(driver) == ("waiting", "permission: bash touch asked.txt"), "waiting")
    driver.answer(driver.home.permission_question, key)
    driver.until_ended(1)
    recording = compare(driver, ["ask: touch asked.txt"])
    assert recording.rows("SELECT status FROM tool_calls")[0]["status"] == status
    assert recording.turns()[0]["status"] == ending
    driver.until(lambda: state(driver)[0] == "idle", "idle")


@pytest.mark.clients_all("aider")
@pytest.mark.asks
@pytest.mark.parametrize(("key", "status"), [("y", "unknown"), ("n", "denied")])
def test_a_command_that_was_asked_for(driver: Driver, key: str, status: str) -> None:
    """What it printed is kept nowhere, so that it ran is all that is known."""
    driver.type("run: touch asked.txt")
    driver.enter()
    driver.until_screen(driver.home.permission_question)
    driver.enter(key)
    driver.enter()
    driver.until(lambda: driver.screen().rstrip().endswith("\n>"), "its prompt")
    driver.ask("hello again")
    recording = compare(driver, ["run: touch asked.txt", "hello again"])
    row = recording.rows("SELECT name, input, tool_calls.status FROM tool_calls")[0]
    assert (row["name"], json.loads(row["input"]), row["status"]) == ("shell", {"command": "touch asked.txt"}, status)
    assert (driver.home.work / "asked.txt").exists() == (key == "y")


def test_states_are_told(driver: Driver) -> None:
    driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
    driver.ask("hello there", seconds=90)  # OpenCode's first answer waits for what it installs
    driver.type("slow 6")
    driver.enter()
    driver.until_screen("slow line 3")
    driver.until(lambda: state(driver)[0] == "busy", "busy")
    driver.until_ended(2)
    driver.until(lambda: state(driver)[0] == "idle", "idle")


def test_send_arrives_exactly(driver: Driver, client: str) -> None:
    driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
    for text in ("hello there", INDENTED, UNICODE_PROMPT, "a 'b' \"c\" $HOME `id` %d && | > ~"):
        done = send(driver, "--wait", "--json", "--timeout", "60", text=text)
        assert done.returncode == 0, (text, done.stderr, driver.screen())
        assert driver.heard().prompts[-1].rstrip() == text
        told = json.loads(done.stdout)
        assert told["turn"]["status"] == "done" and told["turn"]["response"] == driver.heard().answers[-1]
    assert {row["origin"] for row in Recording(driver.home).turns()} == {"procy"}


def test_a_running_prompt_is_interrupted_corrected_and_sent(driver: Driver) -> None:
    """aider is interrupted by Ctrl-C, of which a second one would end it."""
    driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
    driver.ask("hello there", seconds=90)
    driver.type("slow 60")
    driver.enter()
    driver.until_screen("slow line 1 of")
    driver.until(lambda: state(driver)[0] == "busy", "busy")
    done = correct(driver, "--send", "--to", "hello world")
    assert done.returncode == 0, (done.stderr, driver.screen())
    driver.until(lambda: driver.heard().prompts[-1:] == ["hello world"], "the corrected prompt in the transcript")
    turn = Recording(driver.home).until("SELECT * FROM turns WHERE origin = 'procy' AND status = 'done'", seconds=60)
    assert turn["prompt"] == "hello world"
    assert [row["status"] for row in Recording(driver.home).turns()] == ["done", "interrupted", "done"]


def test_every_call_through_the_gateway_is_at_its_turn(through_gateway: Driver, client: str, server: ModelServer) -> None:
    driver = through_gateway
    driver.ask("hello there")
    driver.ask("write: note.txt" if client == "aider" else "two: echo one ;; echo two")
    recording = Recording(driver.home)
    turns = {row["id"] for row in recording.until_turns(2)}
    asked = [one for one in server.requests if one.wire]
    recording.until("SELECT 1 FROM exchanges WHERE outcome IS NOT NULL GROUP BY outcome IS NULL HAVING count(*) >= ?", len(asked))
    rows = recording.rows("SELECT * FROM exchanges WHERE wire IS NOT NULL ORDER BY started_at")
    assert len(rows) == len(asked) >= 2
    assert {row["wire"] for row in rows} == {"openai-chat"} and {row["outcome"] for row in rows} == {"ok"}
    assert all(row["session_id"] for row in rows)
    assert client == "aider" or len({row["agent_session_id"] for row in rows} - {None}) == 1, "OpenCode names its session"
    recording.until("SELECT 1 WHERE (SELECT count(DISTINCT turn_id) FROM exchanges) = 2")
    assert turns == {row[0] for row in recording.rows("SELECT DISTINCT turn_id FROM exchanges WHERE turn_id IS NOT NULL")}
    with open_reader(recording.places.db) as connection:
        headers = [read_body(connection, row["id"], "request_headers") or b"" for row in rows]
    assert all(KEY.encode() not in one for one in headers)
