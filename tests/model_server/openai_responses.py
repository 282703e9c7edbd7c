"""The `openai-responses` wire: POST /v1/responses (SSE or one object).

Shapes: OpenAI's Responses API as Codex 0.169.0 asks for it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator

from . import toolbox
from .conversation import SUMMARY, TITLE, Conversation
from .desk import Desk
from .http import Cut, Request, Send, paced, send_events, send_json
from .scenario import Failure, Reply, Text, Thinking, ToolCall, Usage, usage_of

NAME = "openai-responses"
ERROR_TYPES = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_exceeded"}
INJECTED = re.compile(r"\s*(<[a-z_]+>|# AGENTS\.md instructions|Warning: )")


async def responses(desk: Desk, request: Request, send: Send) -> None:
    conversation = conversation_of(request.body)
    decided = desk.decide(NAME, request, conversation)
    trace = {"x-request-id": f"req_{uuid.uuid4().hex[:20]}"}
    if isinstance(decided, Failure):
        kind = ERROR_TYPES.get(decided.status, "server_error")
        error = {"error": {"message": f"scripted {decided.status}", "type": kind, "param": None, "code": kind}}
        await send_json(send, error, decided.status, trace)
        return
    await desk.pause(decided.wait)
    response = _response(decided, request.body, conversation.tools)
    if request.body.get("stream"):
        await send_events(send, _events(response, decided), trace)
    else:
        await send_json(send, response, headers=trace)


def conversation_of(body: dict) -> Conversation:
    """The newest human prompt and how far its turn has come. One after tool results of an unfinished turn is folded."""
    prompt, rounds, folded, answered, calling = "", 0, [], True, False
    items = body.get("input", [])
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind.endswith("_call_output"):
            rounds, calling = rounds + calling, False
        elif kind.endswith("_call"):
            calling, answered = True, False
        elif kind == "message" and item.get("role") == "assistant":
            answered = True
        elif kind == "message" and item.get("role") == "user":
            answered = answered or any(text.startswith("<turn_aborted>") for text in _texts(item))
            human = "\n".join(text for text in _texts(item) if not INJECTED.match(text))
            if human and answered:
                prompt, rounds, folded = human, 0, []
            elif human:
                folded.append(human)
    return Conversation(prompt, rounds, tuple(folded), frozenset(_tool_names(body)), _side(prompt))


def _side(prompt: str) -> str:
    if prompt.startswith("Generate a concise, single-line task title"):
        return "title"
    return "compact" if "CONTEXT CHECKPOINT COMPACTION" in prompt else ""


def side_reply(conversation: Conversation) -> Reply | None:
    text = {"compact": SUMMARY, "title": TITLE}.get(conversation.side)
    return Reply((Text(text),)) if text else None


def _tool_names(body: dict) -> Iterator[str]:
    for tool in body.get("tools", []):
        if tool.get("type") == "namespace":
            yield from (inner.get("name", "") for inner in tool.get("tools", []))
        else:
            yield tool.get("name") or tool.get("type", "")


def _texts(item: dict) -> list[str]:
    content = item.get("content", "")
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content if part.get("type") in ("input_text", "text")]


def _response(reply: Reply, body: dict, tools: frozenset[str]) -> dict:
    return {
        "id": f"resp_{uuid.uuid4().hex[:24]}", "object": "response", "status": "completed",
        "model": body.get("model", "scripted"),
        "output": [_item(block, tools) for block in reply.blocks], "usage": _usage(usage_of(reply)),
        "parallel_tool_calls": True, "error": None, "incomplete_details": None,
    }  # fmt: skip


def _item(block: Text | Thinking | ToolCall, tools: frozenset[str]) -> dict:
    if isinstance(block, Text):
        return _text_item(block.text)
    if isinstance(block, Thinking):
        summary = [{"type": "summary_text", "text": block.text}]
        return {"type": "reasoning", "id": _id("rs"), "summary": summary, "encrypted_content": "c2NyaXB0ZWQ="}
    tool = toolbox.choose(block, tools)
    if tool is None:
        return _text_item(toolbox.missing(block))
    arguments = tool.arguments(block.arguments)
    call = {"call_id": _id("call"), "name": tool.name, "status": "completed"}
    if tool.freeform:
        return {"type": "custom_tool_call", "id": _id("ctc"), "input": arguments} | call
    space = {"namespace": tool.namespace} if tool.namespace else {}
    return {"type": "function_call", "id": _id("fc"), "arguments": json.dumps(arguments)} | call | space


def _text_item(text: str) -> dict:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed", "content": [part]}


def _usage(usage: Usage) -> dict:
    """The API counts cached tokens inside input_tokens."""
    total_input = usage.input + usage.cache_read + usage.cache_write
    return {
        "input_tokens": total_input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output, "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": total_input + usage.output,
    }  # fmt: skip


async def _events(response: dict, reply: Reply) -> AsyncIterator[dict]:
    number = 0
    async for event in _plain_events(response, reply):
        yield event | {"sequence_number": number}
        number += 1


async def _plain_events(response: dict, reply: Reply) -> AsyncIterator[dict]:
    begun = response | {"status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, (item, block) in enumerate(zip(response["output"], reply.blocks, strict=True)):
        yield {"type": "response.output_item.added", "output_index": index, "item": _opened(item)}
        async for event in _deltas(item, getattr(block, "seconds", 0.0), reply.cut):
            yield event | {"item_id": item["id"], "output_index": index}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": response}


def _opened(item: dict) -> dict:
    empty = {
        "message": {"content": []},
        "reasoning": {"summary": []},
        "function_call": {"arguments": ""},
        "custom_tool_call": {"input": ""},
    }
    return item | {"status": "in_progress"} | empty[item["type"]]


async def _deltas(item: dict, seconds: float, cut: bool) -> AsyncIterator[dict]:
    kind = item["type"]
    if kind == "function_call":
        yield {"type": "response.function_call_arguments.delta", "delta": item["arguments"]}
        yield {"type": "response.function_call_arguments.done", "arguments": item["arguments"]}
    elif kind == "custom_tool_call":
        yield {"type": "response.custom_tool_call_input.delta", "delta": item["input"]}
        yield {"type": "response.custom_tool_call_input.done", "input": item["input"]}
    elif kind == "reasoning":
        async for event in _text_deltas("response.reasoning_summary", "summary_index", item["summary"][0], seconds, cut):
            yield event
    else:
        async for event in _text_deltas("response.content", "content_index", item["content"][0], seconds, cut):
            yield event


async def _text_deltas(part_prefix: str, index_key: str, part: dict, seconds: float, cut: bool) -> AsyncIterator[dict]:
    text_prefix = "response.output_text" if index_key == "content_index" else "response.reasoning_summary_text"
    at, text = {index_key: 0}, part["text"]
    yield {"type": f"{part_prefix}_part.added", "part": part | {"text": ""}} | at
    async for piece in paced(text[: len(text) // 2] if cut else text, seconds):
        yield {"type": f"{text_prefix}.delta", "delta": piece} | at
    if cut:
        raise Cut
    yield {"type": f"{text_prefix}.done", "text": text} | at
    yield {"type": f"{part_prefix}_part.done", "part": part} | at


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


ROUTES = {("POST", "/v1/responses"): responses}
