"""Errors of the gateway's own, in the client's wire: as a whole reply, and as an event in the middle of a stream."""

from __future__ import annotations

import json
import re
from typing import Any

SEQUENCE = re.compile(rb'"sequence_number":\s*(\d+)')
ANTHROPIC = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error",
}  # fmt: skip
GEMINI = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}


def error_body(wire: str, status: int, message: str) -> bytes:
    return json.dumps(error_object(wire, status, message), ensure_ascii=False).encode()


def error_object(wire: str, status: int, message: str) -> dict[str, Any]:
    if wire == "anthropic-messages":
        return {"type": "error", "error": {"type": ANTHROPIC.get(status, "api_error"), "message": message}}
    if wire == "gemini":
        return {"error": {"code": status, "message": message, "status": GEMINI.get(status, "UNAVAILABLE")}}
    kind = "invalid_request_error" if 400 <= status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": f"gateway_{status}"}}


def error_event(wire: str, message: str, before: bytes = b"") -> bytes:
    """The event with which a stream of that wire ends badly. ``before``: what the client got last, for its event's number."""
    value = error_object(wire, 502, message)
    if wire == "anthropic-messages":
        return b"event: error\ndata: " + json.dumps(value).encode() + b"\n\n"
    if wire == "openai-responses":
        seen = SEQUENCE.findall(before)
        failed: dict[str, Any] = {"id": "", "object": "response", "status": "failed", "output": []}
        failed["error"] = {"code": "server_error", "message": message}
        number = int(seen[-1]) + 1 if seen else 0
        event = {"type": "response.failed", "sequence_number": number, "response": failed}
        return b"event: response.failed\ndata: " + json.dumps(event).encode() + b"\n\n"
    return b"data: " + json.dumps(value).encode() + b"\n\n"
