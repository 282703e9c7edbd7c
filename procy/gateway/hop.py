"""Headers on their way through: those of a single connection stay there, all others go on as they came."""

from __future__ import annotations

from collections.abc import Iterable

from multidict import CIMultiDict

from procy.gateway.call import Headers
from procy.gateway.steering import Key

ONE_CONNECTION = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
        b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
OF_REQUEST = {name.decode() for name in ONE_CONNECTION} | {"host", "content-length", "expect"}
KEYS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
Raw = Iterable[tuple[bytes, bytes]]


def named_in_connection(raw: Raw) -> set[bytes]:
    """Further headers of this connection only, which its own header names."""
    values = [value for name, value in raw if name.lower() == b"connection"]
    return {part.strip().lower() for value in values for part in value.split(b",")} if values else set()


def request_headers(every: Headers) -> Headers:
    """Those that go on."""
    named = [part.strip().lower() for name, value in every if name == "connection" for part in value.split(",")]
    gone = OF_REQUEST.union(named) if named else OF_REQUEST
    return tuple(pair for pair in every if pair[0] not in gone)


def reply_headers(raw: Raw) -> list[tuple[bytes, bytes]]:
    """As ASGI sends them."""
    pairs = list(raw)
    gone = ONE_CONNECTION | named_in_connection(pairs)
    return [(name.lower(), value) for name, value in pairs if name.lower() not in gone]


def as_headers(raw: Raw) -> Headers:
    return tuple((text(name.lower()), text(value)) for name, value in raw)


def as_raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1", "replace"), value.encode("utf-8", "replace")) for name, value in headers]


def text(raw: bytes) -> str:
    """UTF-8 where it is, as clients and servers today send it; else one character a byte."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def for_upstream(headers: Headers, key: Key | None, auth: str, wire: str) -> CIMultiDict[str]:
    """With the upstream's key in place of the client's, where there is one for it. Nothing else changes."""
    if key is None:
        return CIMultiDict(headers)
    found = CIMultiDict((name, value) for name, value in headers if name not in KEYS)
    for name in places_of_key(auth, wire):
        found[name] = f"Bearer {key.value}" if name == "authorization" else key.value
    return found


def places_of_key(auth: str, wire: str) -> tuple[str, ...]:
    """The headers in which an upstream looks for its key; where the settings do not say, as the wire's maker does."""
    told = {"bearer": ("authorization",), "x-api-key": ("x-api-key",), "both": ("x-api-key", "authorization")}
    by_wire = {"anthropic-messages": ("x-api-key",), "gemini": ("x-goog-api-key",)}
    return told.get(auth) or by_wire.get(wire, ("authorization",))
