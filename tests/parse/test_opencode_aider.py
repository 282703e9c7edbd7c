"""Recorded conversations of OpenCode and aider: read as they lie, row by row and line by line, and what is told of them."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from procy.capture.transcript import end_of, read_lines
from procy.recording.transcripts import new_reader
from procy.types import Turn

RECORDINGS = Path(__file__).parent.parent / "recordings"
TALK, FORK, REFUSED = (next((RECORDINGS / "opencode/1.18.33" / name).glob("*.jsonl")) for name in ("talk", "fork", "refused"))
CHAT, STARTED = RECORDINGS / "aider/0.86.2/talk/.aider.chat.history.md", "2026-11-28 22:42:04"
TABLE = (
    "CREATE TABLE event (id text PRIMARY KEY, aggregate_id text NOT NULL, seq integer NOT NULL, type text NOT NULL, data text)"
)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The recorded rows where OpenCode has them."""
    path = tmp_path / "opencode.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute(TABLE)
        for file in (TALK, FORK):
            for line in file.read_text().splitlines():
                row = json.loads(line)
                values = (row["id"], file.stem, row["seq"], row["type"], json.dumps(row["data"], separators=(",", ":")))
                connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", values)
    return path


def opencode(file: Path) -> list[Turn]:
    reader = new_reader("opencode", file.stem)
    for line in file.read_bytes().split(b"\n")[:-1]:
        reader.feed(line)
    return list(reader.changed())


def aider(path: Path = CHAT) -> list[Turn]:
    reader = new_reader("aider", "chat")
    for _, line in read_lines(f"{path}#{STARTED}", 0).lines:
        reader.feed(line)
    return list(reader.changed())


def test_opencode_talk() -> None:
    turns = {turn.prompt: turn for turn in opencode(TALK)[2:]}  # the first two met a model that had no tools
    assert [(prompt, turn.status) for prompt, turn in turns.items()] == [
        ("run: echo hi", "done"),
        ("write: note.txt", "done"),
        ("edit: note.txt", "done"),
        ("think 1", "done"),
        ("error 400", "error"),
        ("slow 30", "interrupted"),
    ]
    run = turns["run: echo hi"]
    assert run.response == "I will run it.\n\nReceived 1 line, 12 characters (9ec04105): run: echo hi"
    (call,) = run.tool_calls
    assert (call.name, json.loads(call.input)["command"], call.result, call.status) == ("bash", "echo hi", "hi\n", "ok")
    assert run.response[: call.response_at] == "I will run it."
    assert (run.usage.input, run.usage.output, run.usage.cache_read, run.model) == (220, 60, 2000, "scripted")
    assert [(file.path, file.change) for file in turns["write: note.txt"].files] == [("/home/user/tree/note.txt", "added")]
    edit = turns["edit: note.txt"].files[0]
    assert edit.change == "modified" and "@@ -1,2 +1,2 @@\n-first line\n+changed line\n second line\n" in str(edit.diff)
    assert turns["think 1"].reasoning == "Let me think about it.\nIt has 7 characters." and turns["think 1"].usage.reasoning == 30
    assert turns["error 400"].error == "scripted 400" and turns["error 400"].response == ""
    assert turns["slow 30"].response.endswith("- slow line 7 of 20\n- sl")


def test_a_forked_conversation_of_opencode_has_the_same_turns_again() -> None:
    before, after = opencode(TALK), opencode(FORK)
    assert [turn.key for turn in after[:-1]] == [turn.key for turn in before]
    assert [(turn.prompt, turn.response) for turn in after[:-1]] == [(turn.prompt, turn.response) for turn in before]
    assert after[-1].prompt == '"hello fork"' and after[-1].key not in {turn.key for turn in before}


def test_opencode_stops_at_a_call_that_is_refused() -> None:
    allowed, refused = opencode(REFUSED)
    assert (allowed.status, allowed.tool_calls[0].status) == ("done", "ok")
    assert (refused.status, refused.tool_calls[0].status) == ("interrupted", "denied")
    assert refused.response == "I need permission." and refused.ended_ns


def test_rows_of_a_database_are_lines_by_their_numbers(database: Path) -> None:
    path = f"{database}#{TALK.stem}"
    lines, following = read_lines(path, 0)
    assert [json.loads(line) for _, line in lines] == [json.loads(line) for line in TALK.read_text().splitlines()]
    assert [offset for offset, _ in lines] == list(range(len(lines))) and following == len(lines) == end_of(path)
    assert read_lines(path, 100) == (lines[100:], following)
    assert read_lines(path, following) == ([], following)
    assert read_lines(f"{database}#ses_other", 7) == ([], 7) and end_of(f"{database}#ses_other") == 0


def test_a_database_is_read_without_being_in_its_writers_way(database: Path) -> None:
    path = f"{database}#{TALK.stem}"
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("DELETE FROM event WHERE seq > 10")
        assert end_of(path) == 144, "what is not committed is not seen"
        assert len(read_lines(path, 0).lines) == 144
        writer.execute("COMMIT")
        assert end_of(path) == 11
    for ending in ("-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)
    before = {one.name: one.stat().st_mtime_ns for one in database.parent.iterdir()}
    assert end_of(path) == 11
    assert {one.name: one.stat().st_mtime_ns for one in database.parent.iterdir()} == before, "no new file beside it"


def test_a_file_that_is_no_database_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database")
    assert read_lines(f"{tmp_path / 'x.db'}#ses", 3) == ([], 3) and end_of(f"{tmp_path / 'none.db'}#ses") == 0


def test_aider_talk() -> None:
    turns = {turn.prompt: turn for turn in aider()}
    assert [(prompt, turn.kind, turn.status) for prompt, turn in turns.items()] == [
        ("hello there", "prompt", "done"),
        ("write: note.txt", "prompt", "done"),
        ("edit: note.txt", "prompt", "done"),
        ("y", "prompt", "done"),
        ("run: echo hi", "prompt", "done"),
        ("error 400", "prompt", "error"),
        ("slow 20", "prompt", "interrupted"),
    ]
    assert turns["hello there"].response == "Received 1 line, 11 characters (12998c01): hello there"
    assert turns["hello there"].started_ns == 1795905798_727748_000, "of the input history"
    assert (turns["hello there"].usage.input, turns["hello there"].usage.output) == (2300, 16)
    assert turns["hello there"].model == "openai/scripted"
    assert [(file.path, file.change) for file in turns["write: note.txt"].files] == [("note.txt", "added")]
    assert [(file.path, file.change) for file in turns["edit: note.txt"].files] == [("note.txt", "modified")]
    (call,) = turns["run: echo hi"].tool_calls
    assert (call.name, json.loads(call.input), call.result, call.status) == ("shell", {"command": "echo hi"}, None, "unknown")
    assert turns["error 400"].error == "litellm.BadRequestError: OpenAIException - scripted 400"
    assert turns["slow 20"].response.endswith("- slow line 7 of 20\n- sl")


def test_a_chat_ends_where_the_next_begins(tmp_path: Path) -> None:
    path = tmp_path / CHAT.name
    shutil.copy(CHAT.with_name(".aider.input.history"), tmp_path)
    more = b"\n# aider chat started at 2026-11-29 00:00:00\n\n\n#### later  \n> Tokens: 5 sent, 6 received.  \n"
    path.write_bytes(CHAT.read_bytes() + more)
    kept = aider()
    assert aider(path) == [*kept[:-1], replace(kept[-1], ended_ns=kept[-1].started_ns)], "and when it ended is not told any more"
    later = read_lines(f"{path}#2026-11-29 00:00:00", 0)
    assert len(later.lines) == 5 and later.next_offset == len(more) - 1 == end_of(f"{path}#2026-11-29 00:00:00")
    assert later.lines[0][0] == 0, "places count from its beginning"
    assert later.lines[3][1] == b"2026-11-29T00:00:00.000001+00:00\t#### later  ", "without an input history: behind the start"


def test_an_answer_that_grows_ends_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / CHAT.name
    whole = CHAT.read_bytes()
    end = whole.index(b"#### write: note.txt")
    path.write_bytes(whole[:end])
    shutil.copy(CHAT.with_name(".aider.input.history"), tmp_path)
    for written_ns in (1795905804_123456_000, 1795905804_999987_000, 1795905805_000000_000):
        os.utime(path, ns=(written_ns, written_ns))
        (turn,) = aider(path)
        assert turn.ended_ns and abs(turn.ended_ns - written_ns) <= 1_000


@pytest.mark.parametrize("agent", ["opencode", "aider"])
def test_in_any_portions_they_give_the_same_turns(agent: str) -> None:
    if agent == "opencode":
        lines, expected = TALK.read_bytes().split(b"\n")[:-1], opencode(TALK)
    else:
        lines, expected = [line for _, line in read_lines(f"{CHAT}#{STARTED}", 0).lines], aider()
    chance, reader = random.Random(5), new_reader(agent, expected[0].agent_session_id or "")
    seen: dict[str, Turn] = {}
    for line in lines:
        reader.feed(line)
        if chance.random() < 0.5:
            seen |= {turn.key: turn for turn in reader.changed()}
    seen |= {turn.key: turn for turn in reader.changed()}
    assert list(seen.values()) == expected


def test_a_growing_chat_is_read_byte_by_byte_as_whole(tmp_path: Path) -> None:
    """All but the ends of answers, which only show while it grows."""
    path, whole = tmp_path / CHAT.name, CHAT.read_bytes()
    shutil.copy(CHAT.with_name(".aider.input.history"), tmp_path)
    path.write_bytes(b"")
    offset, found = 0, []
    for end in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[: len(whole) if end + 7 > len(whole) else end])
        lines, offset = read_lines(f"{path}#{STARTED}", offset)
        found += lines
    at_once = read_lines(f"{CHAT}#{STARTED}", 0).lines
    assert [(place, line.partition(b"\t")[2]) for place, line in found] == [
        (place, line.partition(b"\t")[2]) for place, line in at_once
    ]


@pytest.mark.parametrize("name", ["opencode", "aider"])
def test_what_is_not_understood_is_skipped(name: str) -> None:
    reader = new_reader(name, "x")
    odd = (b"", b"{", b"[1]", b"null", b"\xff\xfe", b"\t", b"\t#### ", b"x\t> Tokens: 5.5.5k sent, 1 received  ", b"\t####   ")
    shaped = (
        b'{"type":"message.updated.1"}',
        b'{"type":"message.updated.1","data":{"info":{"role":"user"}}}',
        b'{"type":3,"data":4}',
    )
    parts = [json.dumps({"type": "message.part.updated.1", "data": {"part": part}}).encode() for part in (None, {}, {"type": 1})]
    for line in (*odd, *shaped, *parts):
        reader.feed(line)
    assert {turn.response for turn in reader.changed()} <= {""}
