"""The `gemini` wire: POST /v1beta/models/MODEL:generateContent, …:streamGenerateContent (SSE) and …:countTokens.

Shapes: Google's Gemini API, version v1beta, as Gemini CLI 0.61.0 asks for it.
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

NAME = "gemini"
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}
INJECTED = re.compile(r"\s*<[a-z_]+>|System: ")
ROUTE = re.compile(r"/v1(?:beta)?/models/(?P<model>[^/:]+):(?P<method>generateContent|streamGenerateContent|countTokens)")


async def answer(desk: Desk, request: Request, send: Send) -> None:
    found = ROUTE.fullmatch(request.path)
    assert found
    if found["method"] == "countTokens":
        desk.note(NAME, request, Conversation(side="count"))
        await send_json(send, {"totalTokens": len(json.dumps(request.body)) // 4})
        return
    conversation = conversation_of(request.body)
    decided = desk.decide(NAME, request, conversation)
    if isinstance(decided, Failure):
        status = STATUSES.get(decided.status, "INTERNAL")
        error = {"code": decided.status, "message": f"scripted {decided.status}", "status": status}
        await send_json(send, {"error": error}, decided.status)
        return
    await desk.pause(decided.wait)
    parts = [_part(block, conversation.tools) for block in decided.blocks]
    head = {"modelVersion": found["model"], "responseId": f"resp_{uuid.uuid4().hex[:20]}"}
    if found["method"] == "streamGenerateContent":
        await send_data(send, _chunks(head, parts, decided), done=False)
    else:
        await send_json(send, _chunk(head, parts, decided))


def conversation_of(body: dict) -> Conversation:
    """The newest human prompt and how far its turn has come. One that comes beside results, or before the answer to them, is
    folded."""
    prompt, rounds, folded, answered = "", 0, [], True
    for content in body.get("contents", []):
        parts = content.get("parts", [])
        human = "\n".join(text for part in parts if (text := part.get("text")) and not INJECTED.match(text))
        if content.get("role") == "model":
            answered = not any("functionCall" in part for part in parts)
            continue
        if any("functionResponse" in part for part in parts):
            rounds, answered = rounds + 1, "[Operation Cancelled]" in json.dumps(parts)  # then the turn is over
        if human and answered:
            prompt, rounds, folded = human, 0, []
        elif human:
            folded.append(human)
    declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations") or []]
    tools = frozenset(one.get("name", "") for one in declared)
    return Conversation(prompt, rounds, tuple(folded), tools, _side(body, tools))


def _system(body: dict) -> str:
    told = body.get("systemInstruction") or {}
    return "\n".join(part.get("text", "") for part in told.get("parts", [])) if isinstance(told, dict) else str(told)


def _side(body: dict, tools: frozenset[str]) -> str:
    system = _system(body)
    if "<state_snapshot>" in system:
        return "compact"
    config = body.get("generationConfig") or {}
    if config.get("responseSchema") or config.get("responseJsonSchema"):
        return "json"
    return "" if tools else "title"


def side_reply(conversation: Conversation) -> Reply | None:
    texts = {"compact": f"<state_snapshot>{SUMMARY}</state_snapshot>", "title": TITLE, "json": json.dumps({"title": TITLE})}
    text = texts.get(conversation.side)
    return Reply((Text(text),)) if text else None


def _part(block: Text | Thinking | ToolCall, tools: frozenset[str]) -> dict:
    if isinstance(block, Text):
        return {"text": block.text}
    if isinstance(block, Thinking):
        subject, _, rest = block.text.partition("\n")
        return {"text": f"**{subject}**\n{rest}", "thought": True}
    tool = toolbox.choose(block, tools)
    if tool is None:
        return {"text": toolbox.missing(block)}
    return {"functionCall": {"name": tool.name, "args": tool.arguments(block.arguments)}}


def _chunk(head: dict, parts: list[dict], reply: Reply | None) -> dict:
    """One object of an answer; with `reply`, the last."""
    candidate: dict = {"index": 0, "content": {"role": "model", "parts": parts}}
    if reply is None:
        return head | {"candidates": [candidate]}
    return head | {"candidates": [candidate | {"finishReason": "STOP"}], "usageMetadata": _usage(usage_of(reply))}


async def _chunks(head: dict, parts: list[dict], reply: Reply) -> AsyncIterator[dict]:
    said = False
    for part, block in zip(parts, reply.blocks, strict=True):
        if "text" not in part or part.get("thought"):
            yield _chunk(head, [part], None)
            continue
        text, said = ("\n\n" if said else "") + part["text"], True
        async for piece in paced(text[: len(text) // 2] if reply.cut else text, getattr(block, "seconds", 0.0)):
            yield _chunk(head, [{"text": piece}], None)
        if reply.cut:
            raise Cut
    yield _chunk(head, [{"text": ""}], reply)


def _usage(usage: Usage) -> dict:
    """The API counts cached tokens inside promptTokenCount, thoughts beside candidates, and tells of no writing to a cache."""
    whole = usage.input + usage.cache_read + usage.cache_write
    return {
        "promptTokenCount": whole, "cachedContentTokenCount": usage.cache_read, "thoughtsTokenCount": usage.reasoning,
        "candidatesTokenCount": usage.output - usage.reasoning, "totalTokenCount": whole + usage.output,
    }  # fmt: skip


ROUTES = {("POST", ROUTE): answer}
