"""What a model answered, of any wire, whole or as a stream; as much of it as came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from procy.errors import WireError
from procy.parse.transcripts.shapes import UNFORESEEN
from procy.parse.wire.dialects import DIALECTS
from procy.parse.wire.fields import listing, mapping, string
from procy.parse.wire.gathering import Gathering
from procy.parse.wire.neutral import Call, Reasoning, Reply, Text
from procy.parse.wire.sse import Parser
from procy.parse.wire.talk import gemini_part
from procy.parse.wire.usage import objects

BY_FIELD = {
    "candidates": "gemini", "choices": "openai-chat", "output": "openai-responses", "response": "openai-responses",
    "stop_reason": "anthropic-messages", "content_block": "anthropic-messages",
}  # fmt: skip


def read_heard(body: bytes) -> Reply | None:
    """None where it is no answer of a model: an error, or what no wire says."""
    values = list(values_of(body))
    wire = next(filter(None, map(wire_of, values)), "")
    try:
        if wire == "gemini":
            return gemini_reply(values)
        return dialect_reply(wire, values) if wire else None
    except (*UNFORESEEN, WireError):
        return None


def values_of(body: bytes) -> Iterator[dict[str, Any]]:
    """The objects of a body: one, a list of them, or the data of a stream's events."""
    if body.lstrip()[:1] in (b"{", b"["):
        yield from objects(body)
        return
    parser = Parser()
    for event in (*parser.feed(body), *parser.end()):
        yield from objects(event.data)


def wire_of(value: dict[str, Any]) -> str:
    """By what a first object of a reply has: whoever answered may speak another wire than was asked in."""
    kind = string(value.get("type"))
    if kind == "message_start":
        return "anthropic-messages"
    if kind.startswith("response."):
        return "openai-responses"
    return next((wire for field, wire in BY_FIELD.items() if field in value), "")


def dialect_reply(wire: str, values: list[dict[str, Any]]) -> Reply | None:
    dialect = DIALECTS[wire]
    whole = values[0] if len(values) == 1 else {}
    if dialect.holds in whole and not mapping(listing(whole.get("choices"))[:1] and listing(whole["choices"])[0].get("delta")):
        return dialect.read_reply(whole)
    reader, gathering = dialect.reader(), Gathering()
    for value in values:
        for event in reader.take(value):
            gathering.take(event)
    for event in reader.finish():
        gathering.take(event)
    parts = gathering.so_far()
    return Reply(id=gathering.reply.id, model=gathering.reply.model, parts=parts) if parts else None


def gemini_reply(values: list[dict[str, Any]]) -> Reply | None:
    """Pieces of a text come one by one, with what was thought before them marked as such."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    for value in values:
        for part in listing(mapping((listing(value.get("candidates")) or [{}])[0].get("content")).get("parts")):
            found = gemini_part(part)
            if part.get("thought") is True:
                thoughts.append(string(part.get("text")))
            elif isinstance(found, Call):
                calls.append(found)
            elif isinstance(found, Text):
                texts.append(found.text)
    parts: list[Text | Reasoning | Call] = [Reasoning("".join(thoughts))] if any(thoughts) else []
    parts += [Text("".join(texts))] if any(texts) else []
    parts += calls
    names = [(string(value.get("responseId")), string(value.get("modelVersion"))) for value in values]
    key, model = (next(filter(None, column), "") for column in zip(*names, strict=True))
    return Reply(id=key, model=model, parts=tuple(parts)) if parts else None
