"""Requests of the ``openai-chat`` wire, POST /v1/chat/completions, written from the neutral form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from procy.parse.wire import flat
from procy.parse.wire.fields import Losses, kept, refused
from procy.parse.wire.media import inline
from procy.parse.wire.neutral import Call, Choice, File, Image, Part, Reasoning, Request, Result, Shape, Text, Tool, Turn


def write(request: Request, losses: Losses, quirks: Sequence[str] = ()) -> dict[str, Any]:
    """``quirks``: see ``translate.QUIRKS``."""
    limit = "max_completion_tokens" if "max-completion-tokens" in quirks else "max_tokens"
    body = kept(
        model=request.model,
        messages=[message for turn in request.turns for message in _messages(turn, losses, quirks)],
        tools=[_written_tool(tool) for tool in request.tools] or None,
        tool_choice=_written_choice(request.choice) if request.tools else None,
        parallel_tool_calls=request.parallel if request.tools else None,
        temperature=request.temperature,
        top_p=request.top_p,
        stop=list(request.stop) or None,
        reasoning_effort=request.effort,
        response_format=_written_shape(request.shape),
        verbosity=request.verbosity or None,
        stream=request.stream or None,
    )
    if request.max_tokens is not None:
        body[limit] = request.max_tokens
    if request.think is False and request.effort is None:
        losses.note("thinking", "cannot be switched off on openai-chat; the model decides")
    if request.stream and "no-stream-options" not in quirks:
        body["stream_options"] = {"include_usage": True}
    return body


def _messages(turn: Turn, losses: Losses, quirks: Sequence[str]) -> Iterator[dict[str, Any]]:
    if turn.role == "assistant":
        message = _assistant(turn.parts, losses, "reasoning-back" in quirks)
        if len(message) > 2 or message["content"]:  # more than reasoning that was left out
            yield message
        return
    results = [part for part in turn.parts if isinstance(part, Result)]
    seen: list[Part] = []
    for result in results:
        texts = [part for part in result.parts if isinstance(part, Text)]
        rest = [part for part in result.parts if not isinstance(part, Text)]
        if rest:
            losses.note("tool_result", "images and files of it come in a message of the user after it")
            seen += [Text(f"From the result of {result.call_id}:"), *rest]
        yield {"role": "tool", "tool_call_id": result.call_id, "content": _content(flat.told(result.failed, texts, losses))}
    if parts := [*seen, *(part for part in turn.parts if not isinstance(part, Result))]:
        joins = turn.role == "system" or "plain-content" in quirks
        yield {"role": turn.role, "content": _content(parts, joins)}


def _assistant(parts: Sequence[Part], losses: Losses, gives_back: bool) -> dict[str, Any]:
    thought = "\n\n".join(part.text for part in parts if isinstance(part, Reasoning))
    if thought and not gives_back:
        losses.note("reasoning", "not every server of openai-chat takes it back; the quirk reasoning-back sends it")
    texts = [part for part in parts if isinstance(part, Text) and not part.refusal]
    refusal = "".join(part.text for part in parts if isinstance(part, Text) and part.refusal)
    calls = [_written_call(part) for part in parts if isinstance(part, Call)]
    return {"role": "assistant", "content": _content(texts) if texts else None} | kept(
        refusal=refusal or None, reasoning_content=(gives_back and thought) or None, tool_calls=calls or None
    )


def _content(parts: Sequence[Part], joins: bool = True) -> str | list[dict[str, Any]]:
    """Texts alone are one text, because not every server of this wire takes a list; several of the user's stay apart, unless
    the quirk plain-content ``joins`` them too."""
    if all(isinstance(part, Text) for part in parts) and (joins or len(parts) == 1):
        return "\n\n".join(part.text for part in parts if isinstance(part, Text))
    return [_written_part(part) for part in parts]


def _written_part(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image_url", "image_url": {"url": part.url} | kept(detail=part.detail or None)}
        case File() if inline(part.url):
            return {"type": "file", "file": {"filename": part.name or "document", "file_data": part.url}}
    raise refused("document", "is an address, which openai-chat cannot take", "Send its content as base64.")


def _written_call(call: Call) -> dict[str, Any]:
    arguments = json.dumps({flat.INPUT: call.arguments}, ensure_ascii=False) if call.freeform else call.arguments or "{}"
    return {"id": call.id, "type": "function", "function": {"name": flat.name_of(call), "arguments": arguments}}


def _written_tool(tool: Tool) -> dict[str, Any]:
    plain = flat.function_of(tool)
    inner = kept(name=plain.name, description=plain.description or None, parameters=plain.parameters, strict=plain.strict)
    return {"type": "function", "function": inner}


def _written_choice(choice: Choice | None) -> str | dict[str, Any] | None:
    if choice is None or not choice.name:
        return choice.mode if choice else None
    return {"type": "function", "function": {"name": choice.name}}


def _written_shape(shape: Shape | None) -> dict[str, Any] | None:
    if shape is None or shape.schema is None:
        return {"type": "json_object"} if shape else None
    inner = {"name": shape.name, "schema": shape.schema} | kept(strict=shape.strict, description=shape.description or None)
    return {"type": "json_schema", "json_schema": inner}
