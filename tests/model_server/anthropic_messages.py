"""The `anthropic-messages` wire: POST /v1/messages (SSE or one object), POST /v1/messages/count_tokens.

Shapes: Anthropic's Messages API, version 2023-06-01, as Claude Code 2.1.329 asks for it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator, Iterable

from . import toolbox
from .conversation import SUMMARY, TITLE, Conversation
from .desk import Desk
from .http import Cut, Request, Send, paced, send_events, send_json
from .scenario import Failure, Reply, Text, Thinking, ToolCall, Usage, usage_of

NAME = "anthropic-messages"
ERROR_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error",
}  # fmt: skip
INJECTED = re.compile(r"\s*<(system-reminder|local-command-|command-|user-memory|task-notification)|\s*\[Request interrupted")
FOLDED = re.compile(
    r"\s*(?:<system-reminder>\s*)?The user sent a new message while you were working:\n(.*?)\n\nThis is how", re.DOTALL
)

PASTED = re.compile(
    r'\n\n<pasted_content id="(\w+)">\n(.*?)\n</pasted_content id="\1">\n(?:\n(?!\n<pasted_content ))?', re.DOTALL
)


async def messages(desk: Desk, request: Request, send: Send) -> None:
    conversation = conversation_of(request.body)
    decided = desk.decide(NAME, request, conversation)
    trace = {"request-id": f"req_{uuid.uuid4().hex[:20]}"}
    if isinstance(decided, Failure):
        kind = ERROR_TYPES.get(decided.status, "api_error")
        error = {"type": kind, "message": f"scripted {decided.status}"}
        await send_json(send, {"type": "error", "error": error, "request_id": trace["request-id"]}, decided.status, trace)
        return
    await desk.pause(decided.wait)
    shown = request.body.get("thinking", {}).get("display") != "omitted"
    message = _message(decided, request.body.get("model", "scripted"), conversation.tools, shown)
    if request.body.get("stream"):
        await send_events(send, _events(message, decided), trace)
    else:
        await send_json(send, message, headers=trace)


async def count_tokens(desk: Desk, request: Request, send: Send) -> None:
    desk.note(NAME, request, Conversation(side="count"))
    await send_json(send, {"input_tokens": len(json.dumps(request.body)) // 4})


def conversation_of(body: dict) -> Conversation:
    """The newest human prompt and how far its turn has come. Prompts that the client merged into one message are text
    blocks of it; the last one counts. A folded prompt comes as a reminder, in a message of role system or beside results."""
    tools = frozenset(tool.get("name", "") for tool in body.get("tools", []))
    prompt, rounds, folded = "", 0, []
    for message in body.get("messages", []):
        if message.get("role") == "assistant":
            continue
        blocks = _as_blocks(message.get("content", ""))
        joined = [found[1].strip() for text in _texts(blocks) if (found := FOLDED.match(text))]
        human = [text for text in _texts(blocks) if not INJECTED.match(text) and not FOLDED.match(text)]
        if message.get("role") == "user" and human:
            prompt, rounds, folded = unpasted(human[-1]), 0, []
        else:
            rounds += any(block.get("type") == "tool_result" for block in blocks)
            folded += joined
    return Conversation(prompt, rounds, tuple(folded), tools, _side(body, prompt))


def unpasted(text: str) -> str:
    """The prompt as the user saw it: Claude Code frames a paste of more than two line feeds or 800 characters as an
    element with a random id, and adds line feeds around it."""
    return PASTED.sub(r"\2", text)


def _side(body: dict, prompt: str) -> str:
    system = " ".join(_texts(_as_blocks(body.get("system", ""))))
    if "detailed summary of the conversation" in prompt or "summarizing conversations" in system:
        return "compact"
    if body.get("tools"):
        return ""
    if "title" in json.dumps(body.get("output_config", {})) or "title" in system.lower():
        return "title"
    return "topic" if "isNewTopic" in system else ""


def side_reply(conversation: Conversation) -> Reply | None:
    texts = {
        "compact": f"<analysis>\nScripted.\n</analysis>\n\n<summary>\n{SUMMARY}\n</summary>",
        "title": json.dumps({"title": TITLE}),
        "topic": json.dumps({"isNewTopic": True, "title": TITLE}),
    }
    text = texts.get(conversation.side)
    return Reply((Text(text),)) if text else None


def _message(reply: Reply, model: str, tools: frozenset[str], shown: bool) -> dict:
    content = [_content(block, tools, shown) for block in reply.blocks]
    stop = "tool_use" if any(part["type"] == "tool_use" for part in content) else "end_turn"
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop, "stop_sequence": None, "usage": _usage(usage_of(reply)),
    }  # fmt: skip


def _content(block: Text | Thinking | ToolCall, tools: frozenset[str], shown: bool) -> dict:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, Thinking):
        return {"type": "thinking", "thinking": block.text if shown else "", "signature": "c2NyaXB0ZWQ="}
    tool = toolbox.choose(block, tools)
    if tool is None:
        return {"type": "text", "text": toolbox.missing(block)}
    arguments = tool.arguments(block.arguments)
    return {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:24]}", "name": tool.name, "input": arguments}


def _usage(usage: Usage) -> dict:
    return {
        "input_tokens": usage.input, "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read, "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning}, "service_tier": "standard",
    }  # fmt: skip


async def _events(message: dict, reply: Reply) -> AsyncIterator[dict]:
    start = message | {"content": [], "stop_reason": None, "usage": message["usage"] | {"output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, (content, block) in enumerate(zip(message["content"], reply.blocks, strict=True)):
        yield {"type": "content_block_start", "index": index, "content_block": _emptied(content)}
        async for delta in _deltas(content, getattr(block, "seconds", 0.0), reply.cut):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": message["usage"]}
    yield {"type": "message_stop"}


def _emptied(content: dict) -> dict:
    empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
    return content | empty[content["type"]]


async def _deltas(content: dict, seconds: float, cut: bool) -> AsyncIterator[dict]:
    kind = content["type"]
    if kind == "tool_use":
        yield {"type": "input_json_delta", "partial_json": json.dumps(content["input"])}
        return
    text = content[kind]
    async for piece in paced(text[: len(text) // 2] if cut else text, seconds):
        yield {"type": f"{kind}_delta", kind: piece}
    if cut:
        raise Cut
    if kind == "thinking":
        yield {"type": "signature_delta", "signature": content["signature"]}


def _as_blocks(content: object) -> list[dict]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def _texts(blocks: Iterable[dict]) -> list[str]:
    return [block["text"] for block in blocks if block.get("type") == "text"]


ROUTES = {("POST", "/v1/messages"): messages, ("POST", "/v1/messages/count_tokens"): count_tokens}
