"""Turns from the calls of an agent that keeps no transcript, in each wire's own words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from procy.parse.wire.turns import Exchange, WireReader, groups
from procy.types import Turn

SECOND = 1_000_000_000
SIDE = {"tools": []}


def sse(*values: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


class Wire:
    """Messages and replies of one wire: ``user``, ``said``, ``called`` and ``gave`` are items of a history."""

    name = ""
    field = "messages"
    tools: ClassVar[list[dict[str, Any]]] = [{"name": "run"}]

    def request(self, *items: Any, **more: Any) -> bytes:
        return json.dumps({"model": "m", self.field: list(items), "tools": self.tools} | more).encode()


class Anthropic(Wire):
    name = "anthropic-messages"

    def user(self, text: str) -> Any:
        noise = {"type": "text", "text": "<system-reminder>\nnot the human's\n</system-reminder>"}
        return {"role": "user", "content": [noise, {"type": "text", "text": text}]}

    def said(self, text: str, call: str = "") -> Any:
        calls = [{"type": "tool_use", "id": call, "name": "run", "input": {"command": "ls"}}] if call else []
        return {"role": "assistant", "content": [{"type": "text", "text": text}, *calls]}

    def gave(self, call: str, text: str) -> Any:
        return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": text}]}

    def answer(self, text: str, call: str = "") -> bytes:
        start = {"id": "msg", "model": "m-1", "usage": {"input_tokens": 1}}
        blocks = [({"type": "text", "text": ""}, {"type": "text_delta", "text": text})]
        if call:
            used = {"type": "tool_use", "id": call, "name": "run", "input": {}}
            blocks.append((used, {"type": "input_json_delta", "partial_json": '{"command": "ls"}'}))
        events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        for place, (block, delta) in enumerate(blocks):
            events.append({"type": "content_block_start", "index": place, "content_block": block})
            events.append({"type": "content_block_delta", "index": place, "delta": delta})
            events.append({"type": "content_block_stop", "index": place})
        return sse(*events, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"})


class Chat(Wire):
    name = "openai-chat"
    tools: ClassVar[list[dict[str, Any]]] = [{"type": "function", "function": {"name": "run"}}]

    def user(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def calls(self, call: str) -> list[dict[str, Any]]:
        return [{"id": call, "type": "function", "function": {"name": "run", "arguments": '{"command": "ls"}'}}] if call else []

    def said(self, text: str, call: str = "") -> Any:
        return {"role": "assistant", "content": text, "tool_calls": self.calls(call)}

    def gave(self, call: str, text: str) -> Any:
        return {"role": "tool", "tool_call_id": call, "content": text}

    def answer(self, text: str, call: str = "") -> bytes:
        reason = "tool_calls" if call else "stop"
        choice = {"index": 0, "message": {"role": "assistant", "content": text, "tool_calls": self.calls(call)}}
        return json.dumps({"id": "c", "model": "m-1", "choices": [choice | {"finish_reason": reason}]}).encode()


class Responses(Wire):
    name = "openai-responses"
    field = "input"

    def user(self, text: str) -> Any:
        return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}

    def said(self, text: str, call: str = "") -> Any:
        message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
        return [message, self.call(call)] if call else message

    def call(self, call: str) -> Any:
        return {"type": "function_call", "call_id": call, "name": "run", "arguments": '{"command": "ls"}'}

    def gave(self, call: str, text: str) -> Any:
        return {"type": "function_call_output", "call_id": call, "output": text}

    def request(self, *items: Any, **more: Any) -> bytes:
        flat = [one for item in items for one in (item if isinstance(item, list) else [item])]
        return super().request(*flat, **more)

    def answer(self, text: str, call: str = "") -> bytes:
        message = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
        output = [message, self.call(call)] if call else [message]
        return json.dumps({"id": "r", "model": "m-1", "status": "completed", "output": output}).encode()


class Gemini(Wire):
    """Its calls have no ids."""

    name = "gemini"
    field = "contents"

    def user(self, text: str) -> Any:
        return {"role": "user", "parts": [{"text": text}]}

    def said(self, text: str, call: str = "") -> Any:
        calls = [{"functionCall": {"name": "run", "args": {"command": "ls"}}}] if call else []
        return {"role": "model", "parts": [{"text": text}, *calls]}

    def gave(self, call: str, text: str) -> Any:
        return {"role": "user", "parts": [{"functionResponse": {"name": "run", "response": {"output": text}}}]}

    def answer(self, text: str, call: str = "") -> bytes:
        head = {"responseId": "g", "modelVersion": "m-1"}
        thought = {"text": "hm", "thought": True}
        half = len(text) // 2
        pieces = [[thought], [{"text": text[:half]}], [{"text": text[half:]}, *self.said("", call)["parts"][1:]]]
        return sse(*({"candidates": [{"content": {"role": "model", "parts": parts}}]} | head for parts in pieces))


WIRES = [Anthropic(), Chat(), Responses(), Gemini()]


@dataclass
class Line:
    """Calls one after the other, a second apart and half a second long."""

    wire: Any
    at: int = 100 * SECOND
    count: int = 0

    def call(
        self, items: list[Any], answer: bytes, outcome: str = "ok", length: float = 0.5, conversation: str = "", **more: Any
    ) -> Exchange:
        self.at += SECOND
        self.count += 1
        request = self.wire.request(*items, **more)
        end = self.at + round(length * SECOND)
        return Exchange(f"x{self.count}", self.wire.name, conversation, self.at, end, outcome, "", request, answer)


def read(calls: list[Exchange]) -> list[Turn]:
    """Group by group, and the last word on each turn."""
    reader, turns = WireReader(), {}
    for group in groups(calls):
        reader.feed(group)
        turns |= {turn.key: turn for turn in reader.changed()}
    return list(turns.values())


@pytest.fixture(params=WIRES, ids=lambda wire: wire.name)
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    yield Line(request.param)


def two_turns(line: Line) -> list[Exchange]:
    wire = line.wire
    history = [wire.user("list the files")]
    calls = [line.call(history, wire.answer("I look.", "call_1"))]
    history += [wire.said("I look.", "call_1"), wire.gave("call_1", "a b")]
    calls.append(line.call(history, wire.answer("Again.", "call_2")))
    history += [wire.said("Again.", "call_2"), wire.gave("call_2", "a b c")]
    calls.append(line.call(history, wire.answer("Three files.")))
    history += [wire.said("Three files."), wire.user("thanks")]
    return [*calls, line.call(history, wire.answer("You are welcome."))]


def test_prompts_answers_and_calls(line: Line) -> None:
    first, second = read(two_turns(line))
    assert (first.prompt, first.response, first.status) == ("list the files", "I look.\n\nAgain.\n\nThree files.", "done")
    assert [(call.name, json.loads(call.input), call.result, call.status) for call in first.tool_calls] == [
        ("run", {"command": "ls"}, "a b", "ok"),
        ("run", {"command": "ls"}, "a b c", "ok"),
    ]
    assert [first.response[: call.response_at] for call in first.tool_calls] == ["I look.", "I look.\n\nAgain."]
    assert (first.started_ns, first.ended_ns) == (101 * SECOND, round(103.5 * SECOND))
    assert (first.source, first.model) == ("wire", "m-1")
    assert (second.prompt, second.response, second.status) == ("thanks", "You are welcome.", "done")


def test_a_helper_and_a_title_are_no_turns(line: Line) -> None:
    wire = line.wire
    calls = two_turns(line)
    calls[0] = calls[0]._replace(ended_ns=calls[0].started_ns + SECOND // 2)
    helper = Exchange("h", wire.name, "", 101_700_000_000, 101_900_000_000, "ok", "",
                      wire.request(wire.user("count the files")), wire.answer("Three."))  # fmt: skip
    title = Exchange("t", wire.name, "", 100_999_000_000, 101_100_000_000, "ok", "",
                     wire.request(wire.user("a title for: list the files"), **SIDE), wire.answer("Files"))  # fmt: skip
    later = Exchange("u", wire.name, "", 200 * SECOND, 201 * SECOND, "ok", "",
                     wire.request(wire.user("a title for: thanks"), **SIDE), wire.answer("Thanks"))  # fmt: skip
    told = read(sorted([*calls, helper, title, later], key=lambda call: call.started_ns))
    assert [turn.prompt for turn in told] == ["list the files", "thanks"]


def test_an_interrupted_call_and_one_that_failed(line: Line) -> None:
    wire = line.wire
    cut = line.call([wire.user("one")], b"", "client_abort")
    failed = line.call([wire.user("two")], b'{"error": {"message": "overloaded"}}', "upstream_error")._replace(error="overloaded")
    again = line.call([wire.user("two")], wire.answer("Two."))
    refused = line.call([wire.user("two"), wire.said("Two."), wire.user("three")], b"", "upstream_error")
    told = read([cut, failed, again, refused])
    assert [(turn.prompt, turn.status, turn.response) for turn in told] == [
        ("one", "interrupted", ""),
        ("two", "done", "Two."),
        ("three", "error", ""),
    ]


def test_tools_that_never_answered_end_with_the_next_prompt(line: Line) -> None:
    """The user stopped them, and began a new conversation a while later."""
    wire = line.wire
    first = line.call([wire.user("run it")], wire.answer("I run it.", "call_1"))
    line.at += 60 * SECOND
    told = read([first, line.call([wire.user("something else")], wire.answer("Yes."))])
    assert [(turn.prompt, turn.status) for turn in told] == [("run it", "interrupted"), ("something else", "done")]


def test_conversations_with_names_are_told_apart(line: Line) -> None:
    wire = line.wire
    one = line.call([wire.user("same words")], wire.answer("One."), conversation="a")
    two = line.call([wire.user("same words")], wire.answer("Two."), conversation="b")
    assert [(turn.agent_session_id, turn.response) for turn in read([one, two])] == [("a", "One."), ("b", "Two.")]


def test_a_reply_that_is_named_is_gone_on_with() -> None:
    wire = Responses()
    line = Line(wire)
    first = line.call([wire.user("run it")], wire.answer("I run it.", "call_1"))
    second = line.call([wire.gave("call_1", "done")], wire.answer("It ran."), previous_response_id="r")
    (turn,) = read([first, second])
    assert (turn.response, turn.tool_calls[0].result) == ("I run it.\n\nIt ran.", "done")


@pytest.mark.parametrize("change", [lambda body: b"", lambda body: body[: len(body) // 2], lambda body: b"[1, null]"])
def test_bodies_that_cannot_be_read_tell_nothing(line: Line, change: Callable[[bytes], bytes]) -> None:
    calls = two_turns(line)
    assert read([call._replace(request=change(call.request)) for call in calls]) == []
    told = read([call._replace(response=change(call.response)) for call in calls])
    assert [turn.prompt for turn in told] == ["list the files", "thanks"]
