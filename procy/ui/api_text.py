"""Bodies of API calls for people to read: JSON indented, a streamed answer as its text, two requests as their difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from difflib import unified_diff
from typing import Any

from procy.parse.wire.sse import Parser

LONGEST = 300_000  # characters of a body that a page shows
DELTAS = ("text", "partial_json", "thinking")  # of anthropic-messages


def readable(body: bytes) -> str:
    """Indented where it is JSON; as it is otherwise, and cut where it is too long for a page."""
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} characters more"


def answer_text(body: bytes) -> str:
    """What the model said, out of a whole or a streamed answer of any wire; "" where nothing is found."""
    if body.lstrip()[:1] in (b"{", b"["):
        try:
            return "\n".join(filter(None, whole_texts(json.loads(body))))
        except (ValueError, RecursionError):
            return ""
    parser, pieces = Parser(), list[str]()
    for event in (*parser.feed(body), *parser.end()):
        try:
            pieces += event_texts(json.loads(event.data))
        except (ValueError, RecursionError):
            continue
    return "".join(pieces)


def event_texts(event: Any) -> Iterator[str]:
    if not isinstance(event, dict):
        return
    delta = event.get("delta")
    if isinstance(delta, str) and event.get("type") in ("response.output_text.delta", "response.function_call_arguments.delta"):
        yield delta
    elif isinstance(delta, dict):
        yield from (value for name in DELTAS if isinstance(value := delta.get(name), str))
    for choice in event.get("choices") or []:
        content = (choice.get("delta") or {}).get("content") if isinstance(choice, dict) else None
        if isinstance(content, str):
            yield content


def whole_texts(value: Any) -> Iterator[str]:
    """Texts of the answer's parts, in their order."""
    if isinstance(value, list):
        for one in value:
            yield from whole_texts(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in ("text", "content", "refusal") and isinstance(one, str):
                yield one
            elif name in ("content", "output", "choices", "message", "candidates", "parts"):
                yield from whole_texts(one)


def difference(before: bytes, after: bytes) -> str:
    """A unified diff of two bodies as they are read; "" where either is too long for one."""
    if len(before) + len(after) > 2 * LONGEST:
        return ""
    old, new = (readable(one).splitlines() for one in (before, after))
    return "\n".join(unified_diff(old, new, "the client sent", "the upstream got", lineterm=""))
