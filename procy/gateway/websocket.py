"""WebSocket calls, passed through message by message.

Where a rule would have to look into messages, the steering refuses the call; clients go on by HTTP. Recorded as
one call: its reply is what the upstream said, a text message a line, and what the client said is kept as ``sent``.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
from yarl import URL

from procy.gateway import upstream
from procy.gateway.call import Call, Headers
from procy.gateway.entries import Opened
from procy.gateway.forward import Forwarder, Receive, Send, words
from procy.gateway.hop import for_upstream
from procy.gateway.paths import url_of
from procy.gateway.steering import Attempt, Outcome, Refused
from procy.gateway.tale import Tale
from procy.parse.wire.failure import error_body

OF_HANDSHAKE = "sec-websocket-"
LARGEST = 64 << 20  # bytes of a message


async def carry(forwarder: Forwarder, call: Call, receive: Receive, send: Send, protocols: list[str]) -> None:
    tale = Tale(call)
    forwarder.put(Opened(call, len(call.body)))
    forwarder.in_flight += 1
    try:
        attempt = await choose(forwarder, call, tale)
        await connect(forwarder, call, attempt, tale, receive, send, protocols)
    except Refused as refused:
        tale.end("rejected" if refused.status != 502 else "upstream_error", str(refused))
        tale.status = refused.status
        await refuse(send, call.wire, refused)
    except asyncio.CancelledError:
        tale.end("gateway_error", "the gateway was stopped")
        raise
    finally:
        forwarder.in_flight -= 1
        forwarder.put(tale.closed())


async def refuse(send: Send, wire: str, refused: Refused) -> None:
    """Answer the handshake with the status and the words of an HTTP call."""
    body = error_body(wire, refused.status, str(refused))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


async def choose(forwarder: Forwarder, call: Call, tale: Tale) -> Attempt:
    """The best upstream: a socket is not tried again elsewhere."""
    attempts = forwarder.steering.plan(call)
    if not attempts:
        raise Refused(503, f"there is no upstream for {call.service}", "Name one: procy gateway use NAME")
    tale.attempt = attempts[0]
    tale.waited_ms = await forwarder.steering.admit(attempts[0])
    tale.sent = forwarder.steering.change(call, attempts[0])
    return attempts[0]


async def connect(
    forwarder: Forwarder, call: Call, attempt: Attempt, tale: Tale, receive: Receive, send: Send, protocols: list[str]
) -> None:
    assert tale.sent is not None
    url = url_of(attempt.base_url, call.version, tale.sent.path, tale.sent.query, attempt.wire or call.wire)
    kept: Headers = tuple(pair for pair in tale.sent.headers if not pair[0].startswith(OF_HANDSHAKE))
    try:
        socket = await forwarder.session.ws_connect(
            URL(url, encoded=True), headers=for_upstream(kept, attempt.key, attempt.auth, attempt.wire or call.wire),
            protocols=protocols, autoping=True, max_msg_size=LARGEST, proxy=upstream.way_out(attempt.base_url),
        )  # fmt: skip
    except aiohttp.WSServerHandshakeError as error:
        forwarder.steering.result(attempt, Outcome("status", error.status))
        raise Refused(502, f"{attempt.upstream} answers {error.status} to a WebSocket") from error
    except (asyncio.TimeoutError, *upstream.ERRORS) as error:
        forwarder.steering.result(attempt, Outcome("connect"))
        raise Refused(502, f"{attempt.upstream} cannot be reached: {words(error)}") from error
    async with socket:
        tale.status = 101
        await send({"type": "websocket.accept", "subprotocol": socket.protocol})
        await both_ways(socket, tale, receive, send)
    forwarder.steering.result(attempt, Outcome("ok", 101))


async def both_ways(socket: aiohttp.ClientWebSocketResponse, tale: Tale, receive: Receive, send: Send) -> None:
    up = asyncio.ensure_future(to_upstream(socket, tale, receive))
    down = asyncio.ensure_future(to_client(socket, tale, send))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down):
            task.cancel()
            with suppress(asyncio.CancelledError, *upstream.ERRORS):
                await task
    tale.end("ok")


async def to_upstream(socket: aiohttp.ClientWebSocketResponse, tale: Tale, receive: Receive) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        if (text := message.get("text")) is not None:
            tale.said.append(text.encode("utf-8", "replace"))
            await socket.send_str(text)
        else:
            await socket.send_bytes(message["bytes"])


async def to_client(socket: aiohttp.ClientWebSocketResponse, tale: Tale, send: Send) -> None:
    async for message in socket:
        tale.first_byte_ms = tale.first_byte_ms or tale.ms()
        if message.type is aiohttp.WSMsgType.TEXT:
            tale.take(message.data.encode() + b"\n")
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            tale.take(message.data)
            await send({"type": "websocket.send", "bytes": message.data})
    await send({"type": "websocket.close", "code": socket.close_code or 1000})
