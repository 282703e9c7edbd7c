"""Replies of the ``openai-responses`` wire: a list of items. Their ids are the reply's with the item's number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from procy.parse.wire import seals
from procy.parse.wire.fields import kept, listing, mapping, string
from procy.parse.wire.neutral import Call, Reasoning, Reply, Stop, Text, Told, settled
from procy.parse.wire.usage import usage_of
from procy.types import Usage

WIRE = "openai-responses"
CUT: dict[str, Stop] = {"max_output_tokens": "length", "content_filter": "refusal"}
REASONS: dict[Stop, str] = {"length": "max_output_tokens", "refusal": "content_filter"}
PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}


def read(body: dict[str, Any]) -> Reply:
    parts = tuple(part for item in listing(body.get("output")) for part in read_item(item))
    return Reply(
        id=string(body.get("id")),
        model=string(body.get("model")),
        parts=parts,
        stop=read_stop(body, parts),
        usage=usage_of(WIRE, mapping(body.get("usage"))),
    )


def read_stop(body: dict[str, Any], parts: tuple[Text | Reasoning | Call, ...]) -> Stop:
    if body.get("status") == "incomplete":
        return CUT.get(string(mapping(body.get("incomplete_details")).get("reason")), "length")
    refused = any(isinstance(part, Text) and part.refusal for part in parts)
    return "refusal" if refused else settled("end", parts)


def read_item(item: dict[str, Any]) -> Iterator[Text | Reasoning | Call]:
    """Items of tools that the provider runs itself are left out."""
    match item.get("type"):
        case "message":
            for part in listing(item.get("content")):
                refusal = part.get("type") == "refusal"
                yield Text(string(part.get("refusal" if refusal else "text")), refusal)
        case "reasoning":
            summary = "\n\n".join(string(one.get("text")) for one in listing(item.get("summary")) or listing(item.get("content")))
            yield Reasoning(summary, seal_of(item))
        case "function_call" | "custom_tool_call" as kind:
            freeform = kind == "custom_tool_call"
            arguments = string(item.get("input" if freeform else "arguments"))
            names = string(item.get("name")), string(item.get("namespace"))
            yield Call(string(item.get("call_id")), names[0], arguments, freeform, names[1])


def seal_of(item: dict[str, Any]) -> str:
    """What has to come back: the item's id with what is encrypted."""
    encrypted = string(item.get("encrypted_content"))
    return f"{string(item.get('id'))}:{encrypted}" if encrypted else ""


def write(reply: Reply, told: Told) -> dict[str, Any]:
    items = [done(part, item_id(reply.id, index, part), told.upstream) for index, part in enumerate(reply.parts)]
    body = head(reply.id, reply.model, told) | {"output": items, "usage": written_usage(reply.usage), "status": "completed"}
    if reply.stop in REASONS and not any(isinstance(part, Text) and part.refusal for part in reply.parts):
        body |= {"status": "incomplete", "incomplete_details": {"reason": REASONS[reply.stop]}}
    return body


def head(identity: str, model: str, told: Told) -> dict[str, Any]:
    return {
        "id": identity, "object": "response", "created_at": told.created, "status": "in_progress", "model": model,
        "output": [], "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
        "parallel_tool_calls": told.parallel, "tool_choice": told.tool_choice, "tools": [],
        "temperature": None, "top_p": None, "usage": None,
    }  # fmt: skip


def kind_of(part: Text | Reasoning | Call) -> str:
    match part:
        case Text():
            return "message"
        case Reasoning():
            return "reasoning"
        case Call():
            return "custom_tool_call" if part.freeform else "function_call"


def item_id(identity: str, index: int, part: Text | Reasoning | Call) -> str:
    return f"{PREFIXES[kind_of(part)]}_{identity}_{index}"


def opened(part: Text | Reasoning | Call, identity: str) -> dict[str, Any]:
    """The item as it begins."""
    item: dict[str, Any] = {"type": kind_of(part), "id": identity}
    match part:
        case Text():
            return item | {"role": "assistant", "status": "in_progress", "content": []}
        case Reasoning():
            return item | {"summary": []}
        case Call():
            call = {"call_id": part.id, "name": part.name, "status": "in_progress", "input" if part.freeform else "arguments": ""}
            return item | call | kept(namespace=part.namespace or None)


def done(part: Text | Reasoning | Call, identity: str, upstream: str) -> dict[str, Any]:
    """The item as it ends."""
    item = opened(part, identity)
    match part:
        case Text():
            return item | {"status": "completed", "content": [content(part)]}
        case Reasoning():
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            return item | {"summary": summary, "encrypted_content": seals.outward(upstream, part.seal, part.hidden)}
        case Call():
            arguments = {"input": part.arguments} if part.freeform else {"arguments": part.arguments or "{}"}
            return item | arguments | {"status": "completed"}


def content(part: Text) -> dict[str, Any]:
    if part.refusal:
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}


def written_usage(usage: Usage) -> dict[str, Any]:
    """This wire counts what a cache gave or took inside the input."""
    given = (usage.input or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": usage.cache_write or 0},
        "output_tokens": usage.output or 0,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": given + (usage.output or 0),
    }
