"""Recorded transcripts of Gemini CLI and Qwen Code, and what is told of them. Expectations were read beside the recordings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from procy.parse.streams.claude import Claude
from procy.parse.transcripts.base import Trace
from procy.parse.transcripts.parts import plain_output
from procy.recording.transcripts import new_reader
from procy.types import Turn

RECORDINGS = Path(__file__).parent.parent / "recordings"
READERS = {"gemini-cli": "gemini", "qwen-code": "qwen"}
FILES = sorted(path for agent in READERS for path in RECORDINGS.glob(f"{agent}/*/*/*.jsonl"))


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1]


def read(agent: str, lines: list[bytes]) -> dict[str, Turn]:
    reader = new_reader(READERS[agent], "session")
    for line in lines:
        reader.feed(line)
    return {turn.key: turn for turn in reader.changed()}


def turns(folder: str) -> list[Turn]:
    found = [
        turn
        for path in sorted((RECORDINGS / folder).glob("*.jsonl"))
        for turn in read(folder.split("/")[0], lines_of(path)).values()
    ]
    return sorted(found, key=lambda turn: turn.started_ns)


@pytest.mark.parametrize("path", FILES, ids=lambda path: "-".join(path.parts[-4:-1]))
def test_whatever_is_asked_in_between_the_turns_are_the_same(path: Path) -> None:
    """A reader that is asked after every line tells in the end what one tells that is asked once."""
    agent, lines = path.parts[-4], lines_of(path)
    reader = new_reader(READERS[agent], "session")
    seen: dict[str, Turn] = {}
    for line in lines:
        reader.feed(line)
        seen |= {turn.key: turn for turn in reader.changed()}
    assert seen == read(agent, lines) and seen


@pytest.mark.parametrize("path", FILES, ids=lambda path: "-".join(path.parts[-4:-1]))
def test_odd_lines_cost_nothing_but_themselves(path: Path) -> None:
    agent, lines = path.parts[-4], lines_of(path)
    odd = [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b'{"id":1}', b'{"id":"x","type":"gemini","content":{"a":[1]},"toolCalls":{}}',
           b'{"$set":{"messages":7}}', b'{"type":"assistant","message":[]}', b'{"type":"user","uuid":4}']  # fmt: skip
    mixed = [part for line in lines for part in (odd[len(line) % len(odd)], line)]
    assert list(read(agent, mixed)) == list(read(agent, lines))


def told(turns: list[Turn]) -> list[tuple[str, str]]:
    return [(turn.prompt, turn.status) for turn in turns]


def test_gemini_interrupts_and_its_copies_of_the_list() -> None:
    """The refused call at the end is followed by copies of all messages, with other ids."""
    found = turns("gemini-cli/0.61.0/talk")
    assert told(found) == [
        ("slow 8", "done"),
        ("ask: touch asked.txt", "done"),
        ("slow 20", "interrupted"),
        ("hello again", "done"),
        ("ask: touch b.txt", "interrupted"),
    ]
    assert found[1].response.startswith("I need permission.\n\nReceived 1 line, 20 characters")
    assert [turn.tool_calls[0].status for turn in (found[1], found[4])] == ["ok", "denied"]
    assert json.loads(found[1].tool_calls[0].input)["command"] == "touch asked.txt"
    assert found[1].response[: found[1].tool_calls[0].response_at] == "I need permission."
    assert (found[0].usage.input, found[0].usage.cache_read, found[0].usage.output) == (110, 1000, 20)


def test_gemini_thoughts_errors_files_and_shell() -> None:
    found = {turn.prompt: turn for turn in turns("gemini-cli/0.61.0/tools")}
    assert list(found) == ["think 1", "error 400", "write: note.txt", "!echo from shell", "lines 300"]
    thought = found["think 1"]
    assert thought.reasoning == "Let me think about it.\nIt has 7 characters."
    assert (thought.usage.output, thought.usage.reasoning, thought.model) == (50, 30, "scripted")
    assert found["error 400"].status == "error" and "scripted 400" in str(found["error 400"].error)
    (file,) = found["write: note.txt"].files
    assert (file.path, file.change) == ("/tmp/recorded/tree/note.txt", "added") and "+first line\n" in str(file.diff)
    assert (found["!echo from shell"].kind, found["!echo from shell"].response) == ("shell", "from shell")
    printed = str(found["lines 300"].tool_calls[0].result)
    assert printed.startswith("line 1 of 300\nline 2 of 300\n") and printed.endswith("line 247 of 300\nline"), "all it was told"


def test_a_gemini_turn_that_is_not_known_to_be_over_says_how_it_ends() -> None:
    lines = lines_of(next((RECORDINGS / "gemini-cli/0.61.0/talk").glob("*.jsonl")))
    at_tool = next(place for place, line in enumerate(lines) if b'"functionResponse"' in line and b'"type":"user"' in line)
    ends = [list(read("gemini-cli", lines[:count]).values())[-1] for count in (at_tool - 2, at_tool, at_tool + 3)]
    assert [(turn.status, turn.ends_as) for turn in ends] == [("open", "done"), ("open", "interrupted"), ("open", "done")]


def test_gemini_document_of_an_older_version_is_read_as_one_line() -> None:
    path = next((RECORDINGS / "gemini-cli/0.61.0/tools").glob("*.jsonl"))
    messages = [json.loads(line) for line in lines_of(path) if line.startswith(b'{"id"')]
    document = {"sessionId": "x", "projectHash": "y", "messages": list({one["id"]: one for one in messages}.values())}
    whole = read("gemini-cli", [json.dumps(document).encode()])
    assert [turn.response for turn in whole.values()] == [turn.response for turn in read("gemini-cli", lines_of(path)).values()]


def test_qwen_interrupts_and_refusals() -> None:
    found = turns("qwen-code/0.24.4/talk")
    assert told(found) == [
        ("slow 8", "done"),
        ("slow 30", "interrupted"),
        ("slow 30two: echo one ;; echo two", "done"),
        ("from outside", "done"),
        ("ask: touch asked.txt", "interrupted"),
    ]
    assert found[1].response.endswith("slow line 4 of"), "what had come is kept"
    assert found[4].tool_calls[0].status == "denied"
    cancelled = turns("qwen-code/0.24.4/cancelled")[1]
    assert (cancelled.status, cancelled.tool_calls[0].status) == ("interrupted", "unknown")


def test_qwen_prompts_that_steer_a_running_turn_are_folded() -> None:
    found = turns("qwen-code/0.24.4/steered")
    assert [turn.prompt for turn in found if turn.folded] == ["error 400", "echo from shell", "ello after clear", "slow 20"]
    assert {turn.status for turn in found} == {"done"}
    assert found[-1].response.endswith("(61cb4c21): error 400"), "one answer for all, which is the last one's"


def test_what_a_command_printed_is_told_without_what_is_told_to_the_model() -> None:
    gemini = "<untrusted_context>\nOutput: a\nOutput: b\nProcess Group PGID: 7\n</untrusted_context>"
    qwen = "Command: ls\nDirectory: (root)\nOutput: a\nError: (none)\nExit Code: 2\nSignal: (none)\nProcess Group PGID: (none)"
    assert [plain_output(text) for text in (gemini, qwen, "as it is")] == ["a\nOutput: b", "a\nExit Code: 2", "as it is"]


def test_where_and_when_a_conversation_took_place() -> None:
    for agent, folder in (("gemini-cli", "0.61.0/talk"), ("qwen-code", "0.24.4/talk")):
        lines = lines_of(next((RECORDINGS / agent / folder).glob("*.jsonl")))
        reader = new_reader(READERS[agent], "session")
        for line in [b"{torn", *lines]:
            reader.feed(line)
        assert isinstance(reader, Trace) and reader.broken == 1
        place = reader.whereabouts
        assert place.cwd == "/tmp/recorded/tree" and 0 < place.began_ns < place.last_ns


def test_qwen_counts_what_came_from_the_cache_once() -> None:
    told = {
        "type": "result",
        "usage": {"input_tokens": 2220, "output_tokens": 60, "cache_read_input_tokens": 2000, "total_tokens": 2280},
    }
    (end,) = Claude().said(told)
    assert end.usage and (end.usage.input, end.usage.cache_read, end.usage.output) == (220, 2000, 60)
    del told["usage"]["total_tokens"]  # type: ignore[attr-defined]
    (end,) = Claude().said(told)
    assert end.usage and end.usage.input == 2220, "of Claude Code it is without"
