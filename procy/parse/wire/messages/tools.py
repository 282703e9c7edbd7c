"""Tools of the ``anthropic-messages`` wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from procy.parse.wire import flat
from procy.parse.wire.fields import Losses, an_object, dropped, flag, kept, refused, text
from procy.parse.wire.neutral import Choice, Request, Tool

DROPPED = {
    "cache_control": "the upstream caches by its own rules", "eager_input_streaming": "no counterpart",
    "defer_loading": "no counterpart", "input_examples": "no counterpart", "allowed_callers": "no counterpart",
}  # fmt: skip
MODES: dict[Any, Choice] = {"auto": Choice("auto"), "none": Choice("none"), "any": Choice("required")}


def read_tools(tools: Sequence[dict[str, Any]], choice: Choice | None, losses: Losses) -> tuple[Tool, ...]:
    """Tools that the client's provider runs, or whose schema only it knows, are left out, unless the model has to use one."""
    found: list[Tool] = []
    for at, tool in enumerate(tools):
        name = text(tool.get("name"), f"tools[{at}].name")
        if tool.get("type", "custom") not in ("custom", None):
            if choice and choice.name == name:
                raise refused("tool_choice.name", f"{name!r} is a tool of the client's provider", "Offer a tool of your own.")
            losses.note(f"tools.{tool['type']}", "a tool of the client's provider")
            continue
        dropped(tool, DROPPED, losses)
        schema = an_object(tool.get("input_schema"), f"tools[{at}].input_schema")
        words = text(tool.get("description"), f"tools[{at}].description")
        found.append(Tool(name, words, schema or None, flag(tool.get("strict"), f"tools[{at}].strict")))
    return tuple(found)


def read_choice(value: dict[str, Any]) -> tuple[Choice | None, bool | None]:
    """The choice, and whether several calls at once are allowed (None: nothing is said)."""
    single = flag(value.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use")
    parallel = None if single is None else not single
    if not value:
        return None, parallel
    if value.get("type") == "tool":
        return Choice("required", text(value.get("name"), "tool_choice.name")), parallel
    if text(value.get("type"), "tool_choice.type") not in MODES:
        raise refused("tool_choice.type", f"{value.get('type')!r} is not known", "Use auto, any, tool or none.")
    return MODES[value["type"]], parallel


def written_tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    if tool.freeform and (tool.syntax or {}).get("definition"):
        losses.note("tools.format", "a grammar is told in the tool's description, and not enforced")
    plain = flat.function_of(tool)
    return {"name": plain.name, "input_schema": plain.parameters} | kept(
        description=plain.description or None, strict=plain.strict
    )


def written_choice(request: Request) -> dict[str, Any] | None:
    choice, parallel = request.choice, request.parallel
    if choice is None and parallel is None:
        return None
    kinds = {"auto": "auto", "none": "none", "required": "any"}
    value: dict[str, Any] = {"type": kinds[choice.mode] if choice else "auto"}
    if choice and choice.name:
        value = {"type": "tool", "name": choice.name}
    if parallel is not None and value["type"] != "none":
        value["disable_parallel_tool_use"] = not parallel
    return value
