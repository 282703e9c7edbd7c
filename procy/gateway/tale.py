"""What happens to a call while it is carried, until the recorder is told."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from procy.gateway.call import Call, Headers
from procy.gateway.entries import Closed
from procy.gateway.masking import secrets_in
from procy.gateway.steering import Attempt, Sent

MOST_KEPT = 64 << 20  # bytes of a reply that are kept


@dataclass(slots=True)
class Tale:
    call: Call
    began: float = field(default_factory=time.perf_counter)
    outcome: str = "gateway_error"
    error: str | None = "the call did not come to its end"
    status: int | None = None
    attempt: Attempt | None = None
    sent: Sent | None = None
    failed: list[dict[str, Any]] = field(default_factory=list)
    waited_ms: float = 0.0
    first_byte_ms: float | None = None
    reply_headers: Headers = ()
    pieces: list[bytes] | None = field(default_factory=list)
    size: int = 0
    said: list[bytes] = field(default_factory=list)  # over a WebSocket, after the call was opened
    gone: bool = False  # the client went away
    over: bool = False

    def ms(self) -> float:
        return (time.perf_counter() - self.began) * 1000

    def end(self, outcome: str, error: str | None = None) -> None:
        self.outcome, self.error = outcome, error

    def fail(self, attempt: Attempt, kind: str, status: int, error: str) -> None:
        """This one failed, and the next may try."""
        self.failed.append({"upstream": attempt.upstream, "kind": kind, "status": status, "error": error})

    def take(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.pieces is not None:
            self.pieces.append(piece)
            if self.size > MOST_KEPT:
                self.pieces = None

    def closed(self) -> Closed:
        sent, attempt = self.sent, self.attempt
        is_changed = sent is not None and bool(sent.changes)
        key = attempt.key if attempt else None
        return Closed(
            call=self.call,
            outcome=self.outcome,
            status=self.status,
            error=self.error,
            upstream=attempt.upstream if attempt else None,
            key=f"{key.name} {key.digest}" if key else None,
            model=attempt.model if attempt else None,
            waited_ms=self.waited_ms or None,
            first_byte_ms=self.first_byte_ms,
            duration_ms=self.ms(),
            attempts=self.failed,
            changes=sent.changes if sent else (),
            wire=(attempt.wire if attempt else "") or self.call.wire,
            reply_headers=self.reply_headers,
            reply=self.pieces,
            reply_bytes=self.size,
            sent_headers=sent.headers if sent and is_changed and sent.headers != self.call.headers else None,
            sent=b"\n".join(self.said) or (sent.body if sent and is_changed and sent.body != self.call.body else None),
            secrets=[*secrets_in(self.call.headers), *([key.value] if key else [])],
        )
