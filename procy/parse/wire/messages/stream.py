"""Streams of the ``anthropic-messages`` wire.

A block is started, grows by deltas, and is stopped; the message's end comes in ``message_delta``, with the whole usage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from procy.parse.wire import errors, flat, seals
from procy.parse.wire.fields import mapping, place, string
from procy.parse.wire.gathering import emptied
from procy.parse.wire.messages.reply import REASONS, STOPS, WIRE, read_block, written_usage
from procy.parse.wire.neutral import (
    Begun,
    Call,
    Closed,
    Ended,
    Event,
    Failed,
    Grown,
    Opened,
    Reasoning,
    Sealed,
    Stop,
    Text,
    Told,
    settled,
)
from procy.parse.wire.texts import event
from procy.parse.wire.usage import merge, usage_of


class Reader:
    """Makes neutral events of the objects of the wire's events, in their order."""

    def __init__(self) -> None:
        self.usage: dict[str, Any] = {}
        self.open: dict[int, tuple[int, Text | Reasoning | Call]] = {}  # by the wire's index
        self.count = 0
        self.calls: list[Call] = []
        self.stop: Stop = "end"
        self.stop_sequence = ""
        self.handlers: dict[str, Callable[[dict[str, Any]], Iterator[Event]]] = {
            "message_start": self._start, "content_block_start": self._open, "content_block_delta": self._delta,
            "content_block_stop": self._close, "message_delta": self._change, "message_stop": self._end, "error": self._error,
        }  # fmt: skip

    def take(self, value: dict[str, Any]) -> Iterator[Event]:
        handler = self.handlers.get(string(value.get("type")))
        if handler:
            yield from handler(value)

    def finish(self) -> Iterator[Event]:
        """The stream is over without its last event."""
        yield from ()

    def _start(self, value: dict[str, Any]) -> Iterator[Event]:
        message = mapping(value.get("message"))
        merge(self.usage, mapping(message.get("usage")))
        yield Begun(string(message.get("id")), string(message.get("model")), usage_of(WIRE, self.usage))

    def _open(self, value: dict[str, Any]) -> Iterator[Event]:
        part = read_block(mapping(value.get("content_block")))
        if part is None:
            return
        index, self.count = self.count, self.count + 1
        self.open[place(value.get("index"))] = index, part
        if isinstance(part, Call):
            self.calls.append(part)
        yield Opened(index, emptied(part))
        text = part.arguments if isinstance(part, Call) else part.text
        if text:
            yield Grown(index, text)

    def _delta(self, value: dict[str, Any]) -> Iterator[Event]:
        found = self.open.get(place(value.get("index")))
        if found is None:
            return
        delta = mapping(value.get("delta"))
        text = string(delta.get("text") or delta.get("thinking") or delta.get("partial_json"))
        if text:
            yield Grown(found[0], text)
        if seal := string(delta.get("signature")):
            yield Sealed(found[0], seal)

    def _close(self, value: dict[str, Any]) -> Iterator[Event]:
        found = self.open.pop(place(value.get("index")), None)
        if found is not None:
            yield Closed(found[0])

    def _change(self, value: dict[str, Any]) -> Iterator[Event]:
        delta = mapping(value.get("delta"))
        self.stop = STOPS.get(string(delta.get("stop_reason")), self.stop)
        self.stop_sequence = string(delta.get("stop_sequence"))
        merge(self.usage, mapping(value.get("usage")))
        yield from ()

    def _end(self, value: dict[str, Any]) -> Iterator[Event]:
        yield Ended(settled(self.stop, self.calls), self.stop_sequence, usage_of(WIRE, self.usage))

    def _error(self, value: dict[str, Any]) -> Iterator[Event]:
        yield Failed(errors.read_object(value))


class Writer:
    """Makes the wire's bytes of neutral events."""

    def __init__(self, told: Told) -> None:
        self.upstream = told.upstream
        self.sealed = False
        self.part: Text | Reasoning | Call = Text("")

    def take(self, change: Event) -> bytes:
        match change:
            case Begun():
                message: dict[str, Any] = {
                    "id": change.id, "type": "message", "role": "assistant", "model": change.model, "content": [],
                    "stop_reason": None, "stop_sequence": None, "usage": written_usage(change.usage),
                }  # fmt: skip
                return _event({"type": "message_start", "message": message})
            case Opened():
                self.part, self.sealed = change.part, False
                return _event({"type": "content_block_start", "index": change.index, "content_block": self._opening(change.part)})
            case Grown():
                return self._delta(change.index, self._grown(change.text))
            case Sealed():
                self.sealed = True
                seal = seals.outward(self.upstream, change.seal)
                return self._delta(change.index, {"type": "signature_delta", "signature": seal})
            case Closed():
                return self._last(change.index) + _event({"type": "content_block_stop", "index": change.index})
            case Ended():
                delta = {"stop_reason": REASONS[change.stop], "stop_sequence": change.stop_sequence or None}
                end = {"type": "message_delta", "delta": delta, "usage": written_usage(change.usage)}
                return _event(end) + _event({"type": "message_stop"})
            case Failed():
                return _event(errors.written(WIRE, change.failure))

    def _opening(self, part: Text | Reasoning | Call) -> dict[str, Any]:
        match part:
            case Text():
                return {"type": "text", "text": ""}
            case Reasoning(hidden=True):
                return {"type": "redacted_thinking", "data": seals.outward(self.upstream, part.seal, hidden=True)}
            case Reasoning():
                return {"type": "thinking", "thinking": "", "signature": ""}
            case Call():
                return {"type": "tool_use", "id": part.id, "name": flat.name_of(part), "input": {}}

    def _grown(self, text: str) -> dict[str, Any]:
        match self.part:
            case Text():
                return {"type": "text_delta", "text": text}
            case Reasoning():
                return {"type": "thinking_delta", "thinking": text}
            case Call():
                return {"type": "input_json_delta", "partial_json": text}

    def _last(self, index: int) -> bytes:
        """Reasoning that got no seal is marked all the same, so that it is known when the client sends it back."""
        if not isinstance(self.part, Reasoning) or self.part.hidden or self.sealed:
            return b""
        return self._delta(index, {"type": "signature_delta", "signature": seals.outward(self.upstream, "")})

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return _event({"type": "content_block_delta", "index": index, "delta": delta})


def _event(value: dict[str, Any]) -> bytes:
    return event(value, value["type"])
