"""Streams of the ``openai-responses`` wire: every item is added, grows, and is done; the last event has the whole response."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from procy.parse.wire import errors
from procy.parse.wire.fields import listing, mapping, place, string
from procy.parse.wire.gathering import Gathering, emptied
from procy.parse.wire.neutral import Begun, Call, Closed, Ended, Event, Failed, Grown, Opened, Reasoning, Sealed, Text, Told
from procy.parse.wire.responses.reply import WIRE, content, done, head, item_id, opened, read_item, read_stop, seal_of, write
from procy.parse.wire.texts import event
from procy.parse.wire.usage import usage_of

DELTAS = (
    "response.output_text.delta", "response.refusal.delta", "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta", "response.function_call_arguments.delta", "response.custom_tool_call_input.delta",
)  # fmt: skip


class Reader:
    """Makes neutral events of the objects of the wire's events. Of items that a server streams among each other, the later
    ones come whole, after the one that is open."""

    def __init__(self) -> None:
        self.count = 0
        self.open: int | None = None  # the item, by the wire's index
        self.waiting: list[dict[str, Any]] = []  # items that were done while another one was open
        self.parts: list[Text | Reasoning | Call] = []
        self.grown = False
        self.handlers: dict[str, Callable[[dict[str, Any]], Iterator[Event]]] = {
            "response.created": self._start, "response.output_item.added": self._added,
            "response.content_part.added": self._part, "response.reasoning_summary_part.added": self._paragraph,
            "response.output_item.done": self._done, "response.completed": self._end, "response.incomplete": self._end,
            "response.failed": self._error, "error": self._error, **dict.fromkeys(DELTAS, self._delta),
        }  # fmt: skip

    def take(self, value: dict[str, Any]) -> Iterator[Event]:
        handler = self.handlers.get(string(value.get("type")))
        if handler:
            yield from handler(value)

    def finish(self) -> Iterator[Event]:
        """The stream is over without its last event."""
        yield from ()

    def _start(self, value: dict[str, Any]) -> Iterator[Event]:
        response = mapping(value.get("response"))
        yield Begun(string(response.get("id")), string(response.get("model")), usage_of(WIRE, mapping(response.get("usage"))))

    def _added(self, value: dict[str, Any]) -> Iterator[Event]:
        for part in read_item(mapping(value.get("item"))):
            if self.open is None:
                yield from self._opened(emptied(part), value)

    def _part(self, value: dict[str, Any]) -> Iterator[Event]:
        kind = mapping(value.get("part")).get("type")
        if kind in ("output_text", "refusal") and self.open in (None, place(value.get("output_index"))):
            yield from self._opened(Text("", kind == "refusal"), value)

    def _paragraph(self, value: dict[str, Any]) -> Iterator[Event]:
        if self.grown:
            yield Grown(self.count - 1, "\n\n")

    def _opened(self, part: Text | Reasoning | Call, value: dict[str, Any]) -> Iterator[Event]:
        yield from self._close()
        self.open, self.count, self.grown = place(value.get("output_index")), self.count + 1, False
        self.parts.append(part)
        yield Opened(self.count - 1, part)

    def _delta(self, value: dict[str, Any]) -> Iterator[Event]:
        if self.open == place(value.get("output_index")) and (text := string(value.get("delta"))):
            self.grown = True
            yield Grown(self.count - 1, text)

    def _done(self, value: dict[str, Any]) -> Iterator[Event]:
        """An item that was never added, or never grew, is given as it is in the end."""
        if self.open not in (None, place(value.get("output_index"))):
            self.waiting.append(value)
            return
        item = mapping(value.get("item"))
        parts = list(read_item(item))
        if self.open is None:
            for part in parts:
                yield from self._opened(emptied(part), value)
                yield from self._text(part)
        elif parts and not self.grown:
            yield from self._text(parts[-1])
        if item.get("type") == "reasoning" and (seal := seal_of(item)):
            yield Sealed(self.count - 1, seal)
        yield from self._close()
        if self.waiting:
            yield from self._done(self.waiting.pop(0))

    def _text(self, part: Text | Reasoning | Call) -> Iterator[Event]:
        if text := part.arguments if isinstance(part, Call) else part.text:
            yield Grown(self.count - 1, text)

    def _close(self) -> Iterator[Event]:
        if self.open is not None:
            self.open = None
            yield Closed(self.count - 1)

    def _end(self, value: dict[str, Any]) -> Iterator[Event]:
        response = mapping(value.get("response"))
        yield from self._close()
        if self.waiting:
            yield from self._done(self.waiting.pop(0))
        if not self.parts:  # a server that streams nothing but the end
            for at, item in enumerate(listing(response.get("output"))):
                yield from self._done({"item": item, "output_index": at})
        yield Ended(read_stop(response, tuple(self.parts)), usage=usage_of(WIRE, mapping(response.get("usage"))))

    def _error(self, value: dict[str, Any]) -> Iterator[Event]:
        response = mapping(value.get("response"))
        yield Failed(errors.read_object(mapping(response.get("error")) or {**value, "type": ""}))


class Writer:
    """Makes the wire's bytes of neutral events."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.number = 0
        self.gathering = Gathering()

    def take(self, change: Event) -> bytes:
        self.gathering.take(change)
        return b"".join(self._event(value) for value in self._values(change))

    def _event(self, value: dict[str, Any]) -> bytes:
        self.number += 1
        return event(value | {"sequence_number": self.number - 1}, value["type"])

    def _values(self, change: Event) -> Iterator[dict[str, Any]]:
        reply = self.gathering.reply
        match change:
            case Begun():
                response = head(reply.id, reply.model, self.told)
                yield {"type": "response.created", "response": response}
                yield {"type": "response.in_progress", "response": response}
            case Opened(index, part):
                yield self._at(index, "response.output_item.added", item=opened(part, self._id(index)))
                yield from self._part("added", index, part)
            case Grown(index, text):
                yield self._inside(index, f"{self._name(index)}.delta", delta=text)
            case Closed(index):
                yield from self._closed(index)
            case Ended():
                response = write(reply, self.told)
                yield {"type": f"response.{response['status']}", "response": response}
            case Failed(failure):
                code = errors.written(WIRE, failure)["error"]["code"] or "server_error"
                error = {"code": code, "message": failure.message}
                response = head(reply.id, reply.model, self.told) | {"status": "failed", "error": error}
                yield {"type": "response.failed", "response": response}

    def _closed(self, index: int) -> Iterator[dict[str, Any]]:
        part = self.gathering.parts[index]
        match part:
            case Text(text, refusal):
                yield self._inside(index, f"{self._name(index)}.done", **{"refusal" if refusal else "text": text})
            case Reasoning(text):
                if text:
                    yield self._inside(index, f"{self._name(index)}.done", text=text)
            case Call():
                arguments = (
                    {"input": part.arguments} if part.freeform else {"arguments": part.arguments or "{}", "name": part.name}
                )
                yield self._inside(index, f"{self._name(index)}.done", **arguments)
        yield from self._part("done", index, part)
        yield self._at(index, "response.output_item.done", item=done(part, self._id(index), self.told.upstream))

    def _part(self, what: str, index: int, part: Text | Reasoning | Call) -> Iterator[dict[str, Any]]:
        if isinstance(part, Text):
            yield self._inside(index, f"response.content_part.{what}", part=content(part))
        elif isinstance(part, Reasoning) and not part.hidden:
            yield self._inside(index, f"response.reasoning_summary_part.{what}", part={"type": "summary_text", "text": part.text})

    def _name(self, index: int) -> str:
        part = self.gathering.parts[index]
        if isinstance(part, Text):
            return "response.refusal" if part.refusal else "response.output_text"
        if isinstance(part, Reasoning):
            return "response.reasoning_summary_text"
        return "response.custom_tool_call_input" if part.freeform else "response.function_call_arguments"

    def _id(self, index: int) -> str:
        return item_id(self.gathering.reply.id, index, self.gathering.parts[index])

    def _at(self, index: int, kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "output_index": index, **more}

    def _inside(self, index: int, kind: str, **more: Any) -> dict[str, Any]:
        part = self.gathering.parts[index]
        place: dict[str, Any] = {} if isinstance(part, Call) else {"content_index": 0}
        if isinstance(part, Reasoning):
            place = {"summary_index": 0}
        if isinstance(part, Text) and not part.refusal and kind.startswith("response.output_text."):
            place["logprobs"] = []
        return {"type": kind, "item_id": self._id(index), "output_index": index, **place, **more}
