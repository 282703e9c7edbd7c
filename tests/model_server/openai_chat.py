"""The `openai-chat` wire: POST /v1/chat/completions (SSE or one object), GET /v1/models.

Shapes: OpenAI's Chat Completions API as OpenCode 1.18.33 and aider 0.86.2 ask for it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator

from . import toolbox
from .conversation import SUMMARY, TITLE, Conversation
from .desk import Desk
from .http import Cut, Request, Send, paced, send_data, send_json
from .scenario import Failure, Reply, Text, Thinking, ToolCall, Usage, usage_of

NAME = "openai-chat"
ERROR_TYPES = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_exceeded"}
INJECTED = re.compile(r"\s*<(?:system-reminder|environment_context)>|\[Request interrupted")
SUMMARISES = re.compile("summari[sz]ing conversations|context summari[sz]|^Briefly summari[sz]e", re.IGNORECASE | re.MULTILINE)
EDIT_BLOCKS = "SEARCH/REPLACE block"


async def completions(desk: Desk, request: Request, send: Send) -> None:
    conversation = conversation_of(request.body)
    decided = desk.decide(NAME, request, conversation)
    trace = {"x-request-id": f"req_{uuid.uuid4().hex[:20]}"}
    if isinstance(decided, Failure):
        kind = ERROR_TYPES.get(decided.status, "server_error")
        error = {"message": f"scripted {decided.status}", "type": kind, "param": None, "code": kind}
        await send_json(send, {"error": error}, decided.status, trace)
        return
    await desk.pause(decided.wait)
    parts = [_part(block, conversation.tools, _writes_blocks(request.body)) for block in decided.blocks]
    head = {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "created": 1700000000, "model": request.body.get("model", "scripted")}
    if request.body.get("stream"):
        with_usage = bool((request.body.get("stream_options") or {}).get("include_usage"))
        await send_data(send, _chunks(head, parts, decided, with_usage), trace)
    else:
        await send_json(send, _completion(head, parts, decided), headers=trace)


async def models(desk: Desk, request: Request, send: Send) -> None:
    desk.note("", request, Conversation())
    await send_json(send, {"object": "list", "data": [{"id": "scripted", "object": "model", "owned_by": "tests"}]})


def conversation_of(body: dict) -> Conversation:
    """The newest human prompt and how far its turn has come. One that comes while calls are open is folded."""
    prompt, rounds, folded, answered, calling = "", 0, [], True, False
    for message in body.get("messages", []):
        role = message.get("role")
        if role == "tool":
            cancelled = any("[Operation Cancelled]" in text for text in _texts(message))  # of Qwen Code: the turn is over
            rounds, calling, answered = rounds + calling, False, cancelled
        elif role == "assistant":
            calling = bool(message.get("tool_calls"))
            answered = not calling
        elif role == "user" and (human := _human(message, "You are Qwen Code" in _system(body))):
            if answered:
                prompt, rounds, folded = human, 0, []
            else:
                folded.append(human)
    tools = frozenset(tool.get("function", {}).get("name", "") for tool in body.get("tools") or [])
    return Conversation(prompt, rounds, tuple(folded), tools, _side(body, tools))


def _human(message: dict, is_merged: bool) -> str:
    """Qwen Code puts prompts into one message that got no answer between them; the last counts."""
    texts = [text for text in _texts(message) if not INJECTED.match(text)]
    return "\n".join(texts[-1:] if is_merged else texts)


def _texts(message: dict) -> list[str]:
    content = message.get("content") or ""
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content if part.get("type") == "text"]


def _system(body: dict) -> str:
    said = [message for message in body.get("messages", []) if message.get("role") in ("system", "developer")]
    return "\n".join(text for message in said for text in _texts(message))


def _writes_blocks(body: dict) -> bool:
    """Whether the client takes its edits and commands out of the text, as aider does."""
    return EDIT_BLOCKS in _system(body)


def _side(body: dict, tools: frozenset[str]) -> str:
    system = _system(body)
    if "title generator" in system:
        return "title"
    is_summary = not tools and re.search("summar(?:y|is|iz)", system, re.IGNORECASE) and EDIT_BLOCKS not in system
    return "compact" if is_summary or SUMMARISES.search(system) else ""


def side_reply(conversation: Conversation) -> Reply | None:
    text = {"compact": SUMMARY, "title": TITLE}.get(conversation.side)
    return Reply((Text(text),)) if text else None


def _part(block: Text | Thinking | ToolCall, tools: frozenset[str], in_text: bool) -> dict:
    """One block as a message's fields."""
    if isinstance(block, Text):
        return {"content": block.text}
    if isinstance(block, Thinking):
        return {"reasoning_content": block.text}
    if in_text:
        return {"content": toolbox.as_text(block)}
    tool = toolbox.choose(block, tools)
    if tool is None:
        return {"content": toolbox.missing(block)}
    call = {"name": tool.name, "arguments": json.dumps(tool.arguments(block.arguments))}
    return {"tool_calls": [{"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": call}]}


def _finish(parts: list[dict]) -> str:
    return "tool_calls" if any("tool_calls" in part for part in parts) else "stop"


def _completion(head: dict, parts: list[dict], reply: Reply) -> dict:
    message: dict = {"role": "assistant", "content": "\n\n".join(part["content"] for part in parts if "content" in part)}
    if calls := [call for part in parts for call in part.get("tool_calls", [])]:
        message["tool_calls"] = calls
    if thought := [part["reasoning_content"] for part in parts if "reasoning_content" in part]:
        message["reasoning_content"] = "\n\n".join(thought)
    choice = {"index": 0, "message": message, "finish_reason": _finish(parts)}
    return head | {"object": "chat.completion", "choices": [choice], "usage": _usage(usage_of(reply))}


async def _chunks(head: dict, parts: list[dict], reply: Reply, with_usage: bool) -> AsyncIterator[dict]:
    def chunk(delta: dict, finish: str | None = None) -> dict:
        return head | {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }

    yield chunk({"role": "assistant", "content": ""})
    said, calls = "", 0
    for part, block in zip(parts, reply.blocks, strict=True):
        if "tool_calls" in part:
            yield chunk({"tool_calls": [call | {"index": calls} for call in part["tool_calls"]]})
            calls += 1
            continue
        ((name, text),) = part.items()
        if name == "content":  # a message has one text
            text, said = ("\n\n" if said else "") + text, said + text
        async for piece in paced(text[: len(text) // 2] if reply.cut else text, getattr(block, "seconds", 0.0)):
            yield chunk({name: piece})
        if reply.cut:
            raise Cut
    yield chunk({}, _finish(parts))
    if with_usage:
        yield head | {"object": "chat.completion.chunk", "choices": [], "usage": _usage(usage_of(reply))}


def _usage(usage: Usage) -> dict:
    """The API counts cached tokens inside prompt_tokens and has no name for what was written to the cache."""
    total_input = usage.input + usage.cache_read + usage.cache_write
    return {
        "prompt_tokens": total_input,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens": usage.output,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": total_input + usage.output,
    }


ROUTES = {("POST", "/v1/chat/completions"): completions, ("GET", "/v1/models"): models}
