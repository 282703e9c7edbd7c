"""Both real clients, recorded: prompts, answers, tool calls and tokens are those of the client's own transcript."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES
from tests.clients.recording import Recording, begin_recording, measure_screen, recorded, state
from tests.clients.scripts import ASKING_SCRIPTS, SCRIPTS
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients


@pytest.fixture
def driver(
    client: str, executable: Path, server: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Driver]:
    ask = request.node.get_closest_marker("asks") is not None or "asking" in request.node.name
    home = recorded(HOMES[client](tmp_path, executable, server.url, ask=ask))
    with Driver(home) as driver:
        yield driver
    Recording(home).stop()


def compare(driver: Driver, prompts: list[str]) -> Recording:
    """Hold what procy recorded against the client's transcript."""
    recording, heard = Recording(driver.home), driver.heard()
    assert heard.prompts == prompts
    turns = recording.until_turns(len(prompts))
    assert [turn["prompt"] for turn in turns] == heard.prompts
    deadline = time.monotonic() + 5
    answers = "\n\n".join(heard.answers)
    while (
        told := "\n\n".join(turn["response"] for turn in recording.turns() if turn["response"])
    ) != answers and time.monotonic() < deadline:
        time.sleep(0.1)
    if not recording.turns("shell"):  # the answer to a `!command` belongs to that turn
        assert told == answers
    commands = [turn["response"] + "\n" for turn in recording.turns("shell")] if driver.home.client == "codex" else []
    assert sorted(recording.outputs() + commands) == sorted(heard.outputs)
    used = recording.rows(
        "SELECT coalesce(sum(input_tokens), 0), coalesce(sum(cache_read_tokens), 0), coalesce(sum(cache_write_tokens), 0), "
        "coalesce(sum(output_tokens), 0) FROM turns JOIN sessions ON sessions.id = session_id "
        "WHERE parent_id IS NULL OR pane_id IS NOT NULL"
    )[0]
    assert tuple(used) == (heard.usage.input, heard.usage.cache_read, heard.usage.cache_write, heard.usage.output)
    return recording


@pytest.mark.parametrize("script", SCRIPTS)
def test_recording_equals_the_transcript(driver: Driver, script: str) -> None:
    prompts = SCRIPTS[script](driver)
    recording = compare(driver, prompts)
    measure_screen(recording, script)


@pytest.mark.parametrize("script", ASKING_SCRIPTS)
def test_recording_of_an_asking_agent_equals_the_transcript(driver: Driver, script: str) -> None:
    compare(driver, ASKING_SCRIPTS[script](driver))


def test_states_are_told(driver: Driver) -> None:
    driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
    driver.type("slow 8")
    driver.enter()
    driver.until_screen("slow line 3")
    driver.until(lambda: state(driver)[0] == "busy", "busy")
    for _ in range(10):
        assert state(driver)[0] == "busy", "a spinner, or text that streams, is not idle"
        time.sleep(0.1)
    driver.until_ended(1)
    driver.until(lambda: state(driver)[0] == "idle", "idle")


@pytest.mark.asks
def test_waiting_for_permission_is_told_with_the_question(driver: Driver) -> None:
    driver.type("ask: touch asked.txt")
    driver.enter()
    driver.until_screen(driver.home.permission_question)
    driver.until(lambda: state(driver)[0] == "waiting", "waiting")
    assert "permission" in state(driver)[1]
    time.sleep(2)
    assert state(driver)[0] == "waiting", "not cleared by time"
    driver.answer(driver.home.permission_question, "Enter")
    driver.until_ended(1)
    driver.until(lambda: state(driver)[0] == "idle", "idle")


def test_helpers_get_sessions_below(driver: Driver) -> None:
    SCRIPTS["helper"](driver)
    recording = Recording(driver.home)
    row = recording.until(
        "SELECT turns.prompt, turns.response FROM turns JOIN sessions ON sessions.id = session_id "
        "WHERE parent_id IS NOT NULL AND pane_id IS NULL AND turns.status = 'done'"
    )
    assert row["prompt"] == "run: echo from below" and "I will run it." in row["response"]


def test_two_panes_with_one_agent_in_one_directory(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> None:
    home = recorded(HOMES[client](tmp_path, executable, server.url))
    with Driver(home) as one, Driver(home) as two:
        one.type("from the first pane")
        one.enter()
        two.type("from the second pane")
        two.enter()
        one.until_ended(2)
        recording = Recording(home)
        recording.until_turns(2)
        rows = recording.rows("SELECT session_id, prompt FROM turns ORDER BY prompt")
        sockets = {row["id"]: row["tmux_socket"] for row in recording.rows("SELECT id, tmux_socket FROM sessions")}
        assert [(sockets[row["session_id"]], row["prompt"]) for row in rows] == [
            (str(one.socket), "from the first pane"),
            (str(two.socket), "from the second pane"),
        ]
    recording.stop()


def test_recording_begun_while_the_agent_runs(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> None:
    """``procy record -t PANE`` on an agent that nobody prepared: nothing is lost from then on, and the past is read, too."""
    home = HOMES[client](tmp_path, executable, server.url)
    with_procy = recorded(home)
    with Driver(home) as driver:
        driver.ask("before the recording")
        recording = Recording(with_procy)
        begin_recording(with_procy, driver)
        recording.until("SELECT 1 FROM sessions WHERE agent_session_id IS NOT NULL")
        driver.ask("after it began")
        turns = recording.until_turns(2)
        assert [turn["prompt"] for turn in turns] == ["before the recording", "after it began"]
        assert turns[0]["terminal_from"] is None and turns[1]["terminal_from"] is not None
    recording.stop()


def test_resume_goes_on_with_session_and_conversation(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> None:
    home = recorded(HOMES[client](tmp_path, executable, server.url))
    recording = Recording(home)
    with Driver(home) as driver:
        driver.ask("before the pause")
        recording.until_turns(1)
    session = recording.until("SELECT id FROM sessions WHERE status IN ('ended', 'lost')")["id"]
    again = (sys.executable, "-m", "procy", "record", "--resume", "last")
    with Driver(dataclasses.replace(home, command=again)) as driver:
        driver.until_screen("before the pause")  # the agent shows what it remembers
        driver.ask("after the pause")
        turns = recording.until_turns(2)
        assert [(turn["session_id"], turn["seq"], turn["prompt"]) for turn in turns] == [
            (session, 1, "before the pause"),
            (session, 2, "after the pause"),
        ]
        assert turns[1]["terminal_from"] > turns[0]["terminal_to"]
    recording.stop()


def test_a_conversation_that_moves_to_another_pane_is_recorded_there(
    client: str, executable: Path, server: ModelServer, tmp_path: Path
) -> None:
    """The first pane is still recorded: its shell goes on after the agent."""
    home = HOMES[client](tmp_path, executable, server.url)
    with_procy = recorded(home)
    shell = dataclasses.replace(home, command=("sh", "-c", f"{shlex.join(home.command)}; PS1='back: ' exec sh"))
    with Driver(shell) as one:
        begin_recording(with_procy, one)
        one.ask("in the first pane")
        recording = Recording(with_procy)
        recording.until_turns(1)
        one.type("/exit")
        one.enter()
        one.until_screen("back:")
        with Driver(with_procy, extra=home.resume) as two:
            two.ask("in the second pane")
            recording.until_turns(2)
            query = (
                "SELECT tmux_socket, prompt FROM turns JOIN sessions ON sessions.id = session_id "
                "WHERE kind = 'prompt' ORDER BY turns.started_at"
            )
            expected = [(str(one.socket), "in the first pane"), (str(two.socket), "in the second pane")]
            assert [tuple(row) for row in recording.rows(query)] == expected
            ids = recording.rows("SELECT id, parent_id FROM sessions ORDER BY started_at")
            assert ids[1]["parent_id"] == ids[0]["id"]
    recording.until("SELECT 1 FROM sessions WHERE status IN ('ended', 'lost') GROUP BY 1 HAVING count(*) = 2")
    recording.procy("rebuild", "--all")
    assert [tuple(row) for row in recording.rows(query)] == expected
    recording.stop()


def test_a_fork_is_a_session_that_holds_what_is_new(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> None:
    home = recorded(HOMES[client](tmp_path, executable, server.url))
    recording = Recording(home)
    with Driver(home) as driver:
        driver.ask("on the trunk")
        recording.until_turns(1)
    trunk = recording.until("SELECT id, agent_session_id FROM sessions WHERE status IN ('ended', 'lost')")
    fork = (
        ("--resume", trunk["agent_session_id"], "--fork-session") if client == "claude" else ("fork", trunk["agent_session_id"])
    )
    with Driver(home, extra=fork) as driver:
        driver.ask("on the branch")
        turns = recording.until_turns(2)
        assert [turn["prompt"] for turn in turns] == ["on the trunk", "on the branch"]
        assert turns[0]["session_id"] == trunk["id"] != turns[1]["session_id"]
        branch = recording.rows("SELECT parent_id FROM sessions WHERE id = ?", turns[1]["session_id"])[0]
        assert branch["parent_id"] == trunk["id"]
        assert "on the branch" in turns[1]["response"]
    recording.stop()


def test_users_own_hooks_and_notify_still_run(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> None:
    home = HOMES[client](tmp_path, executable, server.url)
    seen = tmp_path / "seen"
    if client == "claude":
        path = home.path / ".claude" / "settings.json"
        settings = json.loads(path.read_text())
        settings["hooks"] = {"Stop": [{"hooks": [{"type": "command", "command": f"touch {seen}"}]}]}
        path.write_text(json.dumps(settings))
    else:
        path = home.path / ".codex" / "config.toml"
        script = tmp_path / "notify"
        script.write_text(f'#!/bin/sh\nprintf %s "$2" > {seen}\n')
        script.chmod(0o755)
        path.write_text(f'notify = ["{script}", "mine"]\n' + path.read_text())
    before = path.read_bytes()
    with Driver(recorded(home)) as driver:
        driver.ask("hello there")
        driver.until(seen.exists, "the user's own hook")
        recording = Recording(driver.home)
        recording.until("SELECT 1 FROM hook_events")
    after = path.read_text()
    assert "hook.sh" not in after, "the user's configuration is not ours to write"
    assert after.startswith(before.decode()[:60])
    recording.stop()


def test_rebuild_derives_the_same_turns(driver: Driver) -> None:
    for script in ("two_tools", "interrupted", "cleared"):
        SCRIPTS[script](driver)
        driver.until(lambda: state(driver)[0] == "idle", "idle")
        time.sleep(4)  # the last turn is taken to have ended; the next one's first key moves that end
    recording = Recording(driver.home)
    recording.until_turns(5)
    os.kill(int(driver.show("#{pane_pid}")), signal.SIGTERM)
    recording.until("SELECT 1 FROM sessions WHERE status IN ('ended', 'lost')")
    columns = "id, seq, kind, prompt, response, status, model, started_at, ended_at, input_tokens, terminal_from, terminal_to"
    queries = (
        f"SELECT {columns} FROM turns ORDER BY id",
        "SELECT id, turn_id, seq, name, input, result, status, duration_ms FROM tool_calls ORDER BY id",
        "SELECT offset FROM keyframes ORDER BY offset",
    )
    before = [[tuple(row) for row in recording.rows(sql)] for sql in queries]
    recording.procy("rebuild", "--all")
    assert [[tuple(row) for row in recording.rows(sql)] for sql in queries] == before
