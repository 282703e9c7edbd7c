"""Carrying one call: to an upstream, and its reply back, byte for byte and at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp

from procy.gateway import upstream
from procy.gateway.call import Call, Headers
from procy.gateway.entries import Closed, Opened
from procy.gateway.hop import as_headers, as_raw, reply_headers
from procy.gateway.masking import scrubbed_text
from procy.gateway.steering import Attempt, Outcome, Refused, Reply, Steering
from procy.gateway.tale import Tale
from procy.parse.wire.failure import error_body, error_event
from procy.parse.wire.sse import complete_part

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Put = Callable[[Opened | Closed], None]

log = logging.getLogger("procy.gateway")

OF_BODY = (b"content-length", b"content-encoding", b"etag", b"content-md5", b"digest")  # untrue of a body that was changed
LONGEST_HELD = 1 << 16  # bytes of an event that wait for its end, so that a broken stream can end with an event of ours


class Broken(Exception):
    """The reply broke off in its middle, in a form in which that cannot be said."""


class Forwarder:
    def __init__(self, session: aiohttp.ClientSession, steering: Steering, put: Put) -> None:
        self.session, self.steering, self.put = session, steering, put
        self.in_flight = 0

    async def carry(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer the call. It is recorded however it ends; one whose client goes away is cancelled at the upstream too."""
        tale = Tale(call)
        self.put(Opened(self.steering.kept(call), len(call.body)))
        self.in_flight += 1
        task = asyncio.current_task()
        assert task is not None

        def left(_: asyncio.Future[Message]) -> None:
            if not tale.over:
                tale.gone = True
                task.cancel()

        listener = asyncio.ensure_future(receive())
        listener.add_done_callback(left)
        try:
            await self._answer(call, tale, send)
        except asyncio.CancelledError:
            if not tale.gone:
                tale.end("gateway_error", "the gateway was stopped")
                raise
            tale.end("client_abort", "the client went away")
        except Exception:
            log.exception("a call failed within the gateway")
            tale.end("gateway_error", "the gateway failed; see: procy gateway logs --process")
            raise
        finally:
            tale.over = True
            listener.cancel()
            self.in_flight -= 1
            self.put(tale.closed())

    async def _answer(self, call: Call, tale: Tale, send: Send) -> None:
        try:
            await self._attempts(call, tale, send)
        except Refused as refused:
            if tale.outcome == "gateway_error":
                tale.end("rejected", str(refused))
            tale.status = refused.status
            await send_error(send, call.wire, refused)
        except Broken as broken:
            tale.end(tale.outcome if tale.outcome == "timeout" else "upstream_error", str(broken))

    async def _attempts(self, call: Call, tale: Tale, send: Send) -> None:
        attempts = self.steering.plan(call)
        if not attempts:
            remedy = f'Name one: procy gateway use NAME, or [upstreams.NAME] service = "{call.service}" in the settings'
            raise Refused(503, f"there is no upstream for {call.service}", remedy)
        for place, attempt in enumerate(attempts, 1):
            tale.attempt = attempt
            tale.waited_ms += await self.steering.admit(attempt)
            tale.sent = self.steering.change(call, attempt)
            if await self._one(call, attempt, tale, send, is_last=place == len(attempts)):
                return

    async def _one(self, call: Call, attempt: Attempt, tale: Tale, send: Send, is_last: bool) -> bool:
        """Whether the call was answered; False where the next upstream shall try."""
        assert tale.sent is not None
        began = time.perf_counter()

        def result(kind: str, status: int = 0, retry_after: str | None = None) -> bool:
            took = (time.perf_counter() - began) * 1000
            return self.steering.result(attempt, Outcome(kind, status, retry_after, time.time_ns(), took)) and not is_last

        try:
            reply = await upstream.ask(self.session, call, attempt, tale.sent)
        except asyncio.TimeoutError as error:
            if result("timeout"):
                tale.fail(attempt, "timeout", 0, words(error))
                return False
            tale.end("timeout", words(error))
            raise Refused(504, f"{attempt.upstream} did not answer in time", "Look at it: procy gateway test") from error
        except upstream.ERRORS as error:
            if result("connect"):
                tale.fail(attempt, "connect", 0, words(error))
                return False
            tale.end("upstream_error", words(error))
            what = scrubbed_text(words(error), [attempt.key.value] if attempt.key else [])
            raise Refused(502, f"{attempt.upstream} cannot be reached: {what}", "Look at it: procy gateway test") from error
        except asyncio.CancelledError:
            result("abort")
            raise
        try:
            if reply.status >= 400 and result("status", reply.status, reply.headers.get("retry-after")):
                tale.fail(attempt, "status", reply.status, reply.reason or "")
                return False
            kind = "abort"
            try:
                kind = await self._pass_on(reply, tale.sent.reply, tale, send)
            finally:
                if reply.status < 400:
                    result(kind, reply.status)
            return True
        finally:
            reply.close() if not reply.content.at_eof() else reply.release()

    async def _pass_on(self, reply: aiohttp.ClientResponse, turned: Reply | None, tale: Tale, send: Send) -> str:
        """Head and body to the client. Returns the kind of outcome. Raises Broken where the connection has to break."""
        tale.status, tale.reply_headers = reply.status, as_headers(reply.raw_headers)
        status, raw = reply.status, reply_headers(reply.raw_headers)
        if turned is not None:
            status, changed = turned.begin(reply.status, as_headers(raw))
            tale.status, raw = status, [pair for pair in as_raw(changed) if pair[0] not in OF_BODY]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        out = Out(send, can_say_error(raw))
        try:
            async for piece in reply.content.iter_any():
                tale.take(piece)
                tale.first_byte_ms = tale.first_byte_ms or tale.ms()
                await out.put(piece if turned is None else turned.feed(piece), reply.content.at_eof() and turned is None)
            if turned is not None:
                await out.put(turned.end())
            await out.end()
        except (asyncio.TimeoutError, aiohttp.ClientError, OSError) as error:
            return await self._broke_off(error, out, tale, turned)
        tale.end(
            "ok" if reply.status < 400 else "upstream_error", None if reply.status < 400 else f"{reply.status} {reply.reason}"
        )
        return "ok"

    async def _broke_off(self, error: Exception, out: Out, tale: Tale, turned: Reply | None) -> str:
        is_late = isinstance(error, asyncio.TimeoutError)
        why = f"the upstream's reply broke off: {'nothing came any more' if is_late else words(error)}"
        tale.end("timeout" if is_late else "upstream_error", why)
        if not out.can_say:
            raise Broken(why)
        await out.fail(error_event(tale.call.wire, why, out.last) if turned is None else turned.fail(why))
        return "timeout" if is_late else "broken"


class Out:
    """The body on its way to the client. Where an error can be said, an event goes out when it is whole."""

    def __init__(self, send: Send, can_say: bool) -> None:
        self.send, self.can_say = send, can_say
        self.held, self.last = b"", b""
        self.ended = False

    async def put(self, data: bytes, is_end: bool = False) -> None:
        if self.can_say and not is_end:
            data = self.held + data if self.held else data
            end = complete_part(data)
            if len(data) - end > LONGEST_HELD:
                end = len(data)
            data, self.held = data[:end], data[end:]
            self.last = data or self.last
        elif self.held:
            data, self.held = self.held + data, b""
        if data or is_end:
            self.ended = is_end
            await self.send({"type": "http.response.body", "body": data, "more_body": not is_end})

    async def end(self) -> None:
        if not self.ended:
            await self.put(b"", is_end=True)

    async def fail(self, event: bytes) -> None:
        """What is held of an event that will not come to its end is left out."""
        self.held = b""
        await self.put(event, is_end=True)


def can_say_error(raw: list[tuple[bytes, bytes]]) -> bool:
    """Whether an event of ours may follow what the client has got: in a stream that is neither compressed nor counted."""
    headers = dict(raw)
    is_plain = headers.get(b"content-encoding", b"identity") == b"identity" and b"content-length" not in headers
    return is_plain and b"event-stream" in headers.get(b"content-type", b"")


async def send_error(send: Send, wire: str, refused: Refused) -> None:
    await send_reply(send, refused.status, error_body(wire, refused.status, str(refused)))


async def send_reply(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    """A JSON answer of the gateway's own."""
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *as_raw(headers)]})
    await send({"type": "http.response.body", "body": body})


def words(error: BaseException) -> str:
    """Of an error, without the library's own ornaments."""
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.strerror:
        return f"{error.host}:{error.port}: {error.os_error.strerror}"
    return str(error) or type(error).__name__
