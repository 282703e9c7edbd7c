"""A whole reply as the events of a stream, and the events of a stream as a whole reply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from procy.parse.wire.neutral import (
    Begun,
    Call,
    Closed,
    Ended,
    Event,
    Failed,
    Failure,
    Grown,
    Opened,
    Reasoning,
    Reply,
    Sealed,
    Text,
)


def said(reply: Reply) -> Iterator[Event]:
    """A whole reply as the events of a stream."""
    yield Begun(reply.id, reply.model, replace(reply.usage, output=None, reasoning=None))
    for index, part in enumerate(reply.parts):
        text = part.arguments if isinstance(part, Call) else part.text
        yield Opened(index, emptied(part))
        if text:
            yield Grown(index, text)
        if isinstance(part, Reasoning) and part.seal and not part.hidden:
            yield Sealed(index, part.seal)
        yield Closed(index)
    yield Ended(reply.stop, reply.stop_sequence, reply.usage)


def emptied(part: Text | Reasoning | Call) -> Text | Reasoning | Call:
    if isinstance(part, Call):
        return replace(part, arguments="")
    if isinstance(part, Reasoning):
        return part if part.hidden else Reasoning("")
    return Text("", part.refusal)


class Gathering:
    """Puts the events of a stream together again: ``reply`` is what came so far."""

    def __init__(self) -> None:
        self.reply = Reply(id="", model="", parts=())
        self.failure: Failure | None = None
        self.parts: list[Text | Reasoning | Call] = []
        self.texts: list[list[str]] = []

    def take(self, event: Event) -> None:
        match event:
            case Begun():
                self.reply = Reply(id=event.id, model=event.model, parts=(), usage=event.usage)
            case Opened():
                self.parts.append(event.part)
                self.texts.append([])
            case Grown():
                self.texts[event.index].append(event.text)
            case Sealed():
                self.parts[event.index] = Reasoning(self.whole_text(event.index), event.seal)
                self.texts[event.index] = []
            case Closed():
                self.parts[event.index] = self.whole(event.index)
                self.texts[event.index] = []
            case Ended():
                self.reply = replace(
                    self.reply, stop=event.stop, stop_sequence=event.stop_sequence, usage=event.usage, parts=self.so_far()
                )
            case Failed():
                self.failure = event.failure
                self.reply = replace(self.reply, parts=self.so_far())

    def whole(self, index: int) -> Text | Reasoning | Call:
        part, text = self.parts[index], "".join(self.texts[index])
        if isinstance(part, Call):
            return replace(part, arguments=part.arguments + text)
        return replace(part, text=part.text + text)

    def whole_text(self, index: int) -> str:
        part = self.whole(index)
        return part.arguments if isinstance(part, Call) else part.text

    def so_far(self) -> tuple[Text | Reasoning | Call, ...]:
        return tuple(self.whole(index) for index in range(len(self.parts)))
