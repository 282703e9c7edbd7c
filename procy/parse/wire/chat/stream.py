"""Streams of the ``openai-chat`` wire: chunks with deltas of one message, then one with the usage, then ``[DONE]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from procy.parse.wire import errors, flat
from procy.parse.wire.chat.reply import REASONING, REASONS, STOPS, WIRE, written_usage
from procy.parse.wire.fields import listing, mapping, place, string
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
    as_object,
    settled,
)
from procy.parse.wire.texts import event
from procy.parse.wire.usage import merge, usage_of

DONE = b"data: [DONE]\n\n"


class Pending:
    """A call and the pieces of its arguments so far."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.pieces: list[str] = []

    @property
    def is_whole(self) -> bool:
        return bool(self.pieces) and as_object("".join(self.pieces)) is not None


class Reader:
    """Makes neutral events of chunks. Calls that a server streams among each other come one after the other."""

    def __init__(self) -> None:
        self.usage: dict[str, Any] = {}
        self.begun = False
        self.count = 0
        self.open: Text | Reasoning | Call | None = None
        self.queue: list[Pending] = []  # the first one is open
        self.latest: dict[int, Pending] = {}  # by the wire's index
        self.called: list[Call] = []
        self.refused = False
        self.stop: Stop | None = None

    def take(self, value: dict[str, Any]) -> Iterator[Event]:
        if value.get("error"):
            yield Failed(errors.read_object(value))
            return
        if not self.begun:
            self.begun = True
            yield Begun(string(value.get("id")), string(value.get("model")))
        merge(self.usage, mapping(value.get("usage")))
        for choice in listing(value.get("choices"))[:1]:
            yield from self._delta(mapping(choice.get("delta")))
            if reason := string(choice.get("finish_reason")):
                self.stop = STOPS.get(reason, "end")

    def finish(self) -> Iterator[Event]:
        """The stream is over; without a reason to stop it was cut."""
        if self.stop is None:
            return
        while self.queue:
            yield from self._next_call()
        yield from self._close()
        stop: Stop = "refusal" if self.refused and self.stop == "end" else settled(self.stop, self.called)
        yield Ended(stop, usage=usage_of(WIRE, self.usage))

    def _delta(self, delta: dict[str, Any]) -> Iterator[Event]:
        thought = next((text for name in REASONING if (text := string(delta.get(name)))), "")
        if thought:
            yield from self._grow(Reasoning(""), thought)
        if text := string(delta.get("content")):
            yield from self._grow(Text(""), text)
        if text := string(delta.get("refusal")):
            self.refused = True
            yield from self._grow(Text("", refusal=True), text)
        for call in listing(delta.get("tool_calls")):
            yield from self._call(call)

    def _grow(self, part: Text | Reasoning, text: str) -> Iterator[Event]:
        if self.open != part:
            while self.queue:
                yield from self._next_call()
            yield from self._close()
            yield self._opened(part)
        yield Grown(self.count - 1, text)

    def _opened(self, part: Text | Reasoning | Call) -> Event:
        self.open, self.count = part, self.count + 1
        return Opened(self.count - 1, part)

    def _close(self) -> Iterator[Event]:
        if self.open is not None:
            self.open = None
            yield Closed(self.count - 1)

    def _call(self, value: dict[str, Any]) -> Iterator[Event]:
        inner, pending = mapping(value.get("function")), self._pending(value)
        if pending is None:
            pending = Pending(Call(string(value.get("id")), string(inner.get("name"))))
            self.latest[place(value.get("index"))] = pending
            self.called.append(pending.call)
            self.queue.append(pending)
            if len(self.queue) == 1:
                yield from self._close()
                yield self._opened(pending.call)
        if piece := string(inner.get("arguments")):
            pending.pieces.append(piece)
            if self.queue and pending is self.queue[0]:
                yield Grown(self.count - 1, piece)
        while len(self.queue) > 1 and self.queue[0].is_whole:
            yield from self._next_call()

    def _pending(self, value: dict[str, Any]) -> Pending | None:
        """The call that a piece belongs to, None for a new one. Some servers give all calls one index, or none, and ids that
        differ."""
        found, identity = self.latest.get(place(value.get("index"))), string(value.get("id"))
        return None if found and identity and identity != found.call.id else found

    def _next_call(self) -> Iterator[Event]:
        """The open call ends, and the one that waited behind it opens with what came of it."""
        self.queue.pop(0)
        yield from self._close()
        if self.queue:
            pending = self.queue[0]
            yield self._opened(pending.call)
            if pending.pieces:
                yield Grown(self.count - 1, "".join(pending.pieces))


class Writer:
    """Makes the wire's bytes of neutral events."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.head: dict[str, Any] = {}
        self.part: Text | Reasoning | Call = Text("")
        self.calls = 0

    def take(self, change: Event) -> bytes:
        match change:
            case Begun():
                self.head = {
                    "id": change.id,
                    "object": "chat.completion.chunk",
                    "created": self.told.created,
                    "model": change.model,
                }
                return self._chunk({"role": "assistant", "content": ""})
            case Opened():
                self.part = change.part
                return self._opening(change.part)
            case Grown():
                return self._chunk(self._grown(change.text))
            case Ended():
                tail = self._usage(change) if self.told.usage_wanted else b""
                return self._chunk({}, REASONS[change.stop]) + tail + DONE
            case Failed():
                return event(errors.written(WIRE, change.failure))
            case Sealed() | Closed():
                return b""

    def _opening(self, part: Text | Reasoning | Call) -> bytes:
        if not isinstance(part, Call):
            return b""
        self.calls += 1
        inner: dict[str, Any] = {"type": "function", "function": {"name": flat.name_of(part), "arguments": ""}}
        if part.freeform:
            inner = {"type": "custom", "custom": {"name": part.name, "input": ""}}
        return self._chunk({"tool_calls": [{"index": self.calls - 1, "id": part.id, **inner}]})

    def _grown(self, text: str) -> dict[str, Any]:
        match self.part:
            case Text(refusal=True):
                return {"refusal": text}
            case Text():
                return {"content": text}
            case Reasoning():
                return {"reasoning_content": text}
            case Call(freeform=True):
                return {"tool_calls": [{"index": self.calls - 1, "custom": {"input": text}}]}
            case Call():
                return {"tool_calls": [{"index": self.calls - 1, "function": {"arguments": text}}]}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return event(self.head | {"choices": [choice]})

    def _usage(self, ended: Ended) -> bytes:
        return event(self.head | {"choices": [], "usage": written_usage(ended.usage)})
