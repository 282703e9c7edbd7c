"""Replies of the ``anthropic-messages`` wire."""

from __future__ import annotations

from typing import Any

from procy.parse.wire import flat, seals
from procy.parse.wire.fields import listing, mapping, string
from procy.parse.wire.neutral import Call, Reasoning, Reply, Stop, Text, Told, as_object, settled
from procy.parse.wire.texts import compact
from procy.parse.wire.usage import usage_of
from procy.types import Usage

WIRE = "anthropic-messages"
STOPS: dict[str, Stop] = {
    "end_turn": "end", "max_tokens": "length", "model_context_window_exceeded": "length", "stop_sequence": "stop_sequence",
    "tool_use": "tool_use", "refusal": "refusal", "pause_turn": "pause",
}  # fmt: skip
REASONS: dict[Stop, str] = {
    "end": "end_turn", "length": "max_tokens", "stop_sequence": "stop_sequence", "tool_use": "tool_use",
    "refusal": "refusal", "pause": "pause_turn",
}  # fmt: skip


def read(body: dict[str, Any]) -> Reply:
    """Blocks of tools that the provider runs itself are left out."""
    parts = tuple(part for block in listing(body.get("content")) if (part := read_block(block)) is not None)
    return Reply(
        id=string(body.get("id")),
        model=string(body.get("model")),
        parts=parts,
        stop=settled(STOPS.get(string(body.get("stop_reason")), "end"), parts),
        stop_sequence=string(body.get("stop_sequence")),
        usage=usage_of(WIRE, mapping(body.get("usage"))),
    )


def read_block(block: dict[str, Any]) -> Text | Reasoning | Call | None:
    match block.get("type"):
        case "text":
            return Text(string(block.get("text")))
        case "thinking":
            return Reasoning(string(block.get("thinking")), string(block.get("signature")))
        case "redacted_thinking":
            return Reasoning("", string(block.get("data")), hidden=True)
        case "tool_use":
            given = mapping(block.get("input"))
            return Call(string(block.get("id")), string(block.get("name")), compact(given) if given else "")
    return None


def write(reply: Reply, told: Told) -> dict[str, Any]:
    return {
        "id": reply.id, "type": "message", "role": "assistant", "model": reply.model,
        "content": [written_block(part, told.upstream) for part in reply.parts],
        "stop_reason": REASONS[reply.stop], "stop_sequence": reply.stop_sequence or None,
        "usage": written_usage(reply.usage),
    }  # fmt: skip


def written_block(part: Text | Reasoning | Call, upstream: str) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Reasoning(hidden=True):
            return {"type": "redacted_thinking", "data": seals.outward(upstream, part.seal, hidden=True)}
        case Reasoning():
            return {"type": "thinking", "thinking": part.text, "signature": seals.outward(upstream, part.seal)}
        case Call():
            arguments = as_object(part.arguments)
            given = {flat.INPUT: part.arguments} if arguments is None or part.freeform else arguments
            return {"type": "tool_use", "id": part.id, "name": flat.name_of(part), "input": given}


def written_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input or 0, "output_tokens": usage.output or 0,
        "cache_read_input_tokens": usage.cache_read or 0, "cache_creation_input_tokens": usage.cache_write or 0,
    } | ({} if usage.reasoning is None else {"output_tokens_details": {"thinking_tokens": usage.reasoning}})  # fmt: skip
