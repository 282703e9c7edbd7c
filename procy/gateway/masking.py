"""What must not be stored: keys, in headers and wherever else they turn up."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from functools import lru_cache

from procy.gateway.call import Headers
from procy.parse.redact import mask, mask_json
from procy.parse.rules import Rules, current

SECRET = re.compile(r"auth|key|token|secret|cookie|password|credential|signature", re.IGNORECASE)
SHORTEST = 8  # characters of a secret that is looked for in bodies: a client's dummy key is everywhere
VOLATILE = frozenset({"content-length"})  # told by the body itself; without it an agent's headers are the same with each call


def digest(secret: str) -> str:
    """Eight characters that tell two secrets apart."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def shown_headers(headers: Headers) -> bytes:
    """As JSON: a list of pairs, with secrets as their digests."""
    rows = [[name, shown_value(name, value)] for name, value in headers if name not in VOLATILE]
    return json.dumps(rows, ensure_ascii=False).encode("utf-8", "replace")


def shown_value(name: str, value: str) -> str:
    return shown_by(name, value, current())


@lru_cache(maxsize=2000)
def shown_by(name: str, value: str, _: Rules) -> str:
    if not SECRET.search(name):
        return mask(value)
    scheme, space, secret = value.rpartition(" ") if "auth" in name else ("", "", value)
    return f"{scheme}{space}[key {digest(secret)}]"


def secrets_in(headers: Headers) -> list[str]:
    """The secrets that a call bears, so that an answer which repeats them can be cleaned."""
    return [value.rpartition(" ")[2] for name, value in headers if SECRET.search(name)]


def scrubbed(data: bytes, secrets: Iterable[str]) -> bytes:
    for secret in secrets:
        if len(secret) >= SHORTEST and (raw := secret.encode("utf-8", "surrogatepass")) in data:
            data = data.replace(raw, f"[key {digest(secret)}]".encode())
    return data


def scrubbed_text(text: str, secrets: Iterable[str]) -> str:
    return mask(scrubbed(text.encode("utf-8", "replace"), secrets).decode("utf-8", "replace"))


def masked(data: bytes) -> bytes:
    """Every secret by its shape, for ``raw = "redact"``; what is no text stays out."""
    try:
        return mask_json(data.decode("utf-8")).encode()
    except UnicodeDecodeError:
        return b"[not text]"
