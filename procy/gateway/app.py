"""The gateway as a bare ASGI application: one for all ports, each of which is a service."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import aiohttp

from procy import __version__, ids
from procy.gateway import websocket
from procy.gateway.auth import Admitted, admit, check_origin
from procy.gateway.call import Call
from procy.gateway.entries import Closed, Opened
from procy.gateway.forward import Forwarder, Message, Receive, Send, send_error, send_reply
from procy.gateway.helpers import HELPERS
from procy.gateway.hop import as_headers, request_headers
from procy.gateway.join import first_of
from procy.gateway.paths import split_upstream, split_version, wire_of
from procy.gateway.record import Recorder
from procy.gateway.steering import Refused, Steering
from procy.gateway.tokens import Tokens
from procy.gateway.upstream import open_session

LARGEST_BODY = 256 << 20
BODY_S = 60.0  # how long a client may be silent in the middle of its request
HEALTH = ("/health", "/v1/health")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the application is made of. ``services``: by port."""

    services: Mapping[int, str]
    steering: Steering
    recorder: Recorder
    tokens: Tokens = field(repr=False)
    token_required: bool = True
    connect_s: float = 30.0
    idle_s: float = 600.0
    body_s: float = BODY_S


class App:
    """See ``Plan``. Lifespan has to be on: the session for upstreams lives as long as the server."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.session: aiohttp.ClientSession | None = None
        self.forwarder: Forwarder | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self.websocket(scope, receive, send)
        else:
            await self.lifespan(receive, send)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with open_session(self.plan.connect_s, self.plan.idle_s) as self.session:
            self.forwarder = Forwarder(self.session, self.plan.steering, self.plan.recorder.put)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def http(self, scope: Message, receive: Receive, send: Send) -> None:
        call = self.bare_call(scope)
        try:
            admitted = self.at_the_door(scope, is_websocket=False)
        except Refused as refused:
            self.note(call, "rejected", refused.status, str(refused))
            await send_error(send, call.wire, refused)
            return
        if admitted is None:
            await send_reply(send, 200, self.health(call.service, scope["server"][1]))
            return
        try:
            call = known(call, admitted, await read_body(receive, self.plan.body_s))
        except Unfinished as end:
            call = known(call, admitted, end.body)
            self.note(call, end.outcome, end.status, str(end), end.came)
            if end.status:
                await send_error(send, call.wire, Refused(end.status, str(end)))
            return
        await self.answer(call, admitted.path, receive, send)

    async def answer(self, call: Call, path: str, receive: Receive, send: Send) -> None:
        assert self.forwarder is not None
        helper = HELPERS.get((call.method, path))
        if helper is None:
            await self.forwarder.carry(call, receive, send)
            return
        try:
            await helper(self.forwarder, call, call.body, receive, send)
        except Refused as refused:
            self.note(bare(call), "rejected", refused.status, str(refused))
            await send_error(send, call.wire, refused)

    async def websocket(self, scope: Message, receive: Receive, send: Send) -> None:
        assert self.forwarder is not None
        call = self.bare_call(scope)
        await receive()  # websocket.connect
        try:
            admitted = self.at_the_door(scope, is_websocket=True)
        except Refused as refused:
            self.note(call, "rejected", refused.status, str(refused))
            await websocket.refuse(send, call.wire, refused)
            return
        assert admitted is not None  # health is asked for by GET
        await websocket.carry(self.forwarder, known(call, admitted, b""), receive, send, scope.get("subprotocols") or [])

    def bare_call(self, scope: Message) -> Call:
        """What is told about a call that does not pass the door: nothing of what it brings along."""
        now_ns, path = time.time_ns(), raw_path(scope)
        version, rest = split_version(path)
        shown = "/p/…" if path.startswith("/p/") else rest[:1000]
        if path.startswith("/p/"):
            rest = split_version("/" + path[3:].partition("/")[2])[1]
        service, method = self.plan.services[scope["server"][1]], scope.get("method", "GET")
        key = ids.new_id(now_ns, secrets.token_bytes(10))
        return Call(key, service, wire_of(rest), method, shown, "", (), b"", now_ns, version=version)

    def at_the_door(self, scope: Message, is_websocket: bool) -> Admitted | None:
        """None for a question about the gateway's health, which everybody here may ask. Raises Refused."""
        every = as_headers(scope["headers"])
        check_origin(every, first_of(every, ("host",)) or "", is_websocket)
        path = raw_path(scope)
        if path in HEALTH and scope.get("method") in ("GET", "HEAD"):
            return None
        headers = request_headers(every)
        query = scope["query_string"].decode("latin-1")
        return admit(path, query, headers, self.plan.tokens, self.plan.token_required)

    def health(self, service: str, port: int) -> bytes:
        condition = self.plan.recorder.condition()
        return json.dumps(
            {
                "status": "ok",
                "service": service,
                "port": port,
                "pid": os.getpid(),
                "active_config": self.plan.steering.active(service),
                "steering": self.plan.steering.told(service),
                "version": __version__,
                "in_flight": self.forwarder.in_flight if self.forwarder else 0,
                "recorder": asdict(condition),
            }
        ).encode()

    def note(self, call: Call, outcome: str, status: int | None, error: str, came: int = 0) -> None:
        """A row for what did not become a call. ``came``: bytes of its body, of which it may have less."""
        took = (time.time_ns() - call.started_ns) / 1e6
        self.plan.recorder.put(Opened(self.plan.steering.kept(call), came))
        self.plan.recorder.put(Closed(call=call, outcome=outcome, status=status, error=error, duration_ms=took))


def known(call: Call, admitted: Admitted, body: bytes) -> Call:
    """With all that its client said."""
    upstream, rest = split_upstream(admitted.path)
    version, path = split_version(rest)
    return replace(
        call, wire=wire_of(path), path=path, query=admitted.query, headers=admitted.headers, session_id=admitted.session_id,
        version=version, upstream=upstream, body=body,
    )  # fmt: skip


def bare(call: Call) -> Call:
    """Without what its client said."""
    return replace(call, headers=(), query="", body=b"")


def raw_path(scope: Message) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1")


class Unfinished(Exception):
    """A request that did not become whole. ``body`` is what came of it, b"" where that is too much to keep."""

    def __init__(self, outcome: str, status: int | None, why: str, body: bytes, came: int) -> None:
        super().__init__(f"{why}: {came} bytes of its body came")
        self.outcome, self.status, self.body, self.came = outcome, status, body, came


async def read_body(receive: Receive, patience_s: float) -> bytes:
    """Raises Unfinished."""
    pieces: list[bytes] = []
    size = 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), patience_s)
        except asyncio.TimeoutError as error:
            why = f"nothing more of the request came for {patience_s:g} s"
            raise Unfinished("rejected", 408, why, b"".join(pieces), size) from error
        if message["type"] != "http.request":
            raise Unfinished("client_abort", None, "the client went away in the middle of its request", b"".join(pieces), size)
        piece = message.get("body", b"")
        size += len(piece)
        if size > LARGEST_BODY:
            raise Unfinished("rejected", 413, f"the request is larger than {LARGEST_BODY >> 20} MiB", b"", size)
        if not message.get("more_body"):
            return b"".join([*pieces, piece]) if pieces else bytes(piece)
        pieces.append(piece)
