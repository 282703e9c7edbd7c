"""A call whose client and upstream speak different wires: ``procy.parse.wire`` in the shape that the gateway carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from procy.errors import WireError
from procy.gateway.call import Call, Headers
from procy.gateway.steering import Attempt, Refused, Sent
from procy.parse.wire import errors
from procy.parse.wire.answer import JSON, STREAM, Answer
from procy.parse.wire.dialects import DIALECTS
from procy.parse.wire.neutral import Failure
from procy.parse.wire.texts import encoded
from procy.parse.wire.translate import Translated, is_needed, translate_request

VERSION = ("anthropic-version", "2023-06-01")
OF_A_WIRE = ("anthropic-", "openai-", "chatgpt-", "x-stainless-", "x-claude-", "x-codex-")  # for the client's provider only


def translated(call: Call, attempt: Attempt, sent: Sent, quirks: Sequence[str] = ()) -> Sent | None:
    """What is sent instead of ``sent``, with what turns its reply back; None where it can go as it is. Raise ``Refused`` for
    what the upstream's wire cannot say."""
    client, upstream = call.wire, attempt.wire or call.wire
    if not client and is_list_for_other(call, upstream):
        headers, changes = other_headers(sent.headers, attempt, upstream)
        return replace(sent, headers=headers, changes=[*sent.changes, *changes])
    if not client or not is_needed(client, upstream, sent.body, quirks):
        return None
    body = call.json if sent.body is call.body else replace(call, body=sent.body).json
    if body is None:
        raise Refused(400, "The body is no JSON object", "It has to be one to be translated to the upstream's wire.")
    try:
        asked = translate_request(client, upstream, sent.path, body, quirks)
    except WireError as error:
        raise Refused(error.status, error.what, error.remedy) from error
    if client == upstream and asked.body == body:
        return None
    headers, changes = (sent.headers, []) if client == upstream else other_headers(sent.headers, attempt, upstream)
    return replace(
        sent,
        path=asked.path.removeprefix("/v1"),
        query=sent.query if client == upstream else "",
        headers=headers,
        body=encoded(asked.body),
        changes=[*sent.changes, *changes, *told(asked)],
        reply=Turned(asked, call.started_ns // 10**9, f"procy_{call.id}") if needs_turning(asked) else None,
    )


def is_list_for_other(call: Call, upstream: str) -> bool:
    """A list of models goes to a path that the wires share, and its form is alike; but for the headers by which it is asked."""
    by_messages = any(name == VERSION[0] for name, _ in call.headers)
    return call.path.startswith("/models") and upstream in DIALECTS and by_messages != (upstream == "anthropic-messages")


def needs_turning(asked: Translated) -> bool:
    return asked.client != asked.upstream or asked.streams != asked.upstream_streams


def told(asked: Translated) -> Iterator[Mapping[str, Any]]:
    if asked.client != asked.upstream:
        yield {
            "what": "wire",
            "name": "wire",
            "from": asked.client,
            "to": asked.upstream,
            "why": "the upstream speaks another one",
        }
    if asked.streams and not asked.upstream_streams:
        yield {"what": "field", "name": "stream", "from": True, "to": None, "why": "the upstream cannot stream with tools"}
    for lost in asked.lost:
        name, _, why = lost.partition(": ")
        yield {"what": "wire", "name": name, "from": None, "to": None, "why": why}


def other_headers(headers: Headers, attempt: Attempt, upstream: str) -> tuple[Headers, list[Mapping[str, Any]]]:
    """Without what is of the client's own wire, and with what the upstream's needs; a key that passes is where it looks."""
    kept: list[tuple[str, str]] = []
    changes: list[Mapping[str, Any]] = []
    for name, value in headers:
        if name.startswith(OF_A_WIRE):
            changes.append({"what": "header", "name": name, "from": value, "to": None, "why": "of the client's own wire"})
        elif attempt.key is None and name in ("x-api-key", "authorization"):
            kept.append(passing_key(name, value, upstream))
        else:
            kept.append((name, value))
    if upstream == "anthropic-messages":
        kept.append(VERSION)
        changes.append({"what": "header", "name": VERSION[0], "from": None, "to": VERSION[1], "why": "the wire needs it"})
    return tuple(kept), changes


def passing_key(name: str, value: str, upstream: str) -> tuple[str, str]:
    if upstream == "anthropic-messages":
        scheme, _, key = value.partition(" ")
        return ("x-api-key", key) if name == "authorization" and scheme.lower() == "bearer" and key else (name, value)
    return ("authorization", f"Bearer {value}") if name == "x-api-key" else (name, value)


class Turned:
    """See ``steering.Reply``."""

    def __init__(self, asked: Translated, created: int, identity: str) -> None:
        self.asked = asked
        self.answer = Answer(asked, created, identity)
        self.status = 200
        self.is_stream = False
        self.pieces: list[bytes] = []

    def begin(self, status: int, headers: Headers) -> tuple[int, Headers]:
        """A reply that is no stream is turned when it is whole."""
        kind = next((value for name, value in headers if name == "content-type"), "")
        self.status, self.is_stream = status, status < 400 and STREAM in kind
        ours = self.answer.content_type if status < 400 else JSON
        rest = tuple((name, value) for name, value in headers if name != "content-type")
        return status, (("content-type", ours), *rest)

    def feed(self, data: bytes) -> bytes:
        if self.is_stream:
            return self.answer.feed(data)
        self.pieces.append(data)
        return b""

    def end(self) -> bytes:
        return self.answer.end() if self.is_stream else self.answer.whole(self.status, b"".join(self.pieces)).body

    def fail(self, message: str) -> bytes:
        """How the reply ends where the upstream's broke off: an event of the client's wire, or an error as the whole of it."""
        failure = Failure(502, message)
        if self.asked.streams and self.status < 400:
            return self.answer.broken(failure)
        return encoded(errors.written(self.asked.client, failure))
