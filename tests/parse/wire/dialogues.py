"""Requests and replies that say the same on every wire, for tests."""

from __future__ import annotations

import json

from procy.parse.wire.dialects import DIALECTS
from procy.parse.wire.gathering import said
from procy.parse.wire.neutral import Call, Reasoning, Reply, Text, Told
from procy.parse.wire.translate import Translated, translate_request
from procy.types import Usage

MESSAGES, CHAT, RESPONSES = "anthropic-messages", "openai-chat", "openai-responses"
WIRES = (MESSAGES, CHAT, RESPONSES)
PAIRS = [(client, upstream) for client in WIRES for upstream in WIRES if client != upstream]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WORDS = "The weather 天気 of a city 🌧"
REPLY = Reply(
    id="reply_1",
    model="model-1",
    parts=(
        Reasoning("Two cities.\n\nTwo calls.", "c2VhbA=="),
        Text("I look — ☀️ or not.\n"),
        Call("call_1", "weather", '{"city":"Zürich"}'),
        Call("call_2", "weather", '{"city":"東京","days":[1,2]}'),
    ),
    stop="tool_use",
    usage=Usage(input=100, output=50, cache_read=1000, cache_write=10, reasoning=30),
)
"""Parallel calls after reasoning and text. ``openai-chat`` has no seals."""

ASKED: dict[str, dict] = {
    MESSAGES: {
        "model": "model-1", "max_tokens": 500, "temperature": 0.5, "top_p": 0.9,
        "system": [{"type": "text", "text": "Be brief."}],
        "tools": [{"name": "weather", "description": WORDS, "input_schema": SCHEMA, "strict": True}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": False},
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "I ask."},
                {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "call_b", "name": "weather", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_a", "content": [{"type": "text", "text": "sunny"}]},
                {"type": "tool_result", "tool_use_id": "call_b", "content": [{"type": "text", "text": "Error: no city"}]},
                {"type": "text", "text": "And tomorrow?"}]},
        ],
    },
    CHAT: {
        "model": "model-1", "max_tokens": 500, "temperature": 0.5, "top_p": 0.9,
        "tools": [{"type": "function", "function": {
            "name": "weather", "description": WORDS, "parameters": SCHEMA, "strict": True}}],
        "tool_choice": "required", "parallel_tool_calls": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
            {"role": "assistant", "content": "I ask.", "tool_calls": [
                {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}},
                {"id": "call_b", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "call_a", "content": "sunny"},
            {"role": "tool", "tool_call_id": "call_b", "content": "Error: no city"},
            {"role": "user", "content": "And tomorrow?"},
        ],
    },
    RESPONSES: {
        "model": "model-1", "max_output_tokens": 500, "temperature": 0.5, "top_p": 0.9, "store": False,
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "weather", "description": WORDS, "parameters": SCHEMA, "strict": True}],
        "tool_choice": "required", "parallel_tool_calls": True,
        "input": [
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I ask."}]},
            {"type": "function_call", "call_id": "call_a", "name": "weather", "arguments": '{"city":"Bern"}'},
            {"type": "function_call", "call_id": "call_b", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_a", "output": "sunny"},
            {"type": "function_call_output", "call_id": "call_b", "output": "Error: no city"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And tomorrow?"}]},
        ],
    },
}  # fmt: skip


def asked(client: str, upstream: str, stream: bool = False, **more: object) -> Translated:
    """A request of that client, ready for that upstream."""
    options = {"stream_options": {"include_usage": True}} if client == CHAT and stream else {}
    body = {**ASKED[client], "stream": stream, **options, **more}
    return translate_request(client, upstream, DIALECTS[client].path, body)


def told(wire: str) -> Told:
    """An upstream that speaks for itself: its seals are no client's."""
    return Told(created=1, upstream=wire, identity="reply_0")


def whole_of(upstream: str, reply: Reply) -> bytes:
    """What that upstream answers to a client that does not stream."""
    return json.dumps(DIALECTS[upstream].write_reply(reply, told(upstream))).encode()


def stream_of(upstream: str, reply: Reply) -> bytes:
    writer = DIALECTS[upstream].writer(told(upstream))
    return b"".join(writer.take(event) for event in said(reply))
