"""Entries into rows: bodies split and cleaned, usage read, cost computed. Runs in the writer's process."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from procy.gateway.call import Headers
from procy.gateway.decode import Undecodable, decoded
from procy.gateway.entries import Closed, Opened
from procy.gateway.join import conversation_of, first_of, request_of
from procy.gateway.masking import masked, scrubbed, scrubbed_text, secrets_in, shown_headers
from procy.parse.rules import problem
from procy.parse.wire.usage import Told, read_reply, tell
from procy.settings import Settings
from procy.store.db import iso
from procy.store.exchanges import Parts, put_exchange
from procy.store.parts import split_body

STREAM = "text/event-stream"


@dataclass(slots=True)
class Rows:
    """Writes entries through one connection. ``raw`` is keep, redact or drop, as for terminals."""

    settings: Settings
    raw: str = "keep"
    parts: Parts = field(default_factory=Parts)

    def put(self, connection: sqlite3.Connection, opened: Opened | None, closed: Closed | None, keep_bodies: bool) -> None:
        """One call, whose beginning and end may come together."""
        entry = opened or closed
        assert entry is not None
        call = entry.call
        values: dict[str, Any] = {
            "service": call.service,
            "method": call.method,
            "path": scrubbed_text(call.path, ()),
            "started_at": iso(call.started_ns),
        }
        why_not = "off" if self.raw == "drop" else None if keep_bodies else "overload"
        keeps = why_not is None
        split = split_body(plain([call.body], call.headers)) if opened else None
        if opened and split:
            values |= self.opening(opened) | {"model": split.model or call.model}
        told = Told()
        if closed:
            told = self.told(closed)
            values |= self.closing(closed, told, values.get("model"))
        if why_not:
            values["bodies"] = why_not
        put_exchange(connection, call.id, values)
        if opened and split and keeps:
            secrets = secrets_in(call.headers)
            self.body(connection, call.id, "request", split.pieces, secrets)
            self.body(connection, call.id, "request_headers", [shown_headers(call.headers)], ())
        if closed and keeps:
            self.reply(connection, closed)

    def opening(self, opened: Opened) -> dict[str, Any]:
        call = opened.call
        return {
            "wire": call.wire or None,
            "session_id": call.session_id or None,
            "agent_session_id": conversation_of(call.headers),
            "client": first_of(call.headers, ("user-agent",)),
            "request_bytes": opened.came,
            "request_sha": hashlib.sha256(call.body).hexdigest() if call.body or not opened.came else None,
        }

    def told(self, closed: Closed) -> Told:
        """What the reply says of itself; nothing where it cannot be read."""
        if closed.reply is None or not closed.wire:
            return Told()
        kind = first_of(closed.reply_headers, ("content-type",)) or ""
        encoding = first_of(closed.reply_headers, ("content-encoding",)) or ""
        if closed.status == 101:
            return tell(closed.wire, b"".join(closed.reply).split(b"\n"), is_stream=True)
        try:
            return read_reply(closed.wire, kind, decoded(b"".join(closed.reply), encoding))
        except Undecodable:
            return Told()

    def closing(self, closed: Closed, told: Told, asked: str | None) -> dict[str, Any]:
        usage, model = told.usage, told.model or closed.model or asked
        outcome, error = closed.outcome, closed.error
        if outcome == "ok" and told.error:
            outcome, error = "upstream_error", told.error
        elif (
            outcome == "ok" and not told.complete and closed.wire and STREAM in dict(closed.reply_headers).get("content-type", "")
        ):
            outcome, error = "upstream_error", "the stream ended before its last event"
        error = told.error or error
        return {
            "request_id": request_of(closed.reply_headers),
            "upstream": closed.upstream,
            "model": model,
            "key": closed.key,
            "status": closed.status,
            "outcome": outcome,
            "error": scrubbed_text(error, closed.secrets)[:2000] if error else None,
            "waited_ms": rounded(closed.waited_ms),
            "first_byte_ms": rounded(closed.first_byte_ms),
            "duration_ms": rounded(closed.duration_ms),
            "attempts": as_json(closed.attempts, closed.secrets),
            "input_tokens": usage.input,
            "output_tokens": usage.output,
            "cache_read_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "reasoning_tokens": usage.reasoning,
            "usage": json.dumps(told.raw) if told.raw else None,
            "cost_usd": self.settings.cost(model, usage) if told.raw else None,
            "response_bytes": closed.reply_bytes,
            "response_sha": None if closed.reply is None or closed.status is None else sha_of(closed.reply),
            "changes": as_json(closed.changes, closed.secrets),
        }

    def reply(self, connection: sqlite3.Connection, closed: Closed) -> None:
        key = closed.call.id
        if closed.reply:
            self.body(connection, key, "response", [b"".join(closed.reply)], closed.secrets, headers=closed.reply_headers)
        if closed.reply_headers:
            self.body(connection, key, "response_headers", [shown_headers(closed.reply_headers)], closed.secrets)
        if closed.sent is not None:
            self.body(connection, key, "sent", split_body(closed.sent).pieces, closed.secrets)
        if closed.sent_headers is not None:
            self.body(connection, key, "sent_headers", [shown_headers(closed.sent_headers)], closed.secrets)

    def body(
        self,
        connection: sqlite3.Connection,
        key: str,
        side: str,
        pieces: Iterable[bytes],
        secrets: Sequence[str],
        headers: Headers = (),
    ) -> None:
        """What is compressed is kept decoded: only so is it seen what must not be kept."""
        if headers:
            pieces = [plain(list(pieces), headers)]
        clean = [scrubbed(piece, secrets) for piece in pieces]
        self.parts.put(connection, key, side, [masked(piece) for piece in clean] if self.raw == "redact" else clean)


def plain(pieces: Sequence[bytes], headers: Headers) -> bytes:
    """A body without its content encoding."""
    whole = b"".join(pieces) if len(pieces) > 1 else pieces[0]
    encoding = first_of(headers, ("content-encoding",))
    try:
        return decoded(whole, encoding) if encoding else whole
    except Undecodable:
        return b"[not decodable]"


def sha_of(pieces: Sequence[bytes]) -> str:
    sha = hashlib.sha256()
    for piece in pieces:
        sha.update(piece)
    return sha.hexdigest()


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def as_json(values: Sequence[Any], secrets: Sequence[str]) -> str | None:
    if not values or problem():  # what is withheld is no JSON
        return None
    return scrubbed_text(json.dumps(list(values), ensure_ascii=False), secrets)
