"""The little HTTP the wires need, as bare ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

Send = Callable[[dict], Awaitable[None]]


class Cut(Exception):
    """Raised by an event stream to break the connection without a proper end."""


@dataclass(frozen=True)
class Request:
    """One HTTP request. `headers` have lower-case names; `body` is the parsed JSON object, {} when there is none."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict


async def read_request(scope: dict, receive: Callable[[], Awaitable[dict]]) -> Request:
    raw = bytearray()
    while True:
        message = await receive()
        raw += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        body = {}
    return Request(scope["method"], scope["path"], headers, body if isinstance(body, dict) else {})


async def send_json(send: Send, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
    raw = json.dumps(value).encode()
    extra = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fixed + extra})
    await send({"type": "http.response.body", "body": raw})


async def send_events(send: Send, events: AsyncIterator[dict], headers: dict[str, str] | None = None) -> None:
    """Server-sent events, each named after its `type`. A client that goes away ends the stream; Cut breaks it."""
    extra = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
    fixed = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": fixed + extra})
    async for event in events:
        raw = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
        await send({"type": "http.response.body", "body": raw, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_data(send: Send, events: AsyncIterator[dict], headers: dict[str, str] | None = None, done: bool = True) -> None:
    """Server-sent events without names; with `done`, closed by `[DONE]`."""
    extra = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
    fixed = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": fixed + extra})
    async for event in events:
        await send({"type": "http.response.body", "body": f"data: {json.dumps(event)}\n\n".encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n" if done else b""})


async def paced(text: str, seconds: float) -> AsyncIterator[str]:
    """`text` in pieces: ten a second when it shall take `seconds`, else 2 KiB each."""
    count = max(2, round(seconds * 10)) if seconds else 1 + len(text) // 2048
    size = max(1, -(-len(text) // count))
    for start in range(0, len(text), size):
        if seconds and start:
            await asyncio.sleep(seconds / count)
        yield text[start : start + size]
