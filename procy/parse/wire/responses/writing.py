"""Requests of the ``openai-responses`` wire, POST /v1/responses and /v1/responses/input_tokens, written from the neutral form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from procy.parse.wire import flat
from procy.parse.wire.fields import Losses, kept, refused
from procy.parse.wire.neutral import Call, File, Image, Part, Reasoning, Request, Result, Role, Text, Turn
from procy.parse.wire.responses.tools import written_choice, written_tool

LEAST_TOKENS = 16  # that the API takes as a limit


def write(request: Request, losses: Losses, quirks: Sequence[str] = ()) -> dict[str, Any]:
    """Nothing is kept by the provider: the client sends the conversation each time, as its own wire wants it."""
    if request.stop:
        raise refused("stop", "has no counterpart on openai-responses", "Leave stop sequences out.")
    first, turns = _instructions(request.turns)
    body = kept(
        model=request.model,
        instructions=first or None,
        input=[item for turn in turns for item in _items(turn, losses)],
        tools=[written_tool(tool) for tool in request.tools] or None,
        tool_choice=written_choice(request.choice) if request.tools else None,
        parallel_tool_calls=request.parallel if request.tools else None,
        max_output_tokens=_limit(request.max_tokens, losses),
        temperature=request.temperature,
        top_p=request.top_p,
        reasoning=_written_reasoning(request, losses) or None,
        text=_written_text(request) or None,
        stream=request.stream or None,
        store=False,
    )
    if request.think:
        body["include"] = ["reasoning.encrypted_content"]
    return body


def _limit(tokens: int | None, losses: Losses) -> int | None:
    if tokens is None or tokens >= LEAST_TOKENS:
        return tokens
    losses.note("max_tokens", f"{LEAST_TOKENS} is the least there")
    return LEAST_TOKENS


def _instructions(turns: Sequence[Turn]) -> tuple[str, Sequence[Turn]]:
    """A first turn of one text; one of several stays a message, where they stay apart."""
    if turns and turns[0].role == "system" and len(turns[0].parts) == 1 and isinstance(turns[0].parts[0], Text):
        return turns[0].parts[0].text, turns[1:]
    return "", turns


def _written_reasoning(request: Request, losses: Losses) -> dict[str, Any]:
    if request.think is False and request.effort is None:
        losses.note("thinking", "cannot be switched off for every model of openai-responses; the model decides")
    return kept(effort=request.effort, summary="auto" if request.think else None)


def _written_text(request: Request) -> dict[str, Any]:
    shape, form = request.shape, dict[str, Any]()
    if shape and shape.schema is None:
        form = {"type": "json_object"}
    elif shape:
        form = {"type": "json_schema", "name": shape.name, "schema": shape.schema}
        form |= kept(strict=shape.strict, description=shape.description or None)
    return kept(format=form or None, verbosity=request.verbosity or None)


def _items(turn: Turn, losses: Losses) -> Iterator[dict[str, Any]]:
    """Messages, calls and results are items beside each other, in the order of the parts."""
    content: list[dict[str, Any]] = []
    for part in turn.parts:
        item = _item(part, turn.role, losses)
        if item is None:
            content.append(_written_part(part))
            continue
        if content:
            yield {"type": "message", "role": turn.role, "content": content}
            content = []
        yield item
    if content:
        yield {"type": "message", "role": turn.role, "content": content}


def _item(part: Part, role: Role, losses: Losses) -> dict[str, Any] | None:
    match part:
        case Text() if role == "assistant":  # its parts would need ids of the provider's; a plain text needs none
            return {"type": "message", "role": role, "content": part.text}
        case Call(freeform=True):
            item = {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
            return item | kept(namespace=part.namespace or None)
        case Call():
            item = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments or "{}"}
            return item | kept(namespace=part.namespace or None)
        case Result():
            kind = "custom_tool_call_output" if part.freeform else "function_call_output"
            return {"type": kind, "call_id": part.call_id, "output": _output(part, losses)}
        case Reasoning():
            identity, _, encrypted = part.seal.partition(":")
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            return {"type": "reasoning", "summary": summary, "encrypted_content": encrypted} | kept(id=identity or None)
    return None


def _output(result: Result, losses: Losses) -> str | list[dict[str, Any]]:
    parts: list[Part] = list(result.parts)
    if result.failed:
        texts = [part for part in result.parts if isinstance(part, Text)]
        parts = [*flat.told(True, texts, losses), *(part for part in parts if not isinstance(part, Text))]
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [_written_part(part) for part in parts] if parts else ""


def _written_part(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "input_text", "text": part.text}
        case Image():
            return {"type": "input_image", "image_url": part.url, "detail": part.detail or "auto"}
        case File():
            field = "file_data" if part.url.startswith("data:") else "file_url"
            return {"type": "input_file", field: part.url} | (
                {"filename": part.name or "document"} if field == "file_data" else {}
            )
    raise refused("content", "has a part that cannot stand here", "Send text, images or files.")
