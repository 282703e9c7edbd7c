"""Requests of the ``anthropic-messages`` wire, POST /v1/messages and /v1/messages/count_tokens, written from the neutral form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from procy.parse.wire import efforts, flat
from procy.parse.wire.fields import Losses, kept, refused
from procy.parse.wire.media import inline
from procy.parse.wire.messages.tools import written_choice, written_tool
from procy.parse.wire.neutral import Call, File, Image, Part, Reasoning, Request, Result, Text, Turn, as_object

MAX_TOKENS = 32_000  # put in where the client sets no limit: the wire requires one, and every model since Claude 4 takes this
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
ODD = re.compile(r"[^a-zA-Z0-9_-]")  # in an id of a call: this wire refuses it


def write(request: Request, losses: Losses, quirks: Sequence[str] = ()) -> dict[str, Any]:
    """Raise ``WireError`` for what the wire cannot say."""
    if request.temperature is not None and request.temperature > 1:
        raise refused("temperature", "is above 1, the most anthropic-messages has", "Use 1 or less.")
    if request.verbosity:
        losses.note("verbosity", "no counterpart")
    first, turns = _system(request.turns)
    thinking = _thinking(request, losses)
    body = kept(
        model=request.model,
        max_tokens=request.max_tokens,
        system=[_written_part(part) for part in first if part != Text("")] or None,
        messages=[message for turn in turns if (message := _message(turn, losses))["content"]],
        tools=[written_tool(tool, losses) for tool in request.tools] or None,
        tool_choice=written_choice(request) if request.tools else None,
        temperature=request.temperature,
        top_p=request.top_p,
        stop_sequences=list(request.stop) or None,
        thinking=thinking,
        output_config=_output_config(request, losses) or None,
        stream=request.stream or None,
    )
    if request.max_tokens is None:
        body["max_tokens"] = MAX_TOKENS
        losses.note("max_tokens", f"{MAX_TOKENS} was put in, because the upstream's wire requires one")
    return body


def _system(turns: Sequence[Turn]) -> tuple[tuple[Part, ...], Sequence[Turn]]:
    first = bool(turns) and turns[0].role == "system"
    return (turns[0].parts, turns[1:]) if first else ((), turns)


def _thinking(request: Request, losses: Losses) -> dict[str, Any] | None:
    if request.think and request.choice and request.choice.mode == "required":
        losses.note("reasoning", "anthropic-messages cannot think where a tool is required")
        return None
    if request.think and request.temperature not in (None, 1):
        losses.note("reasoning", "anthropic-messages cannot think at a temperature other than 1")
        return None
    return None if request.think is None else {"type": "adaptive" if request.think else "disabled"}


def _output_config(request: Request, losses: Losses) -> dict[str, Any]:
    shape = request.shape
    if shape and shape.schema is None:
        raise refused("response_format", "asks for JSON of any form, which anthropic-messages cannot", "Give a json_schema.")
    if shape and (shape.name != "reply" or shape.description):
        losses.note("response_format.name", "no counterpart")
    form = {"type": "json_schema", "schema": shape.schema} if shape else None
    return kept(effort=efforts.for_messages(request.effort, losses), format=form)


def _message(turn: Turn, losses: Losses) -> dict[str, Any]:
    """Results of tools come first: the wire wants them right after the calls."""
    first = [part for part in turn.parts if isinstance(part, Result)]
    parts = [*first, *(part for part in turn.parts if not isinstance(part, Result))]
    written = [block for part in parts if (block := _written_block(part, losses)) is not None]
    return {"role": turn.role, "content": written}


def _written_block(part: Part, losses: Losses) -> dict[str, Any] | None:
    match part:
        case Text("") | Reasoning(_, ""):
            return None
        case Reasoning():
            seal = part.seal
            return {"type": "redacted_thinking", "data": seal} if part.hidden else _thought(part.text, seal)
        case Call():
            call = flat.name_of(part)
            return {"type": "tool_use", "id": ODD.sub("_", part.id), "name": call, "input": _input(part, losses)}
        case Result():
            content = [_written_part(one) for one in part.parts if one != Text("")]
            block = {"type": "tool_result", "tool_use_id": ODD.sub("_", part.call_id), "content": content}
            return block | kept(is_error=part.failed or None)
    return _written_part(part)


def _thought(thinking: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": thinking, "signature": signature}


def _input(call: Call, losses: Losses) -> Mapping[str, Any]:
    if call.freeform:
        return {flat.INPUT: call.arguments}
    arguments = as_object(call.arguments)
    if arguments is None:  # the model wrote no JSON object, and the conversation has to go on
        losses.note("tool_calls.arguments", "no JSON object; sent as a string inside one")
        return {flat.INPUT: call.arguments}
    return arguments


def _written_part(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image(url) | File(url):
            kind = "image" if isinstance(part, Image) else "document"
            title = {"title": part.name} if isinstance(part, File) and part.name else {}
            return {"type": kind, "source": _written_source(url, kind)} | title
    raise refused("content", "has a part that cannot stand here", "Send text, images or documents.")


def _written_source(url: str, kind: str) -> dict[str, Any]:
    data = inline(url)
    if data is None:
        return {"type": "url", "url": url}
    if data[0] not in (IMAGE_TYPES if kind == "image" else ("application/pdf",)):
        raise refused(kind, f"is {data[0]!r}, which anthropic-messages cannot take", "Send JPEG, PNG, GIF, WebP or PDF.")
    return {"type": "base64", "media_type": data[0], "data": data[1]}
