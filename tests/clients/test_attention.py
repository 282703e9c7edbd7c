"""Both real clients: tmux says what they do, for how long, and how much room is left; the user is told.

How soon is measured by `python -m bench attention`.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.driver import Driver
from tests.clients.homes import HOMES, Home
from tests.clients.install import CLIENTS, ClientUnavailable, install
from tests.clients.recording import Recording, begin_recording, recorded, state
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients


@pytest.fixture
def driver(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, server.url, ask=True))
    with Driver(home) as driver:
        yield driver
    Recording(home).stop()


def count(driver: Driver, name: str) -> str:
    return driver.show(f"#{{@procy_{name}}}")


def test_every_state_is_shown(driver: Driver) -> None:
    driver.until(lambda: state(driver)[0] == "idle", "idle at the start")
    driver.type("ask: touch asked.txt")
    driver.enter()
    driver.until_screen(driver.home.permission_question)
    driver.until(lambda: state(driver)[0] == "waiting", "waiting")
    assert (count(driver, "waiting"), count(driver, "idle")) == ("1", "")
    asked = int(count(driver, "since"))
    assert 0 <= time.time() - asked < 30
    driver.answer(driver.home.permission_question, "Enter")
    driver.until_ended(1)
    driver.until(lambda: state(driver)[0] == "idle", "idle")
    driver.type("slow 6")
    driver.enter()
    driver.until_screen("slow line 2")
    driver.until(lambda: state(driver)[0] == "busy", "busy")
    assert (count(driver, "busy"), count(driver, "waiting")) == ("1", "")
    driver.until_ended(2)
    driver.until(lambda: state(driver)[0] == "idle", "idle")
    assert int(count(driver, "since")) >= asked
    driver.until(lambda: " tok" in count(driver, "today"), "tokens of today")


def test_an_agent_without_hooks_of_ours_says_what_it_asks_for_too(
    client: str, executable: Path, server: ModelServer, tmp_path: Path
) -> None:
    """One that ran before it was recorded, or records itself: the question is the call in its transcript."""
    home = HOMES[client](tmp_path, executable, server.url, ask=True)
    with Driver(home) as driver:
        begin_recording(recorded(home), driver)
        driver.type("ask: touch asked.txt")
        driver.enter()
        driver.until_screen(home.permission_question)
        driver.until(lambda: state(driver)[0] == "waiting", "waiting")
        driver.until(lambda: "touch asked.txt" in state(driver)[1], f"what it asks for, not {state(driver)}")
        driver.answer(home.permission_question, "Enter")
        driver.until_ended(1)
        driver.until(lambda: state(driver) == ("idle", ""), "idle")
    Recording(recorded(home)).stop()


def test_a_failed_turn_is_an_error_until_the_next_prompt(driver: Driver) -> None:
    driver.ask("error 400")
    driver.until(lambda: state(driver)[0] == "error", "error")
    driver.until(lambda: "400" in state(driver)[1], "the error's words")
    assert count(driver, "error") == "1"
    driver.ask("hello again")
    driver.until(lambda: state(driver)[0] == "idle", "idle")


def test_the_users_command_hears_of_a_question(driver: Driver, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f'echo "$PROCY_PREVIOUS>$PROCY_STATE $PROCY_AGENT $PROCY_PANE $PROCY_REASON" >>{shlex.quote(str(told))}'
    driver.tmux("set-option", "-g", "@procy-on-change", script)
    driver.type("ask: touch asked.txt")
    driver.enter()
    driver.until_screen(driver.home.permission_question)
    agent = {"claude": "claude-code", "codex": "codex"}[driver.home.client]
    wanted = f">waiting {agent} {driver.pane} permission"  # from busy, or from idle where that was over before it was seen
    driver.until(lambda: told.exists() and wanted in told.read_text(), "told")


def test_a_sidecar_killed_while_the_agent_asks_leaves_the_question_to_see(driver: Driver) -> None:
    driver.type("ask: touch asked.txt")
    driver.enter()
    driver.until_screen(driver.home.permission_question)
    driver.until(lambda: state(driver)[0] == "waiting", "waiting")
    before = (*state(driver), count(driver, "since"))
    recording = Recording(driver.home)
    recording.stop()
    log = Path(recording.places.sidecar_log)
    driver.until(lambda: log.read_text().count("following") == 2, "the next sidecar")
    driver.until(lambda: (*state(driver), count(driver, "since")) == before, f"as before: {before}")
    driver.answer(driver.home.permission_question, "Enter")
    driver.until_ended(1)
    driver.until(lambda: state(driver)[0] == "idle", "idle")


def test_codex_tells_what_context_is_left(server: ModelServer, tmp_path: Path) -> None:
    home = recorded(HOMES["codex"](tmp_path, executable_of("codex"), server.url))
    with Driver(home) as driver:
        driver.ask("hello")
        driver.until(lambda: count(driver, "context") == "100", "the context")
    Recording(home).stop()


@pytest.mark.parametrize("place", ["user", "project", "option"])
def test_claudes_status_line_stays_and_is_heard(server: ModelServer, tmp_path: Path, place: str) -> None:
    home = HOMES["claude"](tmp_path, executable_of("claude"), server.url, ask=True)
    line = {"type": "command", "command": "printf 'mine: %s' \"$(grep -o '\"version\"[^,]*')\" # all of it", "padding": 1}
    extra = put_status_line(home, place, {"statusLine": line})
    files = {path: path.read_bytes() for path in settings_files(home)}
    with Driver(recorded(home), extra=extra) as driver:
        driver.ask("hello")
        driver.until_screen('mine: "version":"2')
        driver.until(lambda: count(driver, "context") == "100", "the context")
        assert {path: path.read_bytes() for path in settings_files(home)} == files
        recording = Recording(driver.home)
        assert recording.until("SELECT cost_usd FROM sessions WHERE context_left = 100 AND cost_usd > 0")[0] < 1
    recording.stop()


def test_claude_without_a_status_line_looks_as_without_procy(server: ModelServer, tmp_path: Path) -> None:
    """A status line that prints nothing would hide the hint beside the mode."""
    screens = []
    for number, wrap in enumerate((lambda home: home, recorded)):
        home = wrap(HOMES["claude"](tmp_path / str(number), executable_of("claude"), server.url, ask=True))
        with Driver(home) as driver:
            driver.ask("hello")
            footer = driver.until_screen("? for shortcuts").rpartition("❯")[2]
            screens.append(footer)
            if wrap is recorded:
                driver.until(lambda: state(driver)[0] == "idle", "idle")
                assert count(driver, "context") == ""
                Recording(home).stop()
    assert screens[0] == screens[1]


def executable_of(client: str) -> Path:
    try:
        return install(CLIENTS[client])
    except ClientUnavailable as error:
        pytest.skip(str(error))


def put_status_line(home: Home, place: str, settings: dict[str, object]) -> tuple[str, ...]:
    """Where the user has it; returns further arguments of the client."""
    if place == "option":
        return ("--settings", json.dumps(settings))
    path = (home.path if place == "user" else home.work) / ".claude" / "settings.json"
    path.parent.mkdir(exist_ok=True)
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | settings))
    return ()


def settings_files(home: Home) -> list[Path]:
    return [path for folder in (home.path, home.work) for path in sorted((folder / ".claude").glob("settings*.json"))]
