"""JSON as procy writes it to a wire."""

from __future__ import annotations

import json
from typing import Any


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encoded(value: Any) -> bytes:
    """The bytes of it. Half a surrogate pair, as some servers cut their pieces, stays an escape."""
    try:
        return compact(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def event(data: dict[str, Any], name: str = "") -> bytes:
    """One server-sent event; JSON written like this has no line feed."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + encoded(data) + b"\n\n"
