"""Both real clients through the gateway: they work as without it, and every call is in the table, at its turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.gateway import launch
from procy.store.db import open_reader
from procy.store.exchanges import read_body
from tests.clients.driver import Driver
from tests.clients.homes import CLOSED, HOMES, KEY
from tests.clients.recording import Recording, recorded
from tests.clients.scripts import SCRIPTS
from tests.model_server import ModelServer

pytestmark = pytest.mark.clients

SERVICE = {"claude": "claude", "codex": "codex"}
SETTINGS = """
[gateway]
claude_port = 0
codex_port = 0
openai_port = 0

[prices.scripted]
input = 1.0
output = 10.0

[upstreams.scripted]
service = "{service}"
base_url = "{url}"
active = true
"""


@pytest.fixture
def driver(client: str, executable: Path, server: ModelServer, tmp_path: Path) -> Iterator[Driver]:
    home = recorded(HOMES[client](tmp_path, executable, CLOSED), "--gateway")
    data = tmp_path / "procy"
    data.mkdir(mode=0o700)
    (data / "config.toml").write_text(SETTINGS.format(service=SERVICE[client], url=server.url))
    try:
        with Driver(home) as driver:
            yield driver
    finally:
        Recording(home).stop()
        launch.stop(Recording(home).places)


@pytest.mark.parametrize("script", ["two_tools", "interrupted", "helper"])
def test_every_call_is_recorded_at_its_turn(driver: Driver, server: ModelServer, script: str) -> None:
    prompts = SCRIPTS[script](driver)
    assert driver.heard().prompts == prompts
    recording = Recording(driver.home)
    turns = {row["id"]: row for row in recording.until_turns(len(prompts))}
    asked = [one for one in server.requests if one.wire]
    ended = "SELECT 1 FROM exchanges WHERE outcome IS NOT NULL GROUP BY outcome IS NULL HAVING count(*) >= ?"
    recording.until(ended, len(server.requests))
    rows = recording.rows("SELECT * FROM exchanges ORDER BY started_at")
    assert len(rows) == len(server.requests)
    models = [row for row in rows if row["wire"]]
    assert len(models) == len(asked)
    for row in models:
        assert row["session_id"] and row["agent_session_id"], dict(row)
        assert row["outcome"] in ("ok", "client_abort"), dict(row)  # Codex gives up on suggestions when it is typed into
    told = recording.rows("SELECT turns.id FROM turns JOIN exchanges ON turn_id = turns.id WHERE turns.kind = 'prompt'")
    assert turns.keys() <= {row[0] for row in told}
    with open_reader(recording.places.db) as connection:
        headers = [read_body(connection, row["id"], "request_headers") or b"" for row in models]
    assert all(KEY.encode() not in one and b"[key " in one and b"x-procy-token" not in one for one in headers)


def test_tokens_of_a_turns_calls_are_its_own(driver: Driver, client: str) -> None:
    """Codex asks for more than its rollout counts (a title, suggestions), so there it is no less."""
    SCRIPTS["helper"](driver)
    driver.ask("steps 3: echo hello")
    recording = Recording(driver.home)
    recording.until("SELECT 1 FROM turns WHERE status = 'done' GROUP BY status HAVING count(*) >= 4")
    recording.until("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM exchanges WHERE outcome IS NULL)")
    names = [f"{name}_tokens" for name in ("input", "output", "cache_read", "cache_write")]
    sums = ", ".join(f"sum(exchanges.{name}) AS {name}" for name in names)
    told = recording.rows("SELECT * FROM turns WHERE kind = 'prompt'")
    calls = {
        row["turn_id"]: row for row in recording.rows(f"SELECT turn_id, {sums} FROM exchanges WHERE wire IS NOT NULL GROUP BY 1")
    }
    assert len(told) == 4 and all(turn["id"] in calls for turn in told)
    for turn in told:
        counted, wanted = [calls[turn["id"]][name] for name in names], [turn[name] for name in names]
        if client == "claude":
            assert counted == wanted, turn["prompt"]
        else:
            assert all(more >= less for more, less in zip(counted, wanted, strict=True)), (turn["prompt"], counted, wanted)
