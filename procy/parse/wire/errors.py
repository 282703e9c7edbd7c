"""Errors of an upstream, from its wire to the client's. The status stays what it is."""

from __future__ import annotations

import json
import re
from typing import Any

from procy.parse.wire.failure import error_object
from procy.parse.wire.fields import mapping, string
from procy.parse.wire.neutral import Failure

STATUS = {  # of an error in mid-stream, which has none
    "invalid_request_error": 400, "authentication_error": 401, "permission_error": 403, "not_found_error": 404,
    "request_too_large": 413, "rate_limit_error": 429, "rate_limit_exceeded": 429, "overloaded_error": 529,
    "server_is_overloaded": 503, "context_length_exceeded": 400, "insufficient_quota": 429, "timeout_error": 504,
}  # fmt: skip
CODES = {429: "rate_limit_exceeded", 503: "server_is_overloaded", 529: "server_is_overloaded"}  # which OpenAI's clients know
TYPES = {503: "overloaded_error", 504: "timeout_error"}  # which Anthropic's clients know
TOO_LONG = "context_length_exceeded"
SAID_TOO_LONG = re.compile(r"prompt is too long|context (length|window)|maximum context", re.IGNORECASE)


def read(status: int, body: bytes) -> Failure:
    """An error reply of any wire; of what is no JSON, the first words are the message."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    found = mapping(value)
    if not found:
        return Failure(status, body[:500].decode("utf-8", "replace").strip() or f"the upstream answered {status}")
    return read_object(found, status)


def read_object(value: dict[str, Any], status: int = 0) -> Failure:
    """Of an error's object, or of the event that holds one. Without a ``status``, what its type stands for counts."""
    inner = mapping(value.get("error")) or value
    message = string(value.get("error")) or string(inner.get("message")) or string(inner.get("detail"))
    kind, code = string(inner.get("type")), string(inner.get("code"))
    number = inner.get("code") if isinstance(inner.get("code"), int) else None
    known = STATUS.get(code) or STATUS.get(kind) or (number if number and 400 <= number < 600 else 502)
    status = status or known
    if status in (400, 413) and SAID_TOO_LONG.search(message):
        code = TOO_LONG
    return Failure(status, message or f"the upstream failed with {code or kind or status}", kind, code)


def written(wire: str, failure: Failure) -> dict[str, Any]:
    """The error as the client's wire has it. A conversation that is too long is said in the words by which agents know that
    they have to compact it."""
    message = failure.message
    if wire == "anthropic-messages" and failure.code == TOO_LONG and "prompt is too long" not in message:
        message = f"prompt is too long: {message}"
    value = error_object(wire, failure.status, message)
    if wire == "anthropic-messages":
        value["error"]["type"] = TYPES.get(failure.status, value["error"]["type"])
    else:
        value["error"]["code"] = failure.code or CODES.get(failure.status) or failure.kind or None
    return value
