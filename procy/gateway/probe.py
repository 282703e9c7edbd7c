"""Asking one upstream whether it answers: with its key and its headers, and past the gateway, which may not be up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from procy.gateway.headers import apply_headers
from procy.gateway.hop import for_upstream
from procy.gateway.keys import find_key
from procy.gateway.masking import scrubbed_text
from procy.gateway.paths import url_of
from procy.settings.upstreams import SERVICE_WIRE, UpstreamSettings

PATIENCE_S = 60.0
LONGEST = 2000  # characters of an answer
VERSION = ("anthropic-version", "2023-06-01")
ASKED = {  # by wire: where one token is asked for, and how
    "anthropic-messages": ("/messages", {"max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}),
    "openai-responses": ("/responses", {"input": "hi", "max_output_tokens": 16, "store": False}),
    "openai-chat": ("/chat/completions", {"max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}),
}


@dataclass(frozen=True, slots=True)
class Probed:
    """``status`` 0: no answer. ``answer``: its first characters, or what went wrong."""

    upstream: str
    url: str
    status: int
    ms: int
    answer: str

    @property
    def is_well(self) -> bool:
        return 0 < self.status < 400


def probe(upstream: UpstreamSettings, environment: Mapping[str, str], model: str = "", patience_s: float = PATIENCE_S) -> Probed:
    """Which models there are; with ``model`` one token of it. Raises ConfigError where the key is not there."""
    import httpx

    wire = SERVICE_WIRE[upstream.service] if upstream.wire == "client" else upstream.wire
    key = find_key(upstream.key, environment) if upstream.key else None
    path, body = ASKED[wire] if model and wire in ASKED else ("/models", None)
    headers = (VERSION,) if wire == "anthropic-messages" else ()
    changed, _ = apply_headers(headers, upstream.headers, wire, streams=False, has_body=bool(body))
    url, began = url_of(upstream.base_url, "", path, "", wire), time.perf_counter()
    try:
        reply = httpx.request(
            "POST" if body else "GET", url, json={"model": model, **body} if body else None, timeout=patience_s,
            headers=[*for_upstream(changed, key, upstream.auth, wire).items()],
        )  # fmt: skip
        status, answer = reply.status_code, reply.text
    except httpx.HTTPError as error:
        status, answer = 0, f"no answer: {error or type(error).__name__}"
    shown = scrubbed_text(answer[:LONGEST], [key.value] if key else [])
    return Probed(upstream.name, url, status, round((time.perf_counter() - began) * 1000), shown)
