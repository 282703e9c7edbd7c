"""Replies of the ``openai-chat`` wire. Reasoning is in ``reasoning_content`` or ``reasoning``, as compatible servers have it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from procy.parse.wire import flat
from procy.parse.wire.fields import listing, mapping, string
from procy.parse.wire.neutral import Call, Reasoning, Reply, Stop, Text, Told, settled
from procy.parse.wire.usage import usage_of
from procy.types import Usage

WIRE = "openai-chat"
STOPS: dict[str, Stop] = {
    "stop": "end", "length": "length", "tool_calls": "tool_use", "function_call": "tool_use", "content_filter": "refusal",
}  # fmt: skip
REASONS: dict[Stop, str] = {
    "end": "stop", "length": "length", "stop_sequence": "stop", "tool_use": "tool_calls", "refusal": "content_filter",
    "pause": "stop",
}  # fmt: skip
REASONING = ("reasoning_content", "reasoning")


def read(body: dict[str, Any]) -> Reply:
    choice = next(iter(listing(body.get("choices"))), {})
    message = mapping(choice.get("message"))
    parts: list[Text | Reasoning | Call] = []
    if thought := next((text for name in REASONING if (text := string(message.get(name)))), ""):
        parts.append(Reasoning(thought))
    if said := string(message.get("content")):
        parts.append(Text(said))
    if refusal := string(message.get("refusal")):
        parts.append(Text(refusal, refusal=True))
    parts += [_call(call) for call in listing(message.get("tool_calls"))]
    stop = STOPS.get(string(choice.get("finish_reason")), "end")
    return Reply(
        id=string(body.get("id")),
        model=string(body.get("model")),
        parts=tuple(parts),
        stop="refusal" if refusal and stop == "end" else settled(stop, parts),
        usage=usage_of(WIRE, mapping(body.get("usage"))),
    )


def _call(call: dict[str, Any]) -> Call:
    freeform = call.get("type") == "custom"
    inner = mapping(call.get("custom" if freeform else "function"))
    arguments = inner.get("input" if freeform else "arguments")
    text = json.dumps(arguments) if isinstance(arguments, dict) else string(arguments)  # some servers give the object itself
    return Call(string(call.get("id")), string(inner.get("name")), text, freeform)


def write(reply: Reply, told: Told) -> dict[str, Any]:
    message = {"role": "assistant", "content": _joined(reply.parts, refusal=False), "refusal": _joined(reply.parts, refusal=True)}
    if thought := "\n\n".join(part.text for part in reply.parts if isinstance(part, Reasoning) and part.text):
        message["reasoning_content"] = thought
    if calls := [part for part in reply.parts if isinstance(part, Call)]:
        message["tool_calls"] = [written_call(call) for call in calls]
    choice = {"index": 0, "message": message, "finish_reason": REASONS[reply.stop], "logprobs": None}
    return {
        "id": reply.id, "object": "chat.completion", "created": told.created, "model": reply.model, "choices": [choice],
        "usage": written_usage(reply.usage),
    }  # fmt: skip


def _joined(parts: Sequence[Text | Reasoning | Call], refusal: bool) -> Any:
    texts = [part.text for part in parts if isinstance(part, Text) and part.refusal == refusal]
    return "".join(texts) if texts else None


def written_call(call: Call) -> dict[str, Any]:
    if call.freeform:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": flat.name_of(call), "arguments": call.arguments or "{}"}}


def written_usage(usage: Usage) -> dict[str, Any]:
    """This wire counts what a cache gave or took inside the prompt."""
    given = (usage.input or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
    value: dict[str, Any] = {
        "prompt_tokens": given, "completion_tokens": usage.output or 0, "total_tokens": given + (usage.output or 0),
        "prompt_tokens_details": {"cached_tokens": usage.cache_read or 0},
    }  # fmt: skip
    if usage.cache_write is not None:
        value["prompt_tokens_details"]["cache_write_tokens"] = usage.cache_write
    if usage.reasoning is not None:
        value["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return value
