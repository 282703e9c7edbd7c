"""What a reply tells about itself: tokens, the model, an error. Read field by field, over all events of a stream.

Where each wire has its figures: ``usage`` and ``message.usage`` (anthropic-messages), ``usage`` and ``response.usage``
(openai-responses), ``usage`` of the last chunk (openai-chat), ``usageMetadata`` (gemini). Streams repeat them as they grow, and
some leave fields out later, so the largest figure of each field counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from procy.parse.wire.sse import Parser
from procy.types import Usage

WIRES = ("anthropic-messages", "openai-responses", "openai-chat", "gemini")
LAST = ("message_stop", "response.completed", "response.incomplete", "response.failed", "error")  # types of a stream's last event


TELLING = re.compile(  # an event without any of these has nothing for us, and is not parsed
    rb'usage\w*"\s*:\s*\{|"error"|finish_?[rR]eason"\s*:\s*"|\[DONE\]|message_stop|response\.(?:completed|incomplete|failed)'
)
WORDS = (
    b"usage",
    b'"error"',
    b"inish",
    b"[DONE]",
    b"message_stop",
    b"response.completed",
    b"response.incomplete",
    b"response.failed",
)
# of which any such event has one: many times faster to look for


@dataclass(frozen=True, slots=True)
class Told:
    """``raw`` is the wire's own usage object, merged. ``complete``: the reply came to its end, by its own words."""

    usage: Usage = field(default_factory=Usage)
    raw: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    error: str | None = None
    complete: bool = False


def read_reply(wire: str, content_type: str, body: bytes) -> Told:
    """Of a whole reply, JSON or a stream; what is neither tells nothing."""
    if "event-stream" in content_type:
        return tell(wire, stream_texts(body), is_stream=True)
    return tell(wire, [body], is_stream=False)


def stream_texts(body: bytes) -> Iterator[bytes]:
    """The data of a stream's events; where it is plain to see, only of those that tell something."""
    parser = Parser()
    if b"\r" in body:
        yield from (event.data for event in (*parser.feed(body), *parser.end()))
        return
    knows_model = False
    for block in body.split(b"\n\n"):
        has_model = not knows_model and b'"model' in block
        if has_model or (any(word in block for word in WORDS) and TELLING.search(block)):
            knows_model = knows_model or has_model
            yield from (event.data for event in (*parser.feed(block + b"\n\n"), *parser.end()))


def tell(wire: str, texts: Iterable[bytes], is_stream: bool) -> Told:
    raw: dict[str, Any] = {}
    model, error, complete = None, None, not is_stream
    for text in texts:
        complete = complete or text.strip() == b"[DONE]"
        for value in objects(text):
            for one in (value, as_object(value.get("message")), as_object(value.get("response"))):
                merge(raw, as_object(one.get("usage")) or as_object(one.get("usageMetadata")))
                model = model or as_text(one.get("model")) or as_text(one.get("modelVersion"))
                error = error or error_of(one)
            complete = complete or is_last(wire, value)
    return Told(usage_of(wire, raw), raw, model, error, complete)


def objects(text: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects of an event or a body; gemini streams a list of them."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one


def is_last(wire: str, value: Mapping[str, Any]) -> bool:
    if wire == "gemini":
        return any(as_object(one).get("finishReason") for one in value.get("candidates") or [])
    return value.get("type") in LAST


def error_of(value: Mapping[str, Any]) -> str | None:
    """The words of an error object, in each wire's form."""
    found = value.get("error")
    if isinstance(found, str):
        return found
    if found:
        return as_text(as_object(found).get("message")) or as_text(as_object(found).get("type"))
    return as_text(value.get("message")) if value.get("type") == "error" else None


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Numbers grow, objects are merged, anything else is renewed unless it is null."""
    for key, value in more.items():
        old = into.get(key)
        if isinstance(value, dict):
            into[key] = dict(old) if isinstance(old, dict) else {}
            merge(into[key], value)
        elif is_number(value) and is_number(old):
            into[key] = max(old, value)
        elif value is not None:
            into[key] = value


def usage_of(wire: str, raw: Mapping[str, Any]) -> Usage:
    """Tokens in our words: ``input`` is without what a cache gave or took, ``output`` is with reasoning."""
    if not raw:
        return Usage()
    if wire == "anthropic-messages":
        return Usage(
            input=count(raw, "input_tokens"),
            output=count(raw, "output_tokens"),
            cache_read=count(raw, "cache_read_input_tokens"),
            cache_write=count(raw, "cache_creation_input_tokens"),
            reasoning=count(as_object(raw.get("output_tokens_details")), "thinking_tokens"),
        )
    if wire == "gemini":
        thoughts, cached = count(raw, "thoughtsTokenCount"), count(raw, "cachedContentTokenCount")
        output = plus(count(raw, "candidatesTokenCount"), thoughts)
        given = plus(count(raw, "promptTokenCount"), count(raw, "toolUsePromptTokenCount"))
        return Usage(input=minus(given, cached), output=output, cache_read=cached, reasoning=thoughts)
    given = count(raw, "input_tokens", "prompt_tokens")
    before = as_object(raw.get("input_tokens_details")) or as_object(raw.get("prompt_tokens_details"))
    after = as_object(raw.get("output_tokens_details")) or as_object(raw.get("completion_tokens_details"))
    cached = first(count(before, "cached_tokens"), count(raw, "prompt_cache_hit_tokens"))
    written = count(before, "cache_write_tokens")
    return Usage(
        input=minus(minus(given, cached), written),
        output=count(raw, "output_tokens", "completion_tokens"),
        cache_read=cached,
        cache_write=written,
        reasoning=count(after, "reasoning_tokens"),
    )


def total(usage: Usage) -> int:
    """All tokens: the sixth figure."""
    return sum(one or 0 for one in (usage.input, usage.output, usage.cache_read, usage.cache_write))


def count(values: Mapping[str, Any], *keys: str) -> int | None:
    return next((int(values[key]) for key in keys if is_number(values.get(key)) and 0 <= values[key] < 1 << 62), None)


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def plus(left: int | None, right: int | None) -> int | None:
    return left if right is None else (left or 0) + right


def minus(left: int | None, right: int | None) -> int | None:
    return left if left is None or right is None else max(left - right, 0)


def as_object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
