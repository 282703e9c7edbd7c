"""Streams cut anywhere, in every form that the standard allows; and what is merged out of them."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procy.parse.wire.failure import error_event
from procy.parse.wire.sse import Event, Parser, complete_part
from procy.parse.wire.usage import read_reply, total
from procy.types import Usage

STREAM = (
    b'\xef\xbb\xbf: a comment\nevent: one\ndata: {"a":\ndata: 1}\n\ndata:no space\r\n\r\nretry: 3\n\n'
    b"id: 7\rdata: \xe6\xbc\xa2\r\rdata\n\n"
    b"event: last\ndata: broken off"
)
EVENTS = [
    Event("one", b'{"a":\n1}'), Event("", b"no space"), Event("", "漢".encode()), Event("", b""), Event("last", b"broken off"),
]  # fmt: skip


def fed(pieces: list[bytes]) -> list[Event]:
    parser = Parser()
    return [event for piece in pieces for event in parser.feed(piece)] + parser.end()


def test_a_stream_byte_by_byte_is_the_stream() -> None:
    assert fed([STREAM]) == EVENTS
    assert fed([bytes([byte]) for byte in STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_cut_anywhere_is_the_stream(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    assert fed([STREAM[start:end] for start, end in pairwise(places)]) == EVENTS


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_read_alike_whole_and_in_two(data: bytes, cut: int) -> None:
    assert fed([data]) == fed([data[:cut], data[cut:]])


@pytest.mark.parametrize(
    ("data", "end"), [(b"a\n\nb", 3), (b"a\r\n\r\nb\r\n", 5), (b"a\nb", 0), (b"a\n\n\n\n", 5), (b"a\r\rb", 3)]
)
def test_what_of_it_is_whole(data: bytes, end: int) -> None:
    assert complete_part(data) == end


def sse(*values: object) -> bytes:
    return b"".join(b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n" for value in values)


CHAT_USAGE = {
    "prompt_tokens": 100, "completion_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 60}, "completion_tokens_details": {"reasoning_tokens": 10},
}  # fmt: skip
RESPONSES_USAGE = {
    "input_tokens": 100, "output_tokens": 30,
    "input_tokens_details": {"cached_tokens": 60}, "output_tokens_details": {"reasoning_tokens": 10},
}  # fmt: skip
CACHED, THOUGHT = {"cache_read_input_tokens": 60}, {"output_tokens_details": {"thinking_tokens": 10}}
REPLIES = {
    "anthropic-messages": sse(
        {"type": "message_start", "message": {"model": "m", "usage": {**CACHED, "input_tokens": 40, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"text": "usage"}},
        {"type": "message_delta", "usage": {"input_tokens": 0, "output_tokens": 30, **THOUGHT}},
        {"type": "message_stop"},
    ),
    "openai-responses": sse(
        {"type": "response.created", "response": {"model": "m", "usage": None}},
        {"type": "response.output_text.delta", "delta": "x"},
        {"type": "response.completed", "response": {"model": "m", "usage": RESPONSES_USAGE}},
    ),
    "openai-chat": sse(
        {"model": "m", "choices": [{"delta": {"content": "x"}, "finish_reason": None}], "usage": None},
        {"model": "m", "choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"model": "m", "choices": [], "usage": CHAT_USAGE},
        b"[DONE]",
    ),
    "gemini": sse(
        {"modelVersion": "m", "candidates": [{}], "usageMetadata": {"promptTokenCount": 100, "cachedContentTokenCount": 60}},
        {
            "candidates": [{"finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 10},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("wire", REPLIES)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_usage_of_each_wire(wire: str, line_end: bytes) -> None:
    told = read_reply(wire, "text/event-stream; charset=utf-8", REPLIES[wire].replace(b"\n", line_end))
    assert told.usage == Usage(input=40, output=30, cache_read=60, reasoning=10)
    assert total(told.usage) == 130 and told.model == "m" and told.complete and told.error is None


@pytest.mark.parametrize("wire", REPLIES)
def test_a_stream_that_ends_early_is_not_complete(wire: str) -> None:
    whole = REPLIES[wire].split(b"\n\n")
    assert not read_reply(wire, "text/event-stream", whole[0] + b"\n\n" + whole[1][:20]).complete


@pytest.mark.parametrize("wire", REPLIES)
def test_an_error_event_of_ours_is_read_as_an_error(wire: str) -> None:
    event = error_event(wire, "it broke", b'"sequence_number":41')
    assert read_reply(wire, "text/event-stream", event).error == "it broke"
    if wire == "openai-responses":
        assert b'"sequence_number": 42' in event


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[[1]]", b'{"usage": [1]}', b'{"usage":{"input_tokens":NaN,"output_tokens":-1}}', b"\xff"]
)
def test_odd_replies_tell_nothing(body: bytes) -> None:
    assert read_reply("anthropic-messages", "application/json", body).usage == Usage()
