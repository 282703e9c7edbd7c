"""The wires that procy translates between: what each has, under one set of names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from procy.errors import WireError
from procy.parse.wire.chat import reading as chat_reading
from procy.parse.wire.chat import reply as chat_reply
from procy.parse.wire.chat import stream as chat_stream
from procy.parse.wire.chat import writing as chat_writing
from procy.parse.wire.fields import Losses
from procy.parse.wire.messages import reading as messages_reading
from procy.parse.wire.messages import reply as messages_reply
from procy.parse.wire.messages import stream as messages_stream
from procy.parse.wire.messages import writing as messages_writing
from procy.parse.wire.neutral import Event, Reply, Request, Told
from procy.parse.wire.responses import reading as responses_reading
from procy.parse.wire.responses import reply as responses_reply
from procy.parse.wire.responses import stream as responses_stream
from procy.parse.wire.responses import writing as responses_writing


class StreamReader(Protocol):
    def take(self, value: dict[str, Any]) -> Iterator[Event]: ...

    def finish(self) -> Iterator[Event]: ...


class StreamWriter(Protocol):
    def take(self, change: Event) -> bytes: ...


@dataclass(frozen=True)
class Dialect:
    """``counting``: the path that counts tokens, and the fields that it takes; "" where the wire has none. ``functions_only``:
    it has no freeform tools and no namespaces that servers agree on. ``holds``: the field without which it is no reply."""

    wire: str
    path: str
    counting: str
    counted: tuple[str, ...]
    functions_only: bool
    holds: str
    read_request: Callable[[dict[str, Any], Losses, str], Request]
    write_request: Callable[[Request, Losses, Sequence[str]], dict[str, Any]]
    read_reply: Callable[[dict[str, Any]], Reply]
    write_reply: Callable[[Reply, Told], dict[str, Any]]
    reader: Callable[[], StreamReader]
    writer: Callable[[Told], StreamWriter]


DIALECTS = {
    dialect.wire: dialect
    for dialect in (
        Dialect(
            wire="anthropic-messages",
            path="/v1/messages",
            counting="/v1/messages/count_tokens",
            counted=("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
            functions_only=True,
            holds="content",
            read_request=messages_reading.read,
            write_request=messages_writing.write,
            read_reply=messages_reply.read,
            write_reply=messages_reply.write,
            reader=messages_stream.Reader,
            writer=messages_stream.Writer,
        ),
        Dialect(
            wire="openai-chat",
            path="/v1/chat/completions",
            counting="",
            counted=(),
            functions_only=True,
            holds="choices",
            read_request=chat_reading.read,
            write_request=chat_writing.write,
            read_reply=chat_reply.read,
            write_reply=chat_reply.write,
            reader=chat_stream.Reader,
            writer=chat_stream.Writer,
        ),
        Dialect(
            wire="openai-responses",
            path="/v1/responses",
            counting="/v1/responses/input_tokens",
            counted=("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text"),
            functions_only=False,
            holds="output",
            read_request=responses_reading.read,
            write_request=responses_writing.write,
            read_reply=responses_reply.read,
            write_reply=responses_reply.write,
            reader=responses_stream.Reader,
            writer=responses_stream.Writer,
        ),
    )
}


def dialect_of(wire: str) -> Dialect:
    if wire not in DIALECTS:
        raise WireError(
            f"{wire} cannot be translated", f"Use an upstream whose wire the client speaks, or one of {', '.join(DIALECTS)}."
        )
    return DIALECTS[wire]
