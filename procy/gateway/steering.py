"""Where a call goes and what is changed about it: the seam between carrying traffic and deciding about it.

The plane (``forward``) asks, for every call::

    for attempt in steering.plan(call):        # upstreams in the order in which they may be tried
        waited_ms = await steering.admit(attempt)
        sent = steering.change(call, attempt)
        … sends it; the next attempt only where this one failed before a byte of its reply had gone to the client …
        again = steering.result(attempt, outcome)

``plan`` and ``change`` raise ``Refused`` where the call cannot be sent at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from procy.errors import ProcyError
from procy.gateway.call import Call, Headers


class Refused(ProcyError):
    """The call is answered by the gateway itself, with ``status`` and an error in the client's own wire."""

    def __init__(self, status: int, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.status = status


@dataclass(frozen=True, slots=True)
class Key:
    """A secret for an upstream. Only ``name`` (where it came from) and ``digest`` are ever shown or stored."""

    name: str
    value: str = field(repr=False)

    @property
    def digest(self) -> str:
        """Eight characters that tell two keys apart."""
        return hashlib.sha256(self.value.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One upstream that may answer a call. ``why``: how it was chosen, in words."""

    upstream: str
    base_url: str
    wire: str = ""  # that it speaks; "": the client's
    key: Key | None = None  # None: the client's own passes
    auth: str = "passthrough"  # bearer, x-api-key, both or passthrough: where ``key`` goes
    model: str | None = None  # instead of the one that was asked for
    why: tuple[str, ...] = ()


class Reply(Protocol):
    """Turns an upstream's reply into the client's, piece by piece: another wire, or a whole reply as a stream."""

    def begin(self, status: int, headers: Headers) -> tuple[int, Headers]:
        """Status and headers for the client. Whatever tells a length or an encoding of the body is not among them."""

    def feed(self, data: bytes) -> bytes:
        """What the client gets for the next bytes (decoded of any content encoding); b"" where it is not known yet."""

    def end(self) -> bytes:
        """The rest, at the reply's end."""

    def fail(self, message: str) -> bytes:
        """The end of a stream whose upstream broke off: the client's wire's own error event."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes to the upstream. ``changes``: everything that differs from what the client sent, as JSON values
    ``{"what": "header" | "field" | "filter" | "path" | "wire", "name": …, "from": …, "to": …, "why": …}``, without secrets."""

    path: str
    query: str
    headers: Headers
    body: bytes
    changes: Sequence[Mapping[str, Any]] = ()
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. ``kind``: ok, connect (no reply), timeout (no reply in time), status (an error's), broken (in the
    middle of the reply), abort (the client went away). ``status`` is 0 where there was no reply."""

    kind: str
    status: int = 0
    retry_after: str | None = None  # as the header says it
    at_ns: int = 0
    duration_ms: float = 0.0


class Steering(Protocol):
    """See the module. Called on the event loop only, so none of it may block; ``admit`` may wait."""

    def plan(self, call: Call) -> Sequence[Attempt]:
        """The upstreams to try, best first; none where there is no upstream for the service."""

    async def admit(self, attempt: Attempt) -> float:
        """Wait for the upstream's rate limit; returns the ms that took. Cancelled where the client goes away."""

    def change(self, call: Call, attempt: Attempt) -> Sent:
        """What is sent. Where no rule is on, path, query, headers and body are the call's very own."""

    def result(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Take note of how it went; whether the next attempt may be made (asked only before the client has a byte)."""

    def active(self, service: str) -> str | None:
        """The name of the upstream that a service's calls go to now, for ``/health`` and ``status``."""

    def kept(self, call: Call) -> Call:
        """The call as it may be stored: what filters take out is not in it."""

    def told(self, service: str) -> Mapping[str, Any]:
        """What ``/health`` says of a service's upstreams, as JSON values and without secrets."""


@dataclass(frozen=True, slots=True)
class Unsteered:
    """The default: one upstream a service, nothing changed, nothing tried again."""

    upstreams: Mapping[str, Attempt]

    def plan(self, call: Call) -> Sequence[Attempt]:
        found = self.upstreams.get(call.service)
        return [found] if found and call.upstream in ("", found.upstream) else []

    async def admit(self, attempt: Attempt) -> float:
        return 0.0

    def change(self, call: Call, attempt: Attempt) -> Sent:
        return Sent(call.path, call.query, call.headers, call.body)

    def result(self, attempt: Attempt, outcome: Outcome) -> bool:
        return False

    def active(self, service: str) -> str | None:
        found = self.upstreams.get(service)
        return found.upstream if found else None

    def kept(self, call: Call) -> Call:
        return call

    def told(self, service: str) -> Mapping[str, Any]:
        return {}
