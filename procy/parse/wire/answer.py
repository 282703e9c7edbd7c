"""The upstream's answer to a translated request, in the client's wire: whole, as a stream, or as an error."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from procy.parse.wire import errors, flat
from procy.parse.wire.dialects import dialect_of
from procy.parse.wire.fields import mapping
from procy.parse.wire.gathering import Gathering, said
from procy.parse.wire.neutral import Begun, Call, Ended, Event, Failed, Failure, Reply, Told
from procy.parse.wire.sse import Event as Sent
from procy.parse.wire.sse import Parser
from procy.parse.wire.texts import encoded
from procy.parse.wire.translate import Translated
from procy.parse.wire.usage import objects

JSON, STREAM = "application/json", "text/event-stream"
CUT = Failure(502, "the upstream's stream ended before its end", "api_error")


class Whole(NamedTuple):
    status: int
    content_type: str
    body: bytes


class Answer:
    """One use: either ``whole``, or ``feed`` and then ``end`` (or ``broken``).

    ``created``: seconds since 1970. ``identity``: the id of a reply that has none.
    """

    def __init__(self, asked: Translated, created: int, identity: str) -> None:
        self.asked = asked
        self.ours, self.theirs = dialect_of(asked.client), dialect_of(asked.upstream)
        self.told = Told(
            created=created,
            upstream=asked.upstream,
            identity=identity,
            tool_choice=asked.tool_choice,
            parallel=asked.parallel,
            usage_wanted=asked.usage_wanted,
        )
        self.parser = Parser()
        self.reader = self.theirs.reader()
        self.writer = self.ours.writer(self.told)
        self.unwrapping = flat.Unwrapping(asked.names)
        self.gathering = Gathering()
        self.begun = self.over = False

    @property
    def content_type(self) -> str:
        """Of a good answer."""
        return STREAM if self.asked.streams else JSON

    def whole(self, status: int, body: bytes) -> Whole:
        """The client's answer to one that came whole; for a client that streams, as the stream it would have been, where the
        upstream's status is a good one."""
        if status >= 400:
            return self._failed(errors.read(status, body))
        answered = self._good(status, body)
        if isinstance(answered, Whole):
            return answered
        return Whole(status, STREAM, self.broken(answered)) if self.asked.streams else self._failed(answered)

    def _good(self, status: int, body: bytes) -> Whole | Failure:
        try:
            value = mapping(json.loads(body))
        except (ValueError, RecursionError):
            value = {}
        if value.get("error"):
            return errors.read_object(value)
        if ("input_tokens" if self.asked.counts else self.theirs.holds) not in value:
            return Failure(502, f"the upstream answered with something that is no reply of {self.asked.upstream}")
        if self.asked.counts:
            return Whole(status, JSON, encoded(self._count(value)))
        reply = self._named(self.theirs.read_reply(value))
        if self.asked.streams:
            return Whole(status, STREAM, b"".join(self.writer.take(event) for event in said(reply)))
        return Whole(status, JSON, encoded(self.ours.write_reply(reply, self.told)))

    def feed(self, piece: bytes) -> bytes:
        """What the client gets for a piece of the upstream's stream; nothing yet where it wants the answer whole."""
        return self._sent(self.parser.feed(piece))

    def end(self) -> bytes:
        """The upstream's stream is over. Where its own end is missing, the client's ends with an error."""
        rest = self._sent(self.parser.end())
        if not self.over:
            rest += self._take(self.reader.finish())
        if not self.over:
            rest += self._take([Failed(CUT)])
        return rest if self.asked.streams else self._gathered().body

    def broken(self, failure: Failure) -> bytes:
        """The client's stream ends here with an error, unless it has ended; after this there is no ``end``."""
        return b"" if self.over else self._take([Failed(failure)])

    def _gathered(self) -> Whole:
        if self.gathering.failure:
            return self._failed(self.gathering.failure)
        reply = replace(self.gathering.reply, parts=self.gathering.so_far())
        return Whole(200, JSON, encoded(self.ours.write_reply(reply, self.told)))

    def _failed(self, failure: Failure) -> Whole:
        return Whole(failure.status, JSON, encoded(errors.written(self.asked.client, failure)))

    def _count(self, value: dict[str, Any]) -> dict[str, Any]:
        count = {"input_tokens": value.get("input_tokens", 0)}
        return count if self.asked.client == "anthropic-messages" else {"object": "response.input_tokens", **count}

    def _named(self, reply: Reply) -> Reply:
        parts = tuple(flat.unwrapped(part, self.asked.names) if isinstance(part, Call) else part for part in reply.parts)
        return replace(reply, id=reply.id or self.told.identity, parts=parts)

    def _sent(self, events: Iterable[Sent]) -> bytes:
        result = b""
        for one in events:
            if one.data.strip() == b"[DONE]":
                result += self._take(self.reader.finish())
            for value in objects(one.data):
                result += self._take(self.reader.take(value))
        return result

    def _take(self, changes: Iterable[Event]) -> bytes:
        return b"".join(self._write(event) for change in changes for event in self.unwrapping.take(change))

    def _write(self, change: Event) -> bytes:
        if self.over:
            return b""
        before = b""
        if isinstance(change, Begun):
            if self.begun:
                return b""
            change = replace(change, id=change.id or self.told.identity)
        elif not self.begun:
            before = self._write(Begun(self.told.identity, ""))
        self.begun = True
        self.over = isinstance(change, Ended | Failed)
        self.gathering.take(change)
        return before + (self.writer.take(change) if self.asked.streams else b"")
