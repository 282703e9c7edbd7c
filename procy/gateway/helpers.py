"""Requests that the gateway makes ready or makes itself: a valid body of the Responses wire, and a quick try of one.

``POST /api/codex/build-body`` and ``POST /api/codex/quick-send``, with ``{"prompt": …, "model": …}``, on any port.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from procy.gateway.call import Call
from procy.gateway.forward import Forwarder, Message, Receive, Send, send_reply
from procy.gateway.steering import Refused

HEADERS = {"content-type": "application/json", "accept": "text/event-stream"}
MOST_LINES = 60


def responses_body(wish: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest body that every upstream of the Responses wire takes. Raises Refused (400)."""
    for name in ("prompt", "model"):
        if not isinstance(wish.get(name), str) or not wish[name]:
            raise Refused(400, f"{name} is missing", 'Send {"prompt": "hi", "model": "…"}')
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": wish["prompt"]}]}
    body: dict[str, Any] = {"model": wish["model"], "input": [message], "stream": True, "store": False}
    reasoning = {key: wish[f"reasoning_{key}"] for key in ("effort", "summary") if wish.get(f"reasoning_{key}")}
    return {**body, "reasoning": reasoning} if reasoning else body


async def build_body(forwarder: Forwarder, call: Call, body: bytes, receive: Receive, send: Send) -> None:
    told = {"json": responses_body(read(body)), "headers": HEADERS}
    await send_reply(send, 200, json.dumps(told, ensure_ascii=False).encode())


async def quick_send(forwarder: Forwarder, call: Call, body: bytes, receive: Receive, send: Send) -> None:
    """Answers with the upstream's own status and the first lines that it says."""
    wish = read(body)
    most = wish.get("max_lines") if isinstance(wish.get("max_lines"), int) else MOST_LINES
    raw = json.dumps(responses_body(wish), ensure_ascii=False).encode()
    asked = replace(
        call, wire="openai-responses", method="POST", path="/responses", version="v1", query="", body=raw,
        headers=(*(pair for pair in call.headers if pair[0] not in HEADERS), *HEADERS.items()),
    )  # fmt: skip
    heard = Heard()
    await forwarder.carry(asked, receive, heard)
    lines = b"".join(heard.pieces).decode("utf-8", "replace").splitlines()[:most]
    told = {"status_code": heard.status, "lines": lines}
    await send_reply(send, heard.status, json.dumps(told, ensure_ascii=False).encode())


class Heard:
    """Takes an answer as a client would."""

    def __init__(self) -> None:
        self.status, self.pieces = 502, list[bytes]()

    async def __call__(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.pieces.append(message.get("body", b""))


def read(body: bytes) -> dict[str, Any]:
    try:
        wish = json.loads(body)
    except ValueError as error:
        raise Refused(400, f"the request is not JSON: {error}", 'Send {"prompt": "hi", "model": "…"}') from error
    if not isinstance(wish, dict):
        raise Refused(400, "the request is no JSON object", 'Send {"prompt": "hi", "model": "…"}')
    return wish


Helper = Callable[[Forwarder, Call, bytes, Receive, Send], Awaitable[None]]
HELPERS: dict[tuple[str, str], Helper] = {
    ("POST", "/api/codex/build-body"): build_body,
    ("POST", "/api/codex/quick-send"): quick_send,
}
