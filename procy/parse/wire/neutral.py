"""What all wires say, in one form: a request, a reply, and the events of a streamed reply.

Readers of a wire make these, writers of another wire write them. Texts are whole and opaque things stay opaque: ids of calls,
and seals (what a provider signs or encrypts of its model's reasoning, see ``seals``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from procy.types import Usage

Role = Literal["system", "user", "assistant"]
Stop = Literal["end", "length", "stop_sequence", "tool_use", "refusal", "pause"]
Mode = Literal["auto", "none", "required"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True, slots=True)
class Text:
    """``refusal``: the model says why it does not answer."""

    text: str
    refusal: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """``url``: of https, or of data with its media type and base64. ``detail``: how closely to look, where a wire says it."""

    url: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A document; ``url`` as of an image."""

    url: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """``seal``: opaque, for the provider that made it; ``hidden``: the text is inside the seal only."""

    text: str
    seal: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """``arguments``: JSON text of an object as the model wrote it, or, of a ``freeform`` tool, any text."""

    id: str
    name: str
    arguments: str = ""
    freeform: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave. ``freeform`` as of its call."""

    call_id: str
    parts: tuple[Text | Image | File, ...]
    failed: bool = False
    freeform: bool = False


Part = Text | Image | File | Reasoning | Call | Result


@dataclass(frozen=True, slots=True)
class Turn:
    """Results of tools are parts of the user's turn. Of two neighbours the roles differ, see ``merged``."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """``parameters``: a JSON schema. ``syntax``: of a freeform tool, the grammar as its wire has it."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    freeform: bool = False
    syntax: dict[str, Any] | None = None
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether tools may, must not or must be used; ``name``: only that one."""

    mode: Mode
    name: str = ""
    freeform: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """The answer is JSON: of any form (``schema`` is None), or as the schema says."""

    schema: dict[str, Any] | None
    name: str = "reply"
    strict: bool | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``think``: whether reasoning is asked for, None where nothing is said. ``usage_wanted``: a streaming client of chat
    gets usage only where it asked."""

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: Choice | None = None
    parallel: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    effort: Effort | None = None
    think: bool | None = None
    shape: Shape | None = None
    verbosity: str = ""
    stream: bool = False
    usage_wanted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    id: str
    model: str
    parts: tuple[Text | Reasoning | Call, ...]
    stop: Stop = "end"
    stop_sequence: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a client is told beside the reply: when it began (``created``, seconds since 1970), whose it is (the wire of the
    ``upstream``), and what the request said. ``identity``: for replies that have no id of their own."""

    created: int
    upstream: str
    identity: str
    tool_choice: Any = "auto"
    parallel: bool = True
    usage_wanted: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of the upstream; ``kind`` is the type as its wire names it. ``status`` is HTTP's."""

    status: int
    message: str
    kind: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """The first event; ``usage`` as far as it is known then."""

    id: str
    model: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Opened:
    """Part number ``index``, counted from 0, begins. ``part`` has no text yet. One part is open at a time."""

    index: int
    part: Text | Reasoning | Call


@dataclass(frozen=True, slots=True)
class Grown:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Sealed:
    index: int
    seal: str


@dataclass(frozen=True, slots=True)
class Closed:
    index: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of a reply that came whole."""

    stop: Stop
    stop_sequence: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Failed:
    """The last event of one that did not."""

    failure: Failure


Event = Begun | Opened | Grown | Sealed | Closed | Ended | Failed


def merged(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Neighbours of one role are one turn, and turns without parts are none."""
    result: list[Turn] = []
    for turn in turns:
        if result and result[-1].role == turn.role:
            result[-1] = Turn(turn.role, result[-1].parts + turn.parts)
        elif turn.parts:
            result.append(turn)
    return tuple(result)


def settled(stop: Stop, parts: Iterable[Part]) -> Stop:
    """Why the model stopped; some upstreams say "end" although they call tools."""
    return "tool_use" if stop == "end" and any(isinstance(part, Call) for part in parts) else stop


def as_object(arguments: str) -> dict[str, Any] | None:
    """The JSON object that a call's arguments are; none are an empty one; None where they are no object."""
    try:
        value = json.loads(arguments) if arguments.strip() else {}
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
