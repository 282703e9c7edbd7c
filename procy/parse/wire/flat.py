"""Tools for wires that know functions only: a freeform tool is one with a single string, a namespace a part of the name.

``unwrapped`` makes the calls again what the client's own wire calls them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from procy.parse.wire.fields import Losses
from procy.parse.wire.neutral import Call, Closed, Event, Grown, Opened, Part, Text, Tool, as_object

INPUT = "input"
WORDS = "Give the tool's whole input as the string `input`."


@dataclass(frozen=True, slots=True)
class Names:
    """Of the tools that a request was made flat of: what each is on the client's wire, by its flat name."""

    tools: Mapping[str, Tool] = field(default_factory=dict)


def names_of(tools: Sequence[Tool]) -> Names:
    return Names({name_of(tool): tool for tool in tools if tool.freeform or tool.namespace})


def name_of(tool: Tool | Call) -> str:
    return f"{tool.namespace}__{tool.name}" if tool.namespace else tool.name


def function_of(tool: Tool) -> Tool:
    """The tool as a function with a flat name."""
    empty = {"type": "object", "properties": {}}
    if not tool.freeform:
        return replace(tool, name=name_of(tool), namespace="", parameters=tool.parameters or empty)
    rules = (tool.syntax or {}).get("definition")
    grammar = f"It must match this grammar:\n{rules}" if rules else ""
    parameters = {"type": "object", "properties": {INPUT: {"type": "string"}}, "required": [INPUT], "additionalProperties": False}
    words = "\n\n".join(part for part in (tool.description, WORDS, grammar) if part)
    return Tool(name_of(tool), words, parameters)


def told(failed: bool, parts: Sequence[Text], losses: Losses) -> list[Part]:
    """The texts of a result for a wire that has no mark for failed ones: the text says it."""
    if not failed:
        return list(parts)
    losses.note("tool_result.is_error", "the text says it instead")
    first, *rest = parts or [Text("")]
    return [first if first.text.lower().startswith("error") else Text(f"Error: {first.text}"), *rest]


def unwrapped(call: Call, names: Names) -> Call:
    tool = names.tools.get(call.name)
    if tool is None:
        return call
    known = replace(call, name=tool.name, namespace=tool.namespace, freeform=tool.freeform)
    return replace(known, arguments=freed(call.arguments)) if tool.freeform else known


def freed(arguments: str) -> str:
    """The input of a freeform tool, of a function's arguments; as they are where the model did not keep to the form."""
    value = (as_object(arguments) or {}).get(INPUT)
    return value if isinstance(value, str) else arguments


class Unwrapping:
    """The same for a stream: the input of a freeform tool comes in one piece, when it is whole."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.held: dict[int, list[str]] = {}

    def take(self, event: Event) -> Iterator[Event]:
        match event:
            case Opened(index, Call() as call):
                known = unwrapped(call, self.names)
                if known.freeform and not call.freeform:
                    self.held[index] = []
                    known = replace(known, arguments="")
                yield Opened(index, known)
            case Grown(index, text) if index in self.held:
                self.held[index].append(text)
            case Closed(index) if index in self.held:
                if whole := freed("".join(self.held.pop(index))):
                    yield Grown(index, whole)
                yield event
            case _:
                yield event
