"""The providers' own libraries as oracles: what they send is translated, and what is answered they can read.

Each test drives a real client whose transport is the translation in front of an upstream that is written here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from procy.parse.wire.answer import Answer
from procy.parse.wire.neutral import Call, Text
from procy.parse.wire.translate import translate_request
from tests.parse.wire.dialogues import CHAT, MESSAGES, PAIRS, REPLY, RESPONSES, SCHEMA, asked, stream_of, whole_of

PARAMETERS: dict[str, Any] = {
    MESSAGES: MessageCreateParamsNonStreaming,
    CHAT: CompletionCreateParamsNonStreaming,
    RESPONSES: ResponseCreateParamsNonStreaming,
}
TEXT = "".join(part.text for part in REPLY.parts if isinstance(part, Text))
CALLS = [part for part in REPLY.parts if isinstance(part, Call)]


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_translated_request_has_the_types_of_the_upstreams_library(client, upstream):
    body = asked(client, upstream).body
    adapter = TypeAdapter(PARAMETERS[upstream])  # has to outlive the lists, which it reads lazily
    parsed = adapter.validate_python(body)
    assert parsed["model"] == "model-1"
    for name in ("messages", "input", "tools"):
        assert len(list(parsed.get(name) or [])) == len(body.get(name) or [])


class Upstream:
    """Answers every request of a client in the ``wire`` of an upstream, translated; keeps what the upstream would see."""

    def __init__(self, client: str, wire: str) -> None:
        self.client, self.wire = client, wire
        self.bodies: list[dict] = []
        self.change: Callable[[bytes], bytes] = lambda raw: raw
        self.failure: tuple[int, bytes] | None = None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        translated = translate_request(self.client, self.wire, request.url.path, json.loads(request.content))
        self.bodies.append(translated.body)
        answer = Answer(translated, 1_700_000_000, "reply_0")
        if self.failure:
            status, kind, body = answer.whole(*self.failure)
            return httpx2.Response(status, headers={"content-type": kind}, content=body)
        if translated.upstream_streams:
            raw = self.change(stream_of(self.wire, REPLY))
            out = b"".join(answer.feed(raw[at : at + 50]) for at in range(0, len(raw), 50)) + answer.end()
            return httpx2.Response(200, headers={"content-type": answer.content_type}, content=out)
        status, kind, body = answer.whole(200, whole_of(self.wire, REPLY))
        return httpx2.Response(status, headers={"content-type": kind}, content=body)


def openai_client(upstream: Upstream) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(transport=httpx2.MockTransport(upstream))
    return openai.OpenAI(api_key="k", base_url="http://upstream/v1", http_client=http, max_retries=0)


def anthropic_client(upstream: Upstream) -> anthropic.Anthropic:
    http = anthropic.DefaultHttpxClient(transport=httpx2.MockTransport(upstream))
    return anthropic.Anthropic(api_key="k", base_url="http://upstream", http_client=http, max_retries=0)


ASK_MESSAGES: dict[str, Any] = {
    "model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}],
    "tools": [{"name": "weather", "input_schema": SCHEMA}],
}  # fmt: skip
ASK_CHAT: dict[str, Any] = {
    "model": "m", "messages": [{"role": "user", "content": "hi"}],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}],
}  # fmt: skip
ASK_RESPONSES: dict[str, Any] = {
    "model": "m", "input": "hi",
    "tools": [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}],
}  # fmt: skip


@pytest.mark.parametrize("wire", [CHAT, RESPONSES])
@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_library_reads_what_another_wire_answered(wire, stream):
    upstream = Upstream(MESSAGES, wire)
    client = anthropic_client(upstream)
    if stream:
        with client.messages.stream(**ASK_MESSAGES) as events:
            assert "".join(events.text_stream) == TEXT
            message = events.get_final_message()
    else:
        message = client.messages.create(**ASK_MESSAGES)
    anthropic.types.Message.model_validate(message.model_dump())
    thinking, text, *calls = message.content
    assert (thinking.type, thinking.thinking) == ("thinking", "Two cities.\n\nTwo calls.")
    assert text.text == TEXT
    assert [(call.id, call.name, call.input) for call in calls] == [(c.id, c.name, json.loads(c.arguments)) for c in CALLS]
    assert message.stop_reason == "tool_use"
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens) == (100, 50, 1000)
    assert (usage.cache_creation_input_tokens, usage.output_tokens_details.thinking_tokens) == (10, 30)


@pytest.mark.parametrize("wire", [MESSAGES, RESPONSES])
@pytest.mark.parametrize("stream", [False, True])
def test_openais_library_reads_what_another_wire_answered_as_chat(wire, stream):
    upstream = Upstream(CHAT, wire)
    client = openai_client(upstream)
    if stream:
        with client.chat.completions.stream(**ASK_CHAT, stream_options={"include_usage": True}) as events:
            for _ in events:
                pass
            completion = events.get_final_completion()
    else:
        completion = client.chat.completions.create(**ASK_CHAT)
        openai.types.chat.ChatCompletion.model_validate(completion.model_dump())
    choice = completion.choices[0]
    assert choice.message.content == TEXT
    assert choice.message.model_extra["reasoning_content"] == "Two cities.\n\nTwo calls."
    found = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls]
    assert found == [(call.id, call.name, json.loads(call.arguments)) for call in CALLS]
    assert choice.finish_reason == "tool_calls"
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (1110, 50, 1160)
    assert (usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details.reasoning_tokens) == (1000, 30)


@pytest.mark.parametrize("wire", [MESSAGES, CHAT])
@pytest.mark.parametrize("stream", [False, True])
def test_openais_library_reads_what_another_wire_answered_as_responses(wire, stream):
    upstream = Upstream(RESPONSES, wire)
    client = openai_client(upstream)
    if stream:
        with client.responses.stream(**ASK_RESPONSES) as events:
            seen = list(events)
            response = events.get_final_response()
        assert "".join(event.delta for event in seen if event.type == "response.output_text.delta") == TEXT
        assert [event.sequence_number for event in seen] == list(range(len(seen)))
    else:
        response = client.responses.create(**ASK_RESPONSES)
        openai.types.responses.Response.model_validate(response.model_dump())
    assert response.output_text == TEXT
    assert response.output[0].summary[0].text == "Two cities.\n\nTwo calls."
    found = [(one.call_id, one.name, json.loads(one.arguments)) for one in response.output if one.type == "function_call"]
    assert found == [(call.id, call.name, json.loads(call.arguments)) for call in CALLS]
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (1110, 50, 1160)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (1000, 30)


@pytest.mark.parametrize("wire", [MESSAGES, CHAT])
def test_every_event_of_responses_has_the_librarys_type(wire):
    answer = Answer(asked(RESPONSES, wire, stream=True), 1, "reply_0")
    out = answer.feed(stream_of(wire, REPLY)) + answer.end()
    adapter = TypeAdapter(openai.types.responses.ResponseStreamEvent)
    kinds = [adapter.validate_json(line[len(b"data: ") :]).type for line in out.split(b"\n") if line.startswith(b"data: ")]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


def test_the_libraries_raise_the_errors_of_their_own_wire():
    body = b'{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}'
    upstream = Upstream(MESSAGES, CHAT)
    upstream.failure = (429, body)
    with pytest.raises(anthropic.RateLimitError, match="slow down"):
        anthropic_client(upstream).messages.create(**ASK_MESSAGES)
    upstream = Upstream(CHAT, MESSAGES)
    upstream.failure = (401, b'{"type":"error","error":{"type":"authentication_error","message":"who?"}}')
    with pytest.raises(openai.AuthenticationError, match=r"who\?"):
        openai_client(upstream).chat.completions.create(**ASK_CHAT)


def test_the_libraries_raise_on_a_stream_that_breaks_off():
    def cut(raw: bytes) -> bytes:
        return raw[: raw.index(b"I look")]

    upstream = Upstream(MESSAGES, CHAT)
    upstream.change = cut
    with (
        pytest.raises(anthropic.APIStatusError, match="ended before its end"),
        anthropic_client(upstream).messages.stream(**ASK_MESSAGES) as events,
    ):
        events.get_final_message()
    upstream = Upstream(CHAT, MESSAGES)
    upstream.change = cut
    with pytest.raises(openai.APIError, match="ended before its end"):
        list(openai_client(upstream).chat.completions.create(**ASK_CHAT, stream=True))
    upstream = Upstream(RESPONSES, MESSAGES)
    upstream.change = cut
    last = list(openai_client(upstream).responses.create(**ASK_RESPONSES, stream=True))[-1]
    assert (last.type, last.response.error.message) == ("response.failed", "the upstream's stream ended before its end")


def test_a_conversation_with_a_tool_over_two_turns():
    """What Anthropic's library made of a reply goes into its next request, and reaches a chat upstream whole."""
    upstream = Upstream(MESSAGES, CHAT)
    client = anthropic_client(upstream)
    first = client.messages.create(**ASK_MESSAGES)
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in first.content if call.type == "tool_use"
    ]
    turns = [*ASK_MESSAGES["messages"], {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    client.messages.create(**{**ASK_MESSAGES, "messages": turns})
    roles = [message["role"] for message in upstream.bodies[1]["messages"]]
    assert roles == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in upstream.bodies[1]["messages"][1]["tool_calls"]] == ["call_1", "call_2"]
