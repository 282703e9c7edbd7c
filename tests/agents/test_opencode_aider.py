"""OpenCode and aider: command lines, the gateway, and which conversation is whose."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from procy.agents.aider import Aider
from procy.agents.opencode import OpenCode, drawn_alike
from procy.gateway.join import conversation_of
from procy.plugins import profile_of
from procy.types import Endpoint, Process, TranscriptFile

ENDPOINT = Endpoint("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "SESSION-token")
THROUGH = "http://127.0.0.1:3/p/SESSION-token/v1"
TABLES = """
CREATE TABLE session (id, parent_id, title, directory, time_created, time_updated);
CREATE TABLE message (id, session_id, data);
CREATE TABLE part (message_id, session_id, data);
CREATE TABLE event (aggregate_id, seq);
"""
SECOND = 1_000_000_000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENCODE_CONFIG_CONTENT", "OPENCODE_CONFIG", "OPENCODE_DB", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put_session(connection: sqlite3.Connection, name: str, made_ms: int, prompt: str, **more: object) -> None:
    row = {"parent_id": None, "title": "x", "directory": "/work", "asked_ms": made_ms, **more}
    values = (name, row["parent_id"], row["title"], row["directory"], made_ms, made_ms + 500)
    connection.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", values)
    message = json.dumps({"role": "user", "time": {"created": row["asked_ms"]}})
    connection.execute("INSERT INTO message VALUES (?, ?, ?)", (f"m-{name}", name, message))
    connection.execute("INSERT INTO part VALUES (?, ?, ?)", (f"m-{name}", name, json.dumps({"type": "text", "text": prompt})))
    connection.execute("INSERT INTO event VALUES (?, 0)", (name,))


@pytest.fixture
def database(home: Path) -> Path:
    path = home / ".local" / "share" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(TABLES)
        put_session(connection, "old", 1_000, "long ago")
        put_session(connection, "new", 100_000, "in this pane\nand more")
        put_session(connection, "helper", 100_100, "helps", parent_id="new")
        put_session(connection, "elsewhere", 100_200, "in another directory", directory="/other")
        put_session(connection, "copy", 100_300, "in this pane", title="x (fork #1)", asked_ms=100_000)
    return path


def process(home: Path, *words: str, started_ns: int = 90 * SECOND, cwd: str = "/work") -> Process:
    return Process(1, started_ns, words, cwd, {"HOME": str(home)})


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("opencode",), "opencode"),
        (("node", "/x/node_modules/opencode-ai/bin/opencode"), "opencode"),
        (("/venv/bin/python", "/venv/bin/aider", "--model", "x"), "aider"),
        (("aider",), "aider"),
        (("sh", "-c", "opencode"), "generic"),
    ],
)
def test_they_are_known_by_their_command_lines(words: tuple[str, ...], name: str) -> None:
    assert profile_of(words).name == name


def test_single_tasks_are_no_dialogue() -> None:
    assert OpenCode().interactive(("opencode", "--model", "a/b")) and not OpenCode().interactive(("opencode", "run", "hi"))
    assert Aider().interactive(("python", "/x/aider")) and not Aider().interactive(("aider", "--message", "hi"))


def test_going_on_and_copies() -> None:
    profile = OpenCode()
    assert profile.resume(("opencode", "-c", "-m", "a/b"), "ses_1") == ("opencode", "-m", "a/b", "--session", "ses_1")
    assert profile.resume(("opencode", "--session", "ses_0", "--fork"), "ses_1") == ("opencode", "--session", "ses_1")
    assert profile.fork(("opencode",), "ses_1") == ("opencode", "--session", "ses_1", "--fork")
    assert (
        Aider().resume(("aider",), "x")
        == ("aider", "--restore-chat-history")
        == Aider().resume(Aider().resume(("aider",), ""), "")
    )
    assert Aider().fork(("aider",), "x") is None


def test_opencode_answers_one_prompt_with_nothing_kept_and_nothing_allowed() -> None:
    launch = OpenCode().headless(("/x/opencode", "-m", "a/b", "--session", "s"), "hi")
    assert launch and launch.argv == ("/x/opencode", "run", "--model", "a/b")
    assert dict(launch.environment) == {"OPENCODE_DB": ":memory:", "OPENCODE_PERMISSION": '{"*":"deny"}'}


def test_opencodes_providers_go_through_the_gateway_as_they_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "opencode.jsonc").write_text(
        '{"provider": {"mine": {"npm": "@ai-sdk/openai-compatible"}, // a note "x"\n"a": {"npm": "@ai-sdk/anthropic"}}}'
    )
    monkeypatch.setenv("OPENCODE_CONFIG_CONTENT", '{"model": "mine/m", "provider": {"mine": {"options": {"apiKey": "k"}}}}')
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    way = OpenCode().via(("opencode",), ENDPOINT)
    told = json.loads(dict(way.environment)["OPENCODE_CONFIG_CONTENT"])  # type: ignore[arg-type]
    assert told["model"] == "mine/m" and told["provider"]["mine"]["options"] == {"apiKey": "k", "baseURL": THROUGH}
    claude = {"options": {"baseURL": "http://127.0.0.1:1/p/SESSION-token/v1"}}
    assert told["provider"]["a"] == told["provider"]["anthropic"] == claude
    assert way.argv == ("opencode",)


def test_opencodes_calls_name_its_session() -> None:
    assert conversation_of((("x-session-affinity", "ses_1"), ("x-session-id", "ses_1"))) == "ses_1"


def test_aider_goes_through_the_gateway_by_its_variables() -> None:
    way = Aider().via(("aider", "--openai-api-base", "http://x"), ENDPOINT)
    assert way.argv == ("aider",) and dict(way.environment)["OPENAI_API_BASE"] == THROUGH


def test_opencodes_session_is_the_one_whose_prompt_the_pane_shows(home: Path, database: Path) -> None:
    found = {file.agent_session_id: file for file in OpenCode().transcripts(process(home, "opencode"))}
    assert list(found) == ["new", "helper", "copy"]
    assert found["new"] == TranscriptFile(f"{database}#new", "new", proof=("┃  in this pane",))
    assert (found["helper"].parent, found["helper"].proof) == ("new", ("┃  in this pane",))
    assert found["copy"].forked_from == "new"


def test_a_session_that_is_named_needs_no_proof(home: Path, database: Path) -> None:
    files = list(OpenCode().transcripts(process(home, "opencode", "-s", "old")))
    assert files[0] == TranscriptFile(f"{database}#old", "old") and "old" not in {file.agent_session_id for file in files[1:]}
    copying = OpenCode().transcripts(process(home, "opencode", "-s", "new", "--fork"))
    assert all(file.proof for file in copying), "a copy is not the one that it names"


def test_everything_that_opencode_has_kept(home: Path, database: Path) -> None:
    kept = list(OpenCode().kept({"HOME": str(home)}))
    assert [file.agent_session_id for file in kept] == ["old", "new", "helper", "elsewhere", "copy"]
    assert list(OpenCode().kept({}, database)) == list(OpenCode().kept({}, home)) == kept
    assert not list(OpenCode().kept({"HOME": "/nowhere"}))


def test_aiders_chat_is_the_first_that_began_after_it_did(home: Path) -> None:
    started = "2026-11-28 22:42:04", "2026-11-28 22:50:00", "2026-11-28 23:00:00"
    file = home / "work" / ".aider.chat.history.md"
    (home / "work" / "deep").mkdir(parents=True)
    (home / "work" / ".git").mkdir()
    file.write_text("".join(f"\n# aider chat started at {time}\n\n" for time in started))
    at_ns = int(datetime.fromisoformat("2026-11-28 22:49:58").timestamp()) * SECOND
    (found,) = Aider().transcripts(process(home, "aider", started_ns=at_ns, cwd=str(home / "work" / "deep")))
    assert found.path == f"{file}#2026-11-28 22:50:00" and found.agent_session_id.startswith("2026-11-28T22:50:00-")
    assert not list(Aider().transcripts(process(home, "aider", "--no-git", started_ns=at_ns, cwd=str(home / "work" / "deep"))))
    assert [one.path.rpartition("#")[2] for one in Aider().kept({}, home)] == list(started)
    assert list(Aider().kept({}, file)) == list(Aider().kept({}, home))


@pytest.mark.parametrize(
    ("line", "alike"),
    [
        ("fix the parser", "fix the parser"),
        ("unicode: 漢字 👩\u200d👧 and more", "unicode: 漢字"),
        ("go to Z\u0351urich", "go to Z"),
        ("👍 yes", "👍 yes"),  # too little would be left
    ],
)
def test_opencodes_prompts_are_looked_for_as_far_as_all_terminals_draw_them_alike(line: str, alike: str) -> None:
    assert drawn_alike(line) == alike
