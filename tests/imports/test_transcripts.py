"""Conversations that agents kept, brought in from the recordings of the real ones."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from procy.agents.claude_code import ClaudeCode
from procy.imports import conversation
from procy.imports.follow import follow
from procy.imports.run import Import, in_order
from procy.plugins import profile_named
from procy.recording.forget import forget_session
from procy.settings import Settings
from procy.store import write
from procy.store.db import from_iso, iso
from procy.types import TranscriptFile, Turn
from tests.imports.conftest import RECORDINGS, Desk

CLAUDE = RECORDINGS / "claude-code"
TALK = CLAUDE / "2.1.329" / "talk" / "a265fe17-dce8-40ad-8ba7-af9c862ad7a0.jsonl"
AGENTS = CLAUDE / "2.1.329" / "agents"


def keep(desk: Desk, source: Path, size: int | None = None) -> Path:
    """A transcript in the agent's own folder, or the first bytes of it."""
    path = desk.kept / "projects" / "-home-user-project" / source.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.read_bytes()[:size])
    return path


@pytest.mark.parametrize("agent", ["claude-code", "codex"])
def test_a_second_import_and_a_rebuild_change_nothing(desk: Desk, agent: str) -> None:
    files = sorted((RECORDINGS / agent).rglob("*.jsonl"))
    assert f"imported {len(files)} conversations (1 of sub-agents)" in desk.told(agent, RECORDINGS / agent)
    first = desk.everything()
    assert len(first["transcripts"]) == len(files) and len(first["turns"]) > 30
    assert {row[0] for row in desk.rows("SELECT DISTINCT origin FROM sessions")} == {"import"}
    assert f"{len(files)} known already" in desk.told(agent, RECORDINGS / agent)
    assert desk.everything() == first
    desk.rebuild()
    assert desk.everything() == first


def test_what_a_session_is_told_by_its_transcript(desk: Desk) -> None:
    desk.told("claude", TALK)
    (row,) = desk.rows("SELECT agent, agent_session_id, cwd, origin, status, started_at, ended_at FROM sessions")
    span = ("2026-11-20T12:40:20.082Z", "2026-11-20T12:40:42.074Z")
    assert row == ("claude-code", TALK.stem, "/home/user/project", "import", "ended", *span)
    assert [one[0] for one in desk.rows("SELECT prompt FROM turns ORDER BY seq")][:3] == ["hello", "run: echo hi", "think 2"]
    desk.run("search", "hello")


def test_helpers_are_below_and_forks_hold_what_is_new(desk: Desk) -> None:
    desk.told("claude", AGENTS)
    rows = desk.rows(
        "SELECT substr(sessions.agent_session_id, 1, 8), substr(parent.agent_session_id, 1, 8), sessions.pane_id IS NULL, "
        "(SELECT count(*) FROM turns WHERE session_id = sessions.id) FROM sessions LEFT JOIN sessions AS parent "
        "ON parent.id = sessions.parent_id ORDER BY sessions.started_at"
    )
    assert rows == [
        ("2cf54c4d", None, 0, 5),
        ("agent-a6", "2cf54c4d", 1, 1),
        ("e5acd256", None, 0, 2),
        ("a4fe59ac", "e5acd256", 0, 1),
    ]
    listed = json.loads(desk.run("sessions", "--json").stdout)
    assert len(listed) == 3, "a fork is no sub-agent"


def test_a_transcript_that_grows_is_one_session(desk: Desk) -> None:
    """Whatever the places at which it was read: the rows are those of reading it once."""
    size = TALK.stat().st_size
    for part in (size // 3, size // 2, size - 7, size):
        path = keep(desk, TALK, part)
        told = desk.told("claude")
        assert ("half a line" in told) == (not path.read_bytes().endswith(b"\n"))
    grown = desk.everything()
    desk.connection.execute("DELETE FROM sessions")
    desk.connection.execute("DELETE FROM transcripts")
    desk.told("claude")
    assert desk.everything() == grown


def test_an_import_that_is_killed_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.told("claude", TALK)
    once = desk.everything()
    desk.connection.execute("DELETE FROM sessions")
    desk.connection.execute("DELETE FROM transcripts")
    monkeypatch.setattr("procy.capture.transcript.READ_BYTES", 3000)
    file = TranscriptFile(str(TALK), TALK.stem)
    run = Import(desk.connection, Settings(), profile_named("claude-code"))
    begun = run.opened(file)
    assert begun
    for _ in zip(begun.advance(), range(3), strict=False):
        pass  # and then it is killed
    assert 0 < len(desk.rows("SELECT 1 FROM transcript_lines")) < 20
    desk.told("claude", TALK)
    assert desk.everything() == once


def test_a_copy_elsewhere_is_the_same_conversation(desk: Desk, tmp_path: Path) -> None:
    keep(desk, TALK, 20_000)
    desk.told("claude")
    backup = tmp_path / "backup"
    backup.mkdir()
    shutil.copy(TALK, backup)
    assert "0 conversations, 1 grown" in desk.told("claude", backup)
    assert "1 known already" in desk.told("claude")
    assert len(desk.rows("SELECT 1 FROM sessions")) == len(desk.rows("SELECT 1 FROM transcripts")) == 1
    assert len(desk.rows("SELECT 1 FROM turns")) == 9


def test_broken_lines_and_files_are_told_of(desk: Desk) -> None:
    path = keep(desk, TALK)
    lines = path.read_bytes().split(b"\n")
    lines[3:3] = [b'{"type": "user", "mess{"type": "assistant"}', b"\xff\xfe"]
    path.write_bytes(b"\n".join(lines))
    gone = path.with_name("00000000-0000-4000-8000-000000000099.jsonl")
    gone.symlink_to(path.parent / "nowhere")
    done = desk.run("import", "claude", code=1)
    assert "2 lines broken" in done.stderr and f"cannot read {gone}: No such file" in done.stderr
    assert "1 file could not be read" in str(done.exception)
    assert len(desk.rows("SELECT 1 FROM turns")) == 9
    stored = b"\n".join(
        one.encode() if isinstance(one, str) else one for (one,) in desk.rows("SELECT line FROM transcript_lines")
    )
    assert stored + b"\n" == path.read_bytes(), "broken lines are raw, too"


def test_what_is_recorded_or_forgotten_is_left_alone(desk: Desk) -> None:
    keep(desk, TALK)
    desk.told("claude")
    (session,) = desk.rows("SELECT id FROM sessions")[0]
    desk.connection.execute("UPDATE sessions SET status = 'recording'")
    more = keep(desk, TALK)
    with more.open("ab") as file:
        file.write(b'{"type": "summary"}\n')
    assert "1 being recorded" in desk.told("claude")
    desk.connection.execute("UPDATE sessions SET status = 'ended'")
    forget_session(desk.connection, desk.places, session, time.time_ns())
    assert "1 forgotten" in desk.told("claude")
    assert desk.rows("SELECT * FROM sessions") == desk.rows("SELECT * FROM turns") == []


def test_a_recorded_session_takes_what_its_agent_wrote_later(desk: Desk) -> None:
    """Recorded in a pane up to some line; then the agent was resumed where nobody recorded it."""
    path = keep(desk, TALK, 20_000)
    desk.told("claude")
    desk.connection.execute("UPDATE sessions SET origin = 'tmux', pane_id = '%1'")
    path.write_bytes(TALK.read_bytes())
    assert "1 grown" in desk.told("claude")
    assert len(desk.rows("SELECT 1 FROM sessions")) == 1 and len(desk.rows("SELECT 1 FROM turns")) == 9
    before = desk.everything()
    desk.rebuild()
    assert desk.everything() == before


def test_streams_are_not_doubled(desk: Desk) -> None:
    with write.transaction(desk.connection):
        write.put_session(desk.connection, "S" * 26, {"agent": "claude-code", "origin": "stream", "started_at": "2026"})
        desk.connection.execute(
            "INSERT INTO turns (id, session_id, seq, prompt, status, source, agent_session_id, started_at) "
            "VALUES ('T', ?, 1, 'hello', 'done', 'stream', ?, '2026')",
            ("S" * 26, TALK.stem),
        )
    assert "1 recorded as streams" in desk.told("claude", TALK)
    assert len(desk.rows("SELECT 1 FROM turns")) == 1


def test_only_what_was_written_since(desk: Desk) -> None:
    os.utime(keep(desk, TALK), (1_700_000_000,) * 2)
    keep(desk, AGENTS / "e5acd256-38d4-4948-beb4-398720cc2074.jsonl")
    assert "imported 1 conversation, 2 turns" in desk.told("claude", "--since", "2024-01-01")
    assert "imported 1 conversation, 9 turns" in desk.told("claude", "--since", "9999w")


def test_secrets_are_kept_as_in_a_recording(desk: Desk) -> None:
    key = "sk-ant-api03-" + "a" * 30
    path = keep(desk, TALK)
    path.write_bytes(TALK.read_bytes().replace(b'"content":"hello"', f'"content":"hello {key}"'.encode(), 1))
    Path(desk.places.config).write_text('raw = "redact"\n')
    desk.told("claude")
    assert desk.rows("SELECT prompt FROM turns WHERE seq = 1") == [("hello [redacted:anthropic-key]",)]
    assert not desk.rows("SELECT 1 FROM transcript_lines WHERE instr(line, ?)", key)


def test_order_is_parents_first() -> None:
    child, fork, trunk = TranscriptFile("c", "c", parent="f"), TranscriptFile("f", "f", forked_from="t"), TranscriptFile("t", "t")
    assert in_order([child, fork, trunk]) == [trunk, fork, child]
    loop = [TranscriptFile("a", "a", parent="b"), TranscriptFile("b", "b", parent="a")]
    assert sorted(in_order(loop), key=lambda one: one.path) == loop


def test_claude_tells_what_it_keeps(desk: Desk) -> None:
    path = keep(desk, TALK)
    (path.parent / "history.jsonl").write_text("{}\n")
    helper = path.with_suffix("") / "subagents" / "agent-a1.jsonl"
    helper.parent.mkdir(parents=True)
    helper.write_text("{}\n")
    (path.parent / "agent-b2.jsonl").write_text(json.dumps({"sessionId": TALK.stem}) + "\n")
    kept = list(ClaudeCode().kept({"CLAUDE_CONFIG_DIR": str(desk.kept)}))
    assert {(one.agent_session_id, one.parent) for one in kept} == {
        (TALK.stem, ""), ("agent-a1", TALK.stem), ("agent-b2", TALK.stem),
    }  # fmt: skip


def test_following(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that grow are kept up with; the last turn is open meanwhile, and closed at the end."""
    monkeypatch.setattr("procy.imports.follow.LOOK_S", 0.02)
    monkeypatch.setattr("procy.imports.follow.TICK_S", 0.01)
    path = keep(desk, TALK, 3000)
    desk.told("claude")
    run = Import(desk.connection, Settings(), profile_named("claude-code"))
    lines = TALK.read_bytes()
    cut = lines.index(b"\n", lines.index(b"slow 4")) + 1
    states: list[tuple[object, ...]] = []

    def is_over() -> bool:
        states.append(tuple(desk.rows("SELECT count(*), max(status = 'open') FROM turns")[0]))
        if len(states) == 5:
            path.write_bytes(lines[:cut])
        if len(states) > 5 and states[-1] == (4, 1):
            path.write_bytes(lines)
        return states[-1][0] == 9 or len(states) > 500

    follow(run, lambda: list(ClaudeCode().kept(os.environ)), is_over)
    assert (4, 1) in states and states[-1][0] == 9
    followed = desk.everything()
    assert not desk.rows("SELECT 1 FROM turns WHERE status = 'open'")
    desk.connection.execute("DELETE FROM sessions")
    desk.connection.execute("DELETE FROM transcripts")
    desk.told("claude")
    assert desk.everything() == followed


def test_only_one_import_of_an_agent_at_a_time(desk: Desk) -> None:
    keep(desk, TALK)
    begun, go_on = threading.Event(), threading.Event()

    def slow(path: str, offset: int) -> object:
        begun.set()
        go_on.wait(10)
        return read(path, offset)

    read = conversation.read_lines
    conversation.read_lines = slow  # type: ignore[assignment]
    try:
        first = threading.Thread(target=lambda: desk.told("claude"))
        first.start()
        assert begun.wait(10)
        done = desk.run("import", "claude", code=1)
        assert "another import of Claude Code is under way" in str(done.exception)
    finally:
        go_on.set()
        first.join()
        conversation.read_lines = read


def test_qwens_conversations_wherever_they_lie(desk: Desk, tmp_path: Path) -> None:
    """In a folder that somebody gathered them in, beside what is none of them."""
    for source in sorted((RECORDINGS / "qwen-code").rglob("*.jsonl")):
        shutil.copy(source, tmp_path / "kept")
    (tmp_path / "kept" / "other.jsonl").write_text('{"type": "user"}\n')
    (tmp_path / "kept" / "torn.jsonl").write_text('{"sessionId')
    assert "imported 3 conversations" in desk.told("qwen", tmp_path / "kept")
    assert {row[0] for row in desk.rows("SELECT agent FROM sessions")} == {"qwen-code"}


def test_an_imported_conversation_as_json(desk: Desk) -> None:
    """A real one with helpers and tools: everything that the tables have of it, in order."""
    desk.told("claude", AGENTS)
    for key, count in desk.rows("SELECT session_id, count(*) FROM turns GROUP BY 1"):
        document = json.loads(desk.run("export", "json", key).stdout)
        assert (document["format"], document["session"]["id"], len(document["turns"])) == ("procy-session", key, count)
        rows = desk.rows("SELECT id, prompt, response, status, ended_at FROM turns WHERE session_id = ? ORDER BY seq", key)
        assert [
            tuple(turn[name] for name in ("id", "prompt", "response", "status", "ended_at")) for turn in document["turns"]
        ] == rows
        calls = desk.rows(
            "SELECT tool_calls.id FROM tool_calls JOIN turns ON turns.id = turn_id WHERE session_id = ? "
            "ORDER BY turns.seq, tool_calls.seq",
            key,
        )
        assert [(call["id"],) for turn in document["turns"] for call in turn["tool_calls"]] == calls
        assert all(turn["sources"][0]["source"] == "transcript" for turn in document["turns"])


PANE = "01SESSION0000000000000000A"


def seen_in_a_pane(desk: Desk, late_ns: int = 0, **values: object) -> None:
    """The first two prompts of that conversation, in a session that knew no transcript of it."""
    began_ns = from_iso("2026-11-20T12:40:10.000Z")
    row = {"agent": "claude-code", "origin": "tmux", "pane_id": "%1", "cwd": "/home/user/project", "started_at": iso(began_ns),
           "ended_at": iso(began_ns + 40 * 10**9), "status": "ended"}  # fmt: skip
    write.put_session(desk.connection, PANE, row | values)
    began = [started_at for (started_at,) in desk.rows("SELECT started_at FROM kept ORDER BY 1 LIMIT 2")]
    for place, started_at in enumerate(began):
        started_ns = from_iso(started_at) + late_ns
        shown = Turn(
            key=f"screen:{place}", prompt="as shown", source="screen", started_ns=started_ns, ended_ns=started_ns + 10**8
        )
        write.put_turn(desk.connection, PANE, shown, mask=str, cost=None)


@pytest.fixture
def told_times(desk: Desk) -> None:
    """When the prompts of that conversation began, in a table of their own."""
    desk.told("claude", TALK)
    desk.connection.execute("CREATE TEMP TABLE kept AS SELECT started_at FROM turns")
    desk.connection.execute("DELETE FROM sessions")
    desk.connection.execute("DELETE FROM transcripts")


@pytest.mark.usefixtures("told_times")
@pytest.mark.parametrize("values", [{}, {"agent_session_id": TALK.stem, "cwd": "/elsewhere"}])
def test_what_was_seen_in_a_pane_is_told_by_its_transcript(desk: Desk, values: dict[str, object]) -> None:
    seen_in_a_pane(desk, **values)
    before = desk.rows("SELECT id FROM turns ORDER BY started_at")
    assert "1 grown" in desk.told("claude", TALK)
    assert desk.rows("SELECT id, origin, agent_session_id IS NULL FROM sessions") == [(PANE, "tmux", not values)]
    turns = desk.rows("SELECT id, source, prompt FROM turns ORDER BY started_at")
    assert len(turns) == 9 and {source for _, source, _ in turns} == {"transcript"}
    assert [(key,) for key, _, _ in turns[:2]] == before, "the turns that were seen keep their ids"
    everything = desk.everything()
    assert "1 known already" in desk.told("claude", TALK)
    desk.rebuild()
    assert desk.everything() == everything


@pytest.mark.usefixtures("told_times")
@pytest.mark.parametrize(
    ("late_ns", "values"),
    [(70 * 10**9, {}), (0, {"agent": "codex"}), (0, {"cwd": "/elsewhere"}), (0, {"agent_session_id": None, "pane_id": None})],
)
def test_another_session_of_that_time_is_left_alone(desk: Desk, late_ns: int, values: dict[str, object]) -> None:
    seen_in_a_pane(desk, late_ns, **values)
    assert "imported 1 conversation" in desk.told("claude", TALK)
    assert len(desk.rows("SELECT 1 FROM sessions")) == 2


@pytest.mark.usefixtures("told_times")
def test_a_pane_at_work_keeps_its_conversation(desk: Desk) -> None:
    """Its sidecar has not found the transcript yet."""
    seen_in_a_pane(desk, status="recording", ended_at=None)
    assert "1 being recorded" in desk.told("claude", TALK)
    assert len(desk.rows("SELECT 1 FROM sessions")) == 1
