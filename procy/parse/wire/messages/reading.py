"""Requests of the ``anthropic-messages`` wire, POST /v1/messages and /v1/messages/count_tokens, read into the neutral form.

Shapes: Anthropic's API reference as its Python library 2.14 types it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from procy.parse.wire import efforts, seals
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
from procy.parse.wire.media import checked, data_url
from procy.parse.wire.messages.tools import read_choice, read_tools
from procy.parse.wire.neutral import Call, Effort, File, Image, Part, Reasoning, Request, Result, Role, Shape, Text, Turn, merged
from procy.parse.wire.texts import compact

READ = (
    "model", "messages", "system", "tools", "tool_choice", "max_tokens", "temperature", "top_p", "stop_sequences", "stream",
    "thinking", "output_config",
)  # fmt: skip
CACHING = {"cache_control": "the upstream caches by its own rules"}
DROPPED = CACHING | {
    "metadata": "an id of the client's provider", "service_tier": "of the client's provider", "top_k": "no counterpart",
    "context_management": "of the client's provider", "inference_geo": "of the client's provider", "speed": "no counterpart",
    "diagnostics": "of the client's provider", "user_profile_id": "an id of the client's provider",
    "workspace_id": "an id of the client's provider", "betas": "of the client's provider",
}  # fmt: skip
ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
REFUSED = {"mcp_servers": "Offer the servers' tools as functions.", "container": "Offer tools that run on your side."}


def read(body: dict[str, Any], losses: Losses, upstream: str) -> Request:
    """Seals are opened for ``upstream``. Raise ``WireError`` for what no other wire can say."""
    refuse(body, REFUSED)
    dropped(body, DROPPED, losses)
    unknown(body, (*READ, *DROPPED, *REFUSED), losses)
    choice, parallel = read_choice(an_object(body.get("tool_choice"), "tool_choice"))
    thinking = an_object(body.get("thinking"), "thinking")
    config = an_object(body.get("output_config"), "output_config")
    turns = [Turn("system", tuple(_parts(body.get("system"), "system", losses, upstream)))]
    turns += [_turn(one, f"messages[{at}]", losses, upstream) for at, one in enumerate(objects(body.get("messages"), "messages"))]
    return Request(
        model=text(body.get("model"), "model"),
        turns=merged(turns),
        tools=read_tools(objects(body.get("tools"), "tools"), choice, losses),
        choice=choice,
        parallel=parallel,
        max_tokens=whole_number(body.get("max_tokens"), "max_tokens"),
        temperature=number(body.get("temperature"), "temperature"),
        top_p=number(body.get("top_p"), "top_p"),
        stop=texts(body.get("stop_sequences"), "stop_sequences"),
        effort=_effort(config, thinking, losses),
        think=thinking["type"] != "disabled" if thinking.get("type") else None,
        shape=_shape(an_object(config.get("format"), "output_config.format")),
        stream=bool(flag(body.get("stream"), "stream")),
    )


def _effort(config: dict[str, Any], thinking: dict[str, Any], losses: Losses) -> Effort | None:
    if config.get("effort") is not None:
        return efforts.effort(config["effort"], "output_config.effort")
    budget = whole_number(thinking.get("budget_tokens"), "thinking.budget_tokens")
    if budget is None:
        return None
    losses.note("thinking.budget_tokens", f"{budget} is {efforts.of_budget(budget)} effort there")
    return efforts.of_budget(budget)


def _shape(value: dict[str, Any]) -> Shape | None:
    if not value:
        return None
    if value.get("type") != "json_schema":
        raise refused("output_config.format.type", f"{value.get('type')!r} is not known", "Use json_schema.")
    return Shape(an_object(value.get("schema"), "output_config.format.schema"), strict=True)


def _turn(message: dict[str, Any], at: str, losses: Losses, upstream: str) -> Turn:
    role = ROLES.get(text(message.get("role"), f"{at}.role"))
    if role is None:
        raise refused(f"{at}.role", f"{message.get('role')!r} is not known", "Use user or assistant.")
    return Turn(role, tuple(_parts(message.get("content"), f"{at}.content", losses, upstream)))


def _parts(content: Any, at: str, losses: Losses, upstream: str) -> Iterator[Part]:
    if content is None or isinstance(content, str):
        if content:
            yield Text(content)
        return
    for index, block in enumerate(objects(content, at)):
        part = _part(block, f"{at}[{index}]", losses, upstream)
        if part is not None:
            yield part


def _part(block: dict[str, Any], at: str, losses: Losses, upstream: str) -> Part | None:
    dropped(block, CACHING | {"citations": "no counterpart"}, losses)
    match block.get("type"):
        case "text":
            return Text(text(block.get("text"), f"{at}.text"))
        case "image":
            return Image(_source(an_object(block.get("source"), f"{at}.source"), f"{at}.source"))
        case "document":
            return _document(block, at)
        case "tool_use":
            arguments = an_object(block.get("input"), f"{at}.input")
            return Call(text(block.get("id"), f"{at}.id"), text(block.get("name"), f"{at}.name"), compact(arguments))
        case "tool_result":
            return _result(block, at, losses, upstream)
        case "thinking" | "redacted_thinking":
            return _reasoning(block, losses, upstream)
        case "server_tool_use" | "web_search_tool_result" | "web_fetch_tool_result" | "tool_reference":
            losses.note(str(block["type"]), "of a tool that the client's provider runs")
            return None
        case kind:
            raise refused(f"{at}.type", f"{kind!r} has no counterpart on the upstream's wire", "Send text, images or documents.")


def _source(source: dict[str, Any], at: str) -> str:
    if source.get("type") == "base64":
        return data_url(text(source.get("media_type"), f"{at}.media_type"), text(source.get("data"), f"{at}.data"))
    if source.get("type") == "url":
        return checked(text(source.get("url"), f"{at}.url"), f"{at}.url")
    raise refused(f"{at}.type", f"{source.get('type')!r} lies with the client's provider", "Send the content as base64.")


def _document(block: dict[str, Any], at: str) -> Part:
    source = an_object(block.get("source"), f"{at}.source")
    if source.get("type") == "text":
        return Text(text(source.get("data"), f"{at}.source.data"))
    return File(_source(source, f"{at}.source"), text(block.get("title"), f"{at}.title"))


def _result(block: dict[str, Any], at: str, losses: Losses, upstream: str) -> Result:
    parts = tuple(_parts(block.get("content"), f"{at}.content", losses, upstream))
    if not all(isinstance(part, Text | Image | File) for part in parts):
        raise refused(f"{at}.content", "holds more than text, images and documents", "Give the result as text.")
    failed = bool(flag(block.get("is_error"), f"{at}.is_error"))
    return Result(text(block.get("tool_use_id"), f"{at}.tool_use_id"), parts, failed)  # type: ignore[arg-type]


def _reasoning(block: dict[str, Any], losses: Losses, upstream: str) -> Reasoning | None:
    """Reasoning goes back only to the wire whose model thought it."""
    kept_seal = text(block.get("signature") or block.get("data"), "signature")
    found = seals.homeward(upstream, kept_seal)
    if found is None:
        losses.note("thinking", "it is another provider's, and goes back to no other")
        return None
    seal, hidden = found
    return Reasoning("" if hidden else text(block.get("thinking"), "thinking"), seal, hidden)
