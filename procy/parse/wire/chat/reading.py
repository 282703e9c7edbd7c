"""Requests of the ``openai-chat`` wire, POST /v1/chat/completions, read into the neutral form.

Shapes: OpenAI's API reference as its Python library 3.57 types it, and what compatible servers agree on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from procy.parse.wire import efforts
from procy.parse.wire.fields import (
    Losses,
    an_object,
    dropped,
    flag,
    number,
    objects,
    refuse,
    refused,
    text,
    texts,
    unknown,
    whole_number,
)
from procy.parse.wire.media import checked, detail
from procy.parse.wire.neutral import Call, Choice, File, Image, Part, Request, Result, Role, Shape, Text, Tool, Turn, merged

READ = (
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens", "temperature",
    "top_p", "stop", "reasoning_effort", "response_format", "verbosity", "stream", "stream_options",
)  # fmt: skip
DROPPED = {
    "user": "an id of the client's provider", "safety_identifier": "an id of the client's provider",
    "metadata": "for the client's provider", "store": "for the client's provider", "service_tier": "of the client's provider",
    "prompt_cache_key": "the upstream caches by its own rules", "prompt_cache_retention": "the upstream caches by its own rules",
    "prompt_cache_options": "the upstream caches by its own rules", "seed": "no counterpart",
    "frequency_penalty": "no counterpart", "presence_penalty": "no counterpart", "prediction": "no counterpart",
    "web_search_options": "a tool of the client's provider", "top_k": "no counterpart", "min_p": "no counterpart",
    "moderation": "of the client's provider",
}  # fmt: skip
REFUSED = {
    "functions": "Use tools instead.", "function_call": "Use tool_choice instead.", "audio": "Ask for text only.",
    "logprobs": "Leave it out.", "top_logprobs": "Leave it out.", "logit_bias": "Leave it out.",
}  # fmt: skip
ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "user"}


def read(body: dict[str, Any], losses: Losses, upstream: str) -> Request:
    """No reasoning of this wire is sealed: none goes back to any ``upstream``. Raise ``WireError`` for what no other wire can
    say."""
    refuse(body, REFUSED)
    if body.get("n") not in (None, 1):
        raise refused("n", "asks for several answers", "Ask several times instead.")
    if body.get("modalities") not in (None, ["text"]):
        raise refused("modalities", "asks for more than text", "Ask for text only.")
    dropped(body, DROPPED, losses)
    unknown(body, (*READ, *DROPPED, *REFUSED, "n", "modalities"), losses)
    limit = "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens"
    return Request(
        model=text(body.get("model"), "model"),
        turns=_turns(objects(body.get("messages"), "messages"), losses),
        tools=tuple(_tool(one, f"tools[{at}]") for at, one in enumerate(objects(body.get("tools"), "tools"))),
        choice=_choice(body.get("tool_choice")),
        parallel=flag(body.get("parallel_tool_calls"), "parallel_tool_calls"),
        max_tokens=whole_number(body.get(limit), limit),
        temperature=number(body.get("temperature"), "temperature"),
        top_p=number(body.get("top_p"), "top_p"),
        stop=texts(body.get("stop"), "stop"),
        effort=efforts.effort(body.get("reasoning_effort"), "reasoning_effort"),
        think=None if body.get("reasoning_effort") is None else body["reasoning_effort"] != "none",
        shape=_shape(an_object(body.get("response_format"), "response_format")),
        verbosity=text(body.get("verbosity"), "verbosity"),
        stream=bool(flag(body.get("stream"), "stream")),
        usage_wanted=bool(an_object(body.get("stream_options"), "stream_options").get("include_usage")),
    )


def _turns(messages: list[dict[str, Any]], losses: Losses) -> tuple[Turn, ...]:
    """Only the call says that a tool is freeform; its result is made to say it too."""
    turns = merged(_turn(one, f"messages[{at}]", losses) for at, one in enumerate(messages))
    freeform = {part.id for turn in turns for part in turn.parts if isinstance(part, Call) and part.freeform}
    return tuple(Turn(turn.role, tuple(_matched(part, freeform) for part in turn.parts)) for turn in turns)


def _matched(part: Part, freeform: set[str]) -> Part:
    return replace(part, freeform=True) if isinstance(part, Result) and part.call_id in freeform else part


def _turn(message: dict[str, Any], at: str, losses: Losses) -> Turn:
    role = ROLES.get(text(message.get("role"), f"{at}.role"))
    if role is None:
        raise refused(f"{at}.role", f"{message.get('role')!r} is not known", "Use system, user, assistant or tool.")
    dropped(message, {"name": "no counterpart", "annotations": "no counterpart"}, losses)
    refuse(message, {"audio": "Send text.", "function_call": "Use tool_calls instead."})
    for unsealed in ("reasoning_content", "reasoning"):
        if message.get(unsealed):
            losses.note(f"messages.{unsealed}", "without a signature the upstream's wire cannot take reasoning back")
    parts = tuple(_parts(message.get("content"), f"{at}.content", losses))
    if message["role"] == "tool":
        return Turn("user", (Result(text(message.get("tool_call_id"), f"{at}.tool_call_id"), parts),))  # type: ignore[arg-type]
    if refusal := text(message.get("refusal"), f"{at}.refusal"):
        parts += (Text(refusal, refusal=True),)
    calls = objects(message.get("tool_calls"), f"{at}.tool_calls")
    return Turn(role, parts + tuple(_call(one, f"{at}.tool_calls[{index}]") for index, one in enumerate(calls)))


def _parts(content: Any, at: str, losses: Losses) -> Iterator[Part]:
    if content is None or isinstance(content, str):
        if content:
            yield Text(content)
        return
    for index, part in enumerate(objects(content, at)):
        yield _part(part, f"{at}[{index}]", losses)


def _part(part: dict[str, Any], at: str, losses: Losses) -> Part:
    match part.get("type"):
        case "text":
            dropped(part, {"cache_control": "the upstream caches by its own rules"}, losses)
            return Text(text(part.get("text"), f"{at}.text"))
        case "refusal":
            return Text(text(part.get("refusal"), f"{at}.refusal"), refusal=True)
        case "image_url":
            image = an_object(part.get("image_url"), f"{at}.image_url")
            url = checked(text(image.get("url"), f"{at}.image_url.url"), f"{at}.image_url.url")
            return Image(url, detail(image.get("detail"), f"{at}.image_url.detail"))
        case "file":
            file = an_object(part.get("file"), f"{at}.file")
            url = checked(text(file.get("file_data"), f"{at}.file.file_data"), f"{at}.file.file_data")
            return File(url, text(file.get("filename"), f"{at}.file.filename"))
        case kind:
            raise refused(f"{at}.type", f"{kind!r} has no counterpart on the upstream's wire", "Send text, images or files.")


def _call(call: dict[str, Any], at: str) -> Call:
    freeform = call.get("type") == "custom"
    inner = an_object(call.get("custom" if freeform else "function"), at)
    arguments = text(inner.get("input" if freeform else "arguments"), at)
    return Call(text(call.get("id"), f"{at}.id"), text(inner.get("name"), f"{at}.name"), arguments, freeform)


def _tool(tool: dict[str, Any], at: str) -> Tool:
    kind = tool.get("type", "function")
    if kind not in ("function", "custom"):
        raise refused(f"{at}.type", f"{kind!r} has no counterpart on the upstream's wire", "Offer functions.")
    inner = an_object(tool.get(kind), f"{at}.{kind}")
    name, words = text(inner.get("name"), f"{at}.name"), text(inner.get("description"), f"{at}.description")
    if kind == "custom":
        form = an_object(inner.get("format"), f"{at}.format")
        syntax = {"type": "grammar", **an_object(form.get("grammar"), f"{at}.format.grammar")} if "grammar" in form else form
        return Tool(name, words, freeform=True, syntax=syntax or None)
    parameters = an_object(inner.get("parameters"), f"{at}.parameters")
    return Tool(name, words, parameters or None, flag(inner.get("strict"), f"{at}.strict"))


def _choice(value: Any) -> Choice | None:
    if value is None or value in ("auto", "none", "required"):
        return Choice(value) if value else None
    choice = an_object(value, "tool_choice")
    kind = choice.get("type")
    if kind not in ("function", "custom"):
        raise refused("tool_choice.type", f"{kind!r} has no counterpart on the upstream's wire", "Offer fewer tools instead.")
    name = text(an_object(choice.get(kind), "tool_choice").get("name"), "tool_choice.name")
    return Choice("required", name, freeform=kind == "custom")


def _shape(value: dict[str, Any]) -> Shape | None:
    match value.get("type", "text"):
        case "text":
            return None
        case "json_object":
            return Shape(None)
        case "json_schema":
            inner = an_object(value.get("json_schema"), "response_format.json_schema")
            return Shape(
                an_object(inner.get("schema"), "response_format.json_schema.schema"),
                text(inner.get("name"), "response_format.json_schema.name") or "reply",
                flag(inner.get("strict"), "response_format.json_schema.strict"),
                text(inner.get("description"), "response_format.json_schema.description"),
            )
        case kind:
            raise refused("response_format.type", f"{kind!r} is not known", "Use text, json_object or json_schema.")
