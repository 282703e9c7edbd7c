"""Recorded transcripts of the real agents, and what is told of them. Each expectation was read beside the recording."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from procy.parse.status import read_status
from procy.parse.transcripts.codex import context_left
from procy.recording.transcripts import new_reader
from procy.types import Turn

RECORDINGS = Path(__file__).parent.parent / "recordings"
READERS = {"claude-code": "claude_code", "codex": "codex"}
FILES = sorted(RECORDINGS.glob("c*/*/*/*.jsonl"))


def read(path: Path) -> list[Turn]:
    reader = new_reader(READERS[path.parts[-4]], path.stem)
    for line in path.read_bytes().split(b"\n")[:-1]:
        reader.feed(line)
    return list(reader.changed())


def one(folder: str) -> list[Turn]:
    """The turns of a folder's only, or its first, file."""
    return read(sorted((RECORDINGS / folder).glob("*.jsonl"))[0])


def told(turns: list[Turn]) -> list[tuple[Any, ...]]:
    return [(turn.kind, turn.status, turn.folded, turn.prompt, turn.response) for turn in turns]


def test_claude_talk_queued_and_folded_prompts() -> None:
    turns = one("claude-code/2.1.329/talk")
    assert [turn.prompt for turn in turns] == [
        "hello", "run: echo hi", "think 2", "slow 4", "queued one", "queued two", "run: sleep 4", "folded one", "folded two",
    ]  # fmt: skip
    assert {turn.status for turn in turns} == {"done"}
    assert [turn.prompt for turn in turns if turn.folded] == ["folded one", "folded two"]
    run = turns[1]
    assert run.response == "I will run it.\n\nReceived 1 line, 12 characters (9ec04105): run: echo hi"
    (call,) = run.tool_calls
    assert (call.name, json.loads(call.input)["command"], call.result, call.status) == ("Bash", "echo hi", "hi", "ok")
    assert run.response[: call.response_at] == "I will run it."
    assert (run.usage.input, run.usage.output, run.usage.cache_read, run.usage.cache_write) == (200, 60, 2000, 20)
    assert turns[2].reasoning.startswith("Let me think about it.")


def test_claude_interrupts_and_errors() -> None:
    turns = {turn.prompt: turn for turn in one("claude-code/2.1.329/interrupts")}
    assert [(prompt, turn.status) for prompt, turn in turns.items()] == [
        ("wait 8", "interrupted"),
        ("hello after", "done"),
        ("slow 6", "interrupted"),
        ("hello 2", "done"),
        ("run: sleep 30", "done"),
        ("hello 3", "done"),
        ("queued then esc", "done"),
        ("error 400", "error"),
        ("flaky 529", "done"),
        ("error 500", "open"),
    ]
    assert turns["slow 6"].response.startswith("Received 1 line, 6 charact")
    assert turns["error 400"].error == "API Error: 400 scripted 400"
    assert turns["error 400"].response == ""
    assert turns["run: sleep 30"].tool_calls[0].status == "error"


def test_claude_pastes_are_what_was_pasted() -> None:
    prompts = [turn.prompt for turn in one("claude-code/2.1.329/pastes")]
    assert prompts[0] == "first line\n    indented\n\n    tabbed\nlast line"
    assert prompts[1].split("\n") == [f"{number:03d} " + "x" * (number % 50) for number in range(300)]
    assert prompts[3] == "before " + "\n".join(f"p{number}" for number in range(12)) + " after"
    assert not any("pasted_content" in prompt for prompt in prompts)


def test_claude_tools_and_files() -> None:
    turns = {turn.prompt: turn for turn in one("claude-code/2.1.329/tools")}
    assert [call.result for call in turns["two: echo a ;; echo b"].tool_calls] == ["a", "b"]
    assert [(file.path, file.change) for file in turns["write: a.txt"].files] == [("a.txt", "added")]
    edit = turns["edit: a.txt"].files[0]
    assert edit.change == "modified" and "-first line\n+changed line\n second line\n" in str(edit.diff)
    long = turns["lines 2000"].tool_calls[0]
    assert len(str(long.result)) > 29_000, "more than the preview that the model got"


def test_claude_output_in_a_file_is_asked_for_and_taken() -> None:
    path = sorted((RECORDINGS / "claude-code/2.1.329/tools").glob("*.jsonl"))[0]
    reader = new_reader("claude_code", path.stem)
    for line in path.read_bytes().split(b"\n")[:-1]:
        reader.feed(line)
    reader.changed()
    (wanted,) = reader.wanted()
    assert wanted.endswith(".txt")
    reader.give(wanted, b"the whole output")
    (turn,) = reader.changed()
    assert turn.tool_calls[0].result == "the whole output"
    assert not reader.wanted()


def test_claude_permissions_and_questions() -> None:
    turns = {turn.prompt: turn for turn in one("claude-code/2.1.329/permissions")}
    assert turns["run: touch x2"].tool_calls[0].status == "denied"
    assert turns["run: touch x2"].status == "interrupted"
    assert turns["question: Which?"].tool_calls[0].name == "AskUserQuestion"
    assert turns["!echo bash mode"].kind == "shell"
    assert turns["!echo bash mode"].response.startswith("bash mode")
    assert turns["folded p"].folded


def test_claude_tool_that_ran_when_interrupted_is_no_refusal() -> None:
    turns = {turn.prompt: turn for turn in one("claude-code/2.1.329/resume")}
    assert turns["run: true; sleep 25"].tool_calls[0].status == "unknown"
    assert turns["run: true; sleep 25"].status == "interrupted"


def test_claude_subagents_compaction_and_clear() -> None:
    folder = RECORDINGS / "claude-code/2.1.329/agents"
    turns = {turn.prompt: turn for path in folder.glob("*.jsonl") for turn in read(path)}
    assert turns["run: echo from sub"].tool_calls[0].result == "from sub"
    assert turns["agent: run: echo from sub"].response.count("Received 1 line, 25 characters") == 2, "reported to it later"
    assert turns["/compact"].kind == "command" and turns["/compact"].response.startswith("Compacted")
    assert turns["/clear"].kind == "command"
    assert turns["hello after compact"].status == "done"
    assert not any("continued from a previous conversation" in prompt for prompt in turns)
    assert not any("task-notification" in prompt for prompt in turns)


def test_claude_forked_turns_keep_their_names() -> None:
    """A fork copies lines; the copies are the same turns, so that they are told once."""
    files = sorted((RECORDINGS / "claude-code/2.1.329/resume").glob("*.jsonl"))
    keys = {path.stem: [turn.key for turn in read(path)] for path in files}
    forked, other, original = keys.values()
    assert forked[:4] == other[:4] == original[:4]
    assert len({*forked, *other, *original}) == 6


def test_codex_talk() -> None:
    turns = one("codex/0.169.0/talk")
    assert [(turn.prompt, turn.folded) for turn in turns] == [
        ("run: echo hi", False), ("think 2", False), ("slow 4", False), ("queued one", True), ("queued two", False),
        ("run: sleep 4", False), ("folded one", True), ("tab queued", False),
    ]  # fmt: skip
    run = turns[0]
    assert run.response == "I will run it.\n\nReceived 1 line, 12 characters (9ec04105): run: echo hi"
    assert (run.tool_calls[0].name, run.tool_calls[0].result, run.model) == ("exec_command", "hi\n", "scripted")
    assert (run.usage.input, run.usage.output, run.usage.cache_read, run.usage.cache_write) == (200, 60, 2000, 20)


def test_codex_interrupts_errors_and_shell_commands() -> None:
    turns = {turn.prompt: turn for turn in one("codex/0.169.0/interrupts")}
    statuses = {prompt: turn.status for prompt, turn in turns.items()}
    assert statuses["wait 8"] == statuses["slow 6"] == statuses["run: sleep 30"] == "interrupted"
    assert statuses["error 400"] == statuses["error 500"] == statuses["cut"] == "error"
    assert str(turns["error 500"].error).startswith("We’re currently experiencing high demand")
    assert (turns["!echo bash mode"].kind, turns["!echo bash mode"].response) == ("shell", "bash mode")


def test_codex_files_permissions_and_helpers() -> None:
    folder = RECORDINGS / "codex/0.169.0/permissions"
    turns = {turn.prompt: turn for path in folder.glob("*.jsonl") for turn in read(path)}
    assert [(Path(file.path).name, file.change) for file in turns["write: a.txt"].files] == [("a.txt", "added")]
    assert "-first line\n+changed line" in str(turns["edit: a.txt"].files[0].diff)
    assert turns["ask: touch asked2.txt"].tool_calls[0].status == "unknown"
    assert turns["run: echo from sub"].tool_calls[0].result == "from sub\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-4:-1]))
def test_lines_in_any_portions_give_the_same_turns(path: Path) -> None:
    """Asked after every line, after some, or at the end: the last word on every turn is the same."""
    lines = path.read_bytes().split(b"\n")[:-1]
    chance = random.Random(5)
    reader = new_reader(READERS[path.parts[-4]], path.stem)
    seen: dict[str, Turn] = {}
    for line in lines:
        reader.feed(line)
        if chance.random() < 0.5:
            seen |= {turn.key: turn for turn in reader.changed()}
    seen |= {turn.key: turn for turn in reader.changed()}
    assert seen == {turn.key: turn for turn in read(path)}


NOT_UNDERSTOOD = (
    b"",
    b"{",
    b"[1,2]",
    b"null",
    b'"text"',
    b"\xff\xfe",
    *(b'{"type": %s}' % kind for kind in (b"3", b'"user"', b'"assistant"', b'"__init__"', b'"open"', b'"touch"', b'"feed"')),
    b'{"type":"user","message":{}}',
    *(b'{"type":"event_msg","payload":%s}' % payload for payload in (b"null", b'{"type":"item_completed"}', b'{"type":"feed"}')),
)


@pytest.mark.parametrize("name", READERS.values())
def test_lines_that_are_not_understood_are_skipped(name: str) -> None:
    reader = new_reader(name, "x")
    for line in NOT_UNDERSTOOD:
        reader.feed(line)
    assert not [turn for turn in reader.changed() if turn.prompt]


def test_codex_tells_what_of_the_window_is_left_as_it_shows_it_itself() -> None:
    reader = new_reader("codex", "x")
    assert reader.context_left is None
    counted = {"last_token_usage": {"total_tokens": 135_200}, "model_context_window": 258_400}
    for info, left in ((None, None), (counted, 50), ({"model_context_window": 258_400}, 50)):
        reader.feed(json.dumps({"type": "event_msg", "payload": {"type": "token_count", "info": info}}).encode())
        assert reader.context_left == left
    assert [context_left(used, 258_400) for used in (0, 12_000, 12_700, 258_000, 300_000)] == [100, 100, 100, 0, 0]
    assert context_left(5, 12_000) == 0


def test_claudes_transcript_tells_no_window() -> None:
    reader = new_reader("claude_code", "x")
    for line in sorted((RECORDINGS / "claude-code/2.1.329/talk").glob("*.jsonl"))[0].read_bytes().split(b"\n"):
        reader.feed(line)
    assert reader.context_left is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"session_id": "s", "cost": {"total_cost_usd": 0.5}, "context_window": {"remaining_percentage": 61}}', ("s", 61, 0.5)),
        (
            '{"session_id": "s", "cost": {"total_cost_usd": 0}, "context_window": {"remaining_percentage": null}}',
            ("s", None, 0.0),
        ),
        ('{"session_id": "s", "cost": 3, "context_window": {"remaining_percentage": "61"}}', ("s", None, None)),
        ('{"session_id": "s", "context_window": {"remaining_percentage": 101.5}}', ("s", 100, None)),
        ('{"cost": {"total_cost_usd": 0.5}}', None),
        ('{"session_id": "s"', None),
        ("[]", None),
        ("", None),
    ],
)
def test_the_status_feed_is_read_as_far_as_it_is_understood(text: str, told: object) -> None:
    assert read_status(text) == told
