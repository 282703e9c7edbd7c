"""At the door: whether a request comes from this machine's own programs, and with a token.

A web page must not reach the gateway: neither under a name that was made to mean this machine (Host), nor from a page of
somebody else's (Origin).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from procy.gateway.call import Headers
from procy.gateway.steering import Refused
from procy.gateway.tokens import Tokens

HERE = ("127.0.0.1", "localhost", "[::1]", "::1")
OWN_HEADER = "x-procy-token"
KEY_HEADERS = (OWN_HEADER, "x-api-key", "authorization", "x-goog-api-key", "api-key")
LARGEST_HEADERS = 256 << 10


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may pass, without the gateway's token. ``session_id``: of the pane whose token it was, or ""."""

    path: str
    query: str
    headers: Headers
    session_id: str


def check_origin(headers: Headers, host: str, is_websocket: bool) -> None:
    """Raises Refused (403, or 431 for a flood of headers)."""
    if sum(len(name) + len(value) for name, value in headers) > LARGEST_HEADERS:
        raise Refused(431, f"the request has more than {LARGEST_HEADERS >> 10} KiB of headers")
    if host_of(host) not in HERE:
        raise Refused(403, f"the gateway is not to be asked for as {host[:100]!r}", "Use http://127.0.0.1")
    for origin in (value for name, value in headers if name == "origin"):
        parts = urlsplit(origin)
        is_page = is_websocket or origin == "null" or parts.scheme in ("http", "https")
        if is_page and (parts.hostname or "") not in HERE:
            raise Refused(403, f"a page of {origin[:100]!r} may not use the gateway")


def host_of(host: str) -> str:
    """Without the port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def admit(path: str, query: str, headers: Headers, tokens: Tokens, required: bool) -> Admitted:
    """Find the token: in the path (``/p/TOKEN/…``), as the client's key, or in ``x-procy-token``. Raises Refused (401)."""
    if path.startswith("/p/"):
        token, _, rest = path[3:].partition("/")
        session = tokens.check(token)
        if session is None:
            raise refusal("the token in the path is not this gateway's")
        kept = tuple(pair for pair in headers if pair[0] not in KEY_HEADERS or tokens.check(bare(pair[1])) is None)
        return Admitted(f"/{rest}", query, kept, session)
    session, kept_headers = None, []
    for name, value in headers:
        found = tokens.check(bare(value)) if name in KEY_HEADERS else None
        if found is None:
            kept_headers.append((name, value))
        else:
            session = found or session or ""
    pairs = parse_qsl(query, keep_blank_values=True) if "key=" in query else []
    for name, value in pairs:
        if name == "key" and (found := tokens.check(value)) is not None:
            session = found or session or ""
            query = "&".join(part for part in query.split("&") if part not in (f"key={value}", f"key={quote(value)}"))
    if session is None and required:
        raise refusal("there is no token of this gateway's in the call")
    return Admitted(path, query, tuple(kept_headers), session or "")


def bare(value: str) -> str:
    return value[7:].strip() if value[:7].lower() == "bearer " else value.strip()


def refusal(what: str) -> Refused:
    return Refused(401, what, "See what a client needs: procy gateway env")
