"""An upstream that answers at once, and the least that passes calls on: both bare ASGI."""

from __future__ import annotations

import json
import socket
import sys

import aiohttp
import uvicorn

USAGE = {"input_tokens": 1200, "output_tokens": 777, "cache_read_input_tokens": 300, "cache_creation_input_tokens": 0}
REPLY = json.dumps(
    {"id": "msg_1", "type": "message", "model": "bench", "content": [{"type": "text", "text": "x" * 500}], "usage": USAGE}
).encode()
DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}\n\n'
)
EVENTS = [
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"bench","usage":{"input_tokens":1200}}}\n\n',
    *(DELTA % (b"word " * 10) for _ in range(50)),
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":777}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


async def body_of(receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def upstream(scope, receive, send) -> None:
    body = await body_of(receive)
    if b'"stream": true' not in body and b'"stream":true' not in body:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(REPLY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": REPLY})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for event in EVENTS:
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class Through:
    """Passes calls to ``base``, and keeps nothing."""

    def __init__(self, base: str) -> None:
        self.base, self.session = base, None

    async def __call__(self, scope, receive, send) -> None:
        if self.session is None:
            self.session = aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0))
        body = await body_of(receive)
        headers = [
            (name.decode(), value.decode()) for name, value in scope["headers"] if name not in (b"host", b"content-length")
        ]
        async with self.session.post(self.base + scope["path"], data=body, headers=headers) as reply:
            kept = [(name, value) for name, value in reply.raw_headers if name.lower() != b"transfer-encoding"]
            await send({"type": "http.response.start", "status": reply.status, "headers": kept})
            async for piece in reply.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def main() -> None:
    app = upstream if sys.argv[1] == "upstream" else Through(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
