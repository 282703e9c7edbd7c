"""Requests of the ``openai-responses`` wire, POST /v1/responses and /v1/responses/input_tokens, read into the neutral form.

Shapes: OpenAI's API reference as its Python library 3.57 types it, and what Codex 0.169.0 sends.
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
    unknown,
    whole_number,
)
from procy.parse.wire.media import checked, detail
from procy.parse.wire.neutral import Call, Effort, File, Image, Part, Reasoning, Request, Result, Role, Shape, Text, Turn, merged
from procy.parse.wire.responses.tools import read_choice, read_tools

READ = (
    "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "temperature",
    "top_p", "reasoning", "text", "stream",
)  # fmt: skip
DROPPED = {
    "user": "an id of the client's provider", "safety_identifier": "an id of the client's provider",
    "metadata": "for the client's provider", "store": "the answer is kept by no provider",
    "service_tier": "of the client's provider", "include": "of the client's provider", "truncation": "no counterpart",
    "prompt_cache_key": "the upstream caches by its own rules", "prompt_cache_retention": "the upstream caches by its own rules",
    "prompt_cache_options": "the upstream caches by its own rules", "stream_options": "no counterpart",
    "client_metadata": "for the client's provider", "access_programs": "of the client's provider",
    "moderation": "of the client's provider", "context_management": "of the client's provider", "image": "no counterpart",
    "background_options": "no counterpart", "max_tool_calls": "counts tools of the client's provider only",
}  # fmt: skip
REFUSED = {
    "previous_response_id": "Send the whole conversation as input.", "conversation": "Send the whole conversation as input.",
    "prompt": "Send the prompt's text as input.", "background": "Leave it out.", "top_logprobs": "Leave it out.",
}  # fmt: skip
HOSTED = (
    "web_search_call", "file_search_call", "computer_call", "computer_call_output", "code_interpreter_call",
    "image_generation_call", "mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response",
    "tool_search_call", "tool_search_output",
)  # fmt: skip
ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def read(body: dict[str, Any], losses: Losses, upstream: str) -> Request:
    """Seals are opened for ``upstream``. Raise ``WireError`` for what no other wire can say."""
    refuse(body, REFUSED)
    dropped(body, DROPPED, losses)
    unknown(body, (*READ, *DROPPED, *REFUSED), losses)
    reasoning, form = an_object(body.get("reasoning"), "reasoning"), an_object(body.get("text"), "text")
    choice = read_choice(body.get("tool_choice"))
    effort = efforts.effort(reasoning.get("effort"), "reasoning.effort")
    instructions = text(body.get("instructions"), "instructions")
    return Request(
        model=text(body.get("model"), "model"),
        turns=merged(
            [Turn("system", (Text(instructions),) if instructions else ()), *_turns(body.get("input"), losses, upstream)]
        ),
        tools=read_tools(objects(body.get("tools"), "tools"), choice, losses),
        choice=choice,
        parallel=flag(body.get("parallel_tool_calls"), "parallel_tool_calls"),
        max_tokens=whole_number(body.get("max_output_tokens"), "max_output_tokens"),
        temperature=number(body.get("temperature"), "temperature"),
        top_p=number(body.get("top_p"), "top_p"),
        effort=effort,
        think=_think(reasoning, effort),
        shape=_shape(an_object(form.get("format"), "text.format")),
        verbosity=text(form.get("verbosity"), "text.verbosity"),
        stream=bool(flag(body.get("stream"), "stream")),
    )


def _think(reasoning: dict[str, Any], effort: Effort | None) -> bool | None:
    if effort is not None:
        return effort != "none"
    return True if text(reasoning.get("summary"), "reasoning.summary") else None


def _shape(form: dict[str, Any]) -> Shape | None:
    match form.get("type", "text"):
        case "text":
            return None
        case "json_object":
            return Shape(None)
        case "json_schema":
            return Shape(
                an_object(form.get("schema"), "text.format.schema"),
                text(form.get("name"), "text.format.name") or "reply",
                flag(form.get("strict"), "text.format.strict"),
                text(form.get("description"), "text.format.description"),
            )
        case kind:
            raise refused("text.format.type", f"{kind!r} is not known", "Use text, json_object or json_schema.")


def _turns(value: Any, losses: Losses, upstream: str) -> Iterator[Turn]:
    if isinstance(value, str):
        yield Turn("user", (Text(value),))
        return
    for at, item in enumerate(objects(value, "input")):
        turn = _turn(item, f"input[{at}]", losses, upstream)
        if turn is not None:
            yield turn


def _turn(item: dict[str, Any], at: str, losses: Losses, upstream: str) -> Turn | None:
    match item.get("type", "message"):
        case "message":
            role = ROLES.get(text(item.get("role"), f"{at}.role"))
            if role is None:
                raise refused(f"{at}.role", f"{item.get('role')!r} is not known", "Use system, user or assistant.")
            return Turn(role, tuple(_parts(item.get("content"), f"{at}.content")))
        case "function_call" | "custom_tool_call" as kind:
            freeform = kind == "custom_tool_call"
            arguments = text(item.get("input" if freeform else "arguments"), at)
            names = text(item.get("name"), f"{at}.name"), text(item.get("namespace"), f"{at}.namespace")
            call = Call(text(item.get("call_id"), f"{at}.call_id"), names[0], arguments, freeform, names[1])
            return Turn("assistant", (call,))
        case "function_call_output" | "custom_tool_call_output" as kind:
            parts = tuple(_parts(item.get("output"), f"{at}.output"))
            result = Result(text(item.get("call_id"), f"{at}.call_id"), parts, freeform=kind == "custom_tool_call_output")  # type: ignore[arg-type]
            return Turn("user", (result,))
        case "reasoning":
            return _reasoning(item, losses, upstream)
        case kind if kind in HOSTED:
            losses.note(kind, "of a tool that the client's provider runs")
            return None
        case kind:
            raise refused(
                f"{at}.type", f"{kind!r} has no counterpart on the upstream's wire", "Send messages and calls of functions."
            )


def _reasoning(item: dict[str, Any], losses: Losses, upstream: str) -> Turn | None:
    """Reasoning goes back only to the wire whose model thought it."""
    found = seals.homeward(upstream, text(item.get("encrypted_content"), "encrypted_content"))
    if found is None:
        losses.note("reasoning", "it is another provider's, and goes back to no other")
        return None
    seal, hidden = found
    summary = "\n\n".join(text(one.get("text"), "summary.text") for one in objects(item.get("summary"), "summary"))
    return Turn("assistant", (Reasoning("" if hidden else summary, seal, hidden),))


def _parts(content: Any, at: str) -> Iterator[Part]:
    if content is None or isinstance(content, str):
        if content:
            yield Text(content)
        return
    for index, part in enumerate(objects(content, at)):
        yield _part(part, f"{at}[{index}]")


def _part(part: dict[str, Any], at: str) -> Part:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return Text(text(part.get("text"), f"{at}.text"))
        case "refusal":
            return Text(text(part.get("refusal"), f"{at}.refusal"), refusal=True)
        case "input_image":
            url = checked(text(part.get("image_url"), f"{at}.image_url"), f"{at}.image_url")
            return Image(url, detail(part.get("detail"), f"{at}.detail"))
        case "input_file":
            url = text(part.get("file_data") or part.get("file_url"), f"{at}.file_data")
            return File(checked(url, f"{at}.file_data"), text(part.get("filename"), f"{at}.filename"))
        case kind:
            raise refused(f"{at}.type", f"{kind!r} has no counterpart on the upstream's wire", "Send text, images or files.")
