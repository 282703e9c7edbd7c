"""Transcript lines of shapes that no version has written yet: skipped, and what stands around them is intact."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from procy.recording.transcripts import new_reader
from procy.types import Evidence, State, Turn
from tests.parse.test_transcripts import FILES, READERS

Line = dict[str, Any]


def claude_prompt(number: int, text: str, **more: object) -> Line:
    time = f"2026-01-01T00:00:{number:02}.000Z"
    return {"type": "user", "uuid": f"u{number}", "timestamp": time, "message": {"role": "user", "content": text}, **more}


def claude_answer(number: int, text: str) -> Line:
    message = {"id": f"m{number}", "model": "x", "stop_reason": "end_turn", "content": [{"type": "text", "text": text}]}
    return {"type": "assistant", "uuid": f"a{number}", "timestamp": f"2026-01-01T00:00:{number:02}.500Z", "message": message}


def codex_line(number: int, **payload: object) -> Line:
    return {"timestamp": f"2026-01-01T00:00:{number:02}.000Z", "type": "event_msg", "payload": payload}


def codex_item(number: int, **item: object) -> Line:
    return codex_line(number, type="item_completed", item={"id": f"i{number}", **item})


def exchange(name: str, number: int, prompt: str, answer: str) -> list[Line]:
    """A prompt with its answer, as the agent writes them."""
    if name == "claude_code":
        return [claude_prompt(number, prompt), claude_answer(number + 1, answer)]
    return [
        codex_line(number, type="task_started"),
        codex_item(number, type="UserMessage", content=[{"type": "text", "text": prompt}]),
        codex_item(number + 1, type="AgentMessage", content=[{"type": "Text", "text": answer}]),
        codex_line(number + 2, type="task_complete"),
    ]


def feed(reader: Any, lines: list[Line]) -> list[Turn]:
    for line in lines:
        reader.feed(json.dumps(line).encode())
    return list(reader.changed())


ODD = {
    "claude_code": [
        {"type": "user", "uuid": "o", "message": None},
        {"type": "user", "uuid": "o", "message": {"content": [None, 3]}},
        {"type": "user", "uuid": "o", "message": {"content": "x"}, "origin": ["human"], "isMeta": True},
        {"type": "user", "message": {"content": "a prompt without a name"}},
        {"type": "attachment", "attachment": None},
        {"type": "attachment", "attachment": {"type": "queued_command", "prompt": None}},
        {"type": "assistant", "message": None},
        {"type": "assistant", "message": {"content": [3, None]}},
        {"type": "assistant", "message": {"content": [{"type": "text", "text": None}, {"type": "thinking", "thinking": 3}]}},
        {"type": "assistant", "message": {"content": [], "usage": [1], "model": {}}},
        {"type": "assistant", "message": {"content": [], "usage": {"input_tokens": "x", "output_tokens_details": 3}}},
        {"type": "cost-state", "totalCostUSD": 10**400},
        {"type": "ai-title", "aiTitle": ["x"]},
        {"type": ["user"]},
    ],
    "codex": [
        codex_line(50, type="item_completed", started_at_ms="x", item={"type": "UserMessage"}),
        codex_line(50, type="item_completed", started_at_ms=10**30, item={"type": "Reasoning", "summary_text": 3}),
        codex_item(50, type="FileChange", status="completed", changes=[1]),
        codex_item(50, type="CommandExecution", source="x", command={}, aggregated_output=3),
        codex_item(50, type="AgentMessage", content=[None, 3, {"text": None}]),
        codex_line(50, type="token_usage_record", usage=[1]),
        codex_line(50, type="token_usage_record", usage={"input_tokens": "x", "cached_input_tokens": []}),
        {"type": "turn_context", "payload": {"model": ["x"]}},
    ],
}


@pytest.mark.parametrize("name", ODD)
def test_turns_around_an_odd_line_are_intact(name: str) -> None:
    for odd in ODD[name]:
        reader = new_reader(name, "x")
        *begun, answer = exchange(name, 1, "one", "first")
        turns = feed(reader, [*begun, odd, answer, odd, *exchange(name, 55, "two", "second")])
        assert [(turn.prompt, turn.response) for turn in turns] == [("one", "first"), ("two", "second")], odd
        assert not reader.title and reader.cost_usd is None


def test_half_a_surrogate_pair_reaches_no_database() -> None:
    reader = new_reader("claude_code", "x")
    reader.feed(json.dumps(claude_prompt(1, "XX and 👍")).replace("XX", "\\ud83d").encode())
    (turn,) = reader.changed()
    assert turn.prompt == "? and 👍"


@pytest.mark.parametrize(
    "prompt",
    [
        "Why do I see <bash-stdout>x</bash-stdout> in my log?",
        "<command-name>/clear</command-name> stands in the transcript, why?",
        "what is <local-command-stdout></local-command-stdout>",
    ],
)
def test_claude_prompt_that_quotes_the_agents_tags(prompt: str) -> None:
    turns = feed(
        new_reader("claude_code", "x"), exchange("claude_code", 1, "one", "first") + exchange("claude_code", 3, prompt, "so")
    )
    assert [(turn.prompt, turn.response) for turn in turns] == [("one", "first"), (prompt, "so")]


# -- real lines, altered at random ----------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(10**400), st.just("\ud83d")
)  # fmt: skip
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.text(max_size=5), SCALARS, max_size=2))


@cache
def lines_of(number: int) -> list[bytes]:
    return FILES[number].read_bytes().split(b"\n")[:-1]


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to every value inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inside for place in ((*path, key), *places(one, (*path, key)))]


def altered(data: st.DataObject, line: bytes) -> bytes:
    """The line with one to three of its values replaced."""
    record = json.loads(line)
    for _ in range(data.draw(st.integers(1, 3))):
        found = places(record)
        *above, last = data.draw(st.sampled_from(found)) if found else (None,)
        if last is None:
            continue
        holder = record
        for key in above:
            holder = holder[key]
        holder[last] = data.draw(VALUES)
    return json.dumps(record).encode()


def is_sound(turn: Turn) -> bool:
    """Whether a database and a page can take it."""
    texts = [turn.key, turn.prompt, turn.response, turn.reasoning, turn.model or "", turn.error or ""]
    texts += [text for call in turn.tool_calls for text in (call.key, call.name, call.input, call.result or "")]
    texts += [text for file in turn.files for text in (file.path, file.diff or "")]
    usage, numbers = turn.usage, [turn.started_ns, turn.ended_ns or 0]
    numbers += [usage.input or 0, usage.output or 0, usage.cache_read or 0, usage.cache_write or 0, usage.reasoning or 0]
    return bool(turn.key) and all(text.encode() or True for text in texts) and all(0 <= number < 1 << 63 for number in numbers)


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_altered_lines_raise_nothing_and_touch_no_other_turn(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(FILES) - 1))
    lines, name = lines_of(number), READERS[FILES[number].parts[-4]]
    cut = data.draw(st.integers(0, len(lines) - 1))
    odd, plain = new_reader(name, FILES[number].stem), new_reader(name, FILES[number].stem)
    for line in lines[:cut]:
        odd.feed(line)
        plain.feed(line)
    before = list(odd.changed())
    plain.changed()
    plain.feed(lines[cut])
    concerned = {turn.key for turn in plain.changed()} | {turn.key for turn in before[-1:]}
    odd.feed(altered(data, lines[cut]))
    known = {turn.key for turn in before}
    assert {turn.key for turn in odd.changed()} & known <= concerned
    for line in lines[cut + 1 :]:
        odd.feed(line)
    assert all(is_sound(turn) for turn in odd.changed())
    turns = feed(odd, exchange(name, 1, "a new prompt", "its answer"))
    assert ("a new prompt", "its answer", "done") in [(turn.prompt, turn.response, turn.status) for turn in turns]
    evidence = odd.evidence()
    assert isinstance(evidence, Evidence) and evidence.state in get_args(State)


def test_codex_names_a_skill_in_its_prompt_once() -> None:
    """``$imagegen`` comes as text and as an item of its own."""
    skill = {"type": "skill", "name": "imagegen", "path": "/x/SKILL.md"}
    content = [{"type": "text", "text": "what is $imagegen"}, skill, {"type": "image", "image_url": "data:"}]
    turns = feed(
        new_reader("codex", "s"), [codex_line(1, type="task_started"), codex_item(1, type="UserMessage", content=content)]
    )
    assert [turn.prompt for turn in turns] == ["what is $imagegen\n[image]"]
