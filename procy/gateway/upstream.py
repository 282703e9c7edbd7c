"""The client side of the gateway: one aiohttp session that adds nothing, decodes nothing and follows nothing."""

from __future__ import annotations

import io
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from procy.gateway.call import Call
from procy.gateway.hop import for_upstream
from procy.gateway.paths import url_of
from procy.gateway.steering import Attempt, Sent

LONGEST_HEADER = 64 << 10
AT_ONCE = 1 << 20  # bytes of a body that are written in one go
ERRORS = (aiohttp.ClientError, OSError, ValueError)  # a timeout is an OSError, a wrong URL a ValueError


def open_session(connect_s: float, idle_s: float) -> aiohttp.ClientSession:
    """``idle_s``: of silence, before the reply's first byte or after."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=idle_s or None),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        max_line_size=LONGEST_HEADER,
        max_field_size=LONGEST_HEADER,
    )


async def ask(session: aiohttp.ClientSession, call: Call, attempt: Attempt, sent: Sent) -> aiohttp.ClientResponse:
    """The reply's head; its body comes through ``content``. Raises one of ``ERRORS`` or asyncio.TimeoutError."""
    wire = attempt.wire or call.wire
    url = url_of(attempt.base_url, call.version, sent.path, sent.query, wire)
    headers = for_upstream(sent.headers, attempt.key, attempt.auth, wire)
    if sent.reply is not None:
        headers["accept-encoding"] = "identity"
    body = sent.body if len(sent.body) <= AT_ONCE else io.BytesIO(sent.body)
    return await session.request(
        call.method, URL(url, encoded=True), data=body or None, headers=headers, allow_redirects=False,
        proxy=way_out(attempt.base_url),
    )  # fmt: skip


@lru_cache(maxsize=100)
def way_out(base_url: str) -> str | None:
    """The forwarding host that the environment names for an upstream (``HTTPS_PROXY`` and its like), if any.

    Read here and not by aiohttp, which would also take passwords out of ``.netrc``.
    """
    parts = urlsplit(base_url)
    found = getproxies().get(parts.scheme)
    return found if found and not proxy_bypass(parts.hostname or "") else None
