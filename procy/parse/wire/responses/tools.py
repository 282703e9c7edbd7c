"""Tools of the ``openai-responses`` wire: functions, freeform tools, and namespaces of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from procy.parse.wire.fields import Losses, an_object, flag, kept, objects, refused, text
from procy.parse.wire.neutral import Choice, Tool


def read_tools(tools: Sequence[dict[str, Any]], choice: Choice | None, losses: Losses) -> tuple[Tool, ...]:
    """Tools that the client's provider runs are left out."""
    found: list[Tool] = []
    for at, tool in enumerate(tools):
        match tool.get("type"):
            case "function" | "custom":
                found.append(_tool(tool, f"tools[{at}]", ""))
            case "namespace":
                space = text(tool.get("name"), f"tools[{at}].name")
                inner = objects(tool.get("tools"), f"tools[{at}].tools")
                found += [_tool(one, f"tools[{at}].tools[{index}]", space) for index, one in enumerate(inner)]
            case kind:
                losses.note(f"tools.{kind}", "a tool of the client's provider")
    return tuple(found)


def _tool(tool: dict[str, Any], at: str, namespace: str) -> Tool:
    name, words = text(tool.get("name"), f"{at}.name"), text(tool.get("description"), f"{at}.description")
    if tool.get("type") == "custom":
        syntax = an_object(tool.get("format"), f"{at}.format")
        return Tool(name, words, freeform=True, syntax=syntax or None, namespace=namespace)
    parameters = an_object(tool.get("parameters"), f"{at}.parameters")
    return Tool(name, words, parameters or None, flag(tool.get("strict"), f"{at}.strict"), namespace=namespace)


def read_choice(value: Any) -> Choice | None:
    if value is None or value in ("auto", "none", "required"):
        return Choice(value) if value else None
    choice = an_object(value, "tool_choice")
    if choice.get("type") not in ("function", "custom"):
        remedy = "Offer a tool of your own, or fewer tools."
        raise refused("tool_choice.type", f"{choice.get('type')!r} has no counterpart on the upstream's wire", remedy)
    return Choice("required", text(choice.get("name"), "tool_choice.name"), freeform=choice["type"] == "custom")


def written_tool(tool: Tool) -> dict[str, Any]:
    """``strict`` is always said: this wire's default is another one."""
    if tool.freeform:
        return {"type": "custom", "name": tool.name} | kept(description=tool.description or None, format=tool.syntax)
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"type": "function", "name": tool.name, "parameters": parameters, "strict": bool(tool.strict)}
    return function | kept(description=tool.description or None)


def written_choice(choice: Choice | None) -> str | dict[str, Any] | None:
    if choice is None or not choice.name:
        return choice.mode if choice else None
    return {"type": "custom" if choice.freeform else "function", "name": choice.name}
