"""A gateway in this process, on real sockets, in front of upstreams that say byte by byte what they are told to."""

from __future__ import annotations

import http.client
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import uvicorn

from procy.gateway.address import SERVICES, listen
from procy.gateway.app import App, Plan
from procy.gateway.record import Recorder
from procy.gateway.rows import Rows
from procy.gateway.steering import Attempt, Key, Unsteered
from procy.gateway.tokens import Tokens
from procy.gateway.writer import Writer
from procy.settings import Price, Settings
from procy.store.db import open_reader
from procy.store.exchanges import read_body
from tests.conftest import wait_until

SECRET = "the secret of a test's data directory"


class Heard:
    """One request as an upstream saw it: its bytes up to the body, and the body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.head, self.body = head, body
        self.line, *rows = head.decode("latin-1").split("\r\n")
        self.headers = [(name.lower(), value.strip()) for name, _, value in (row.partition(":") for row in rows if row)]

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Upstream:
    """Answers each request by calling ``script(heard, socket)``, which writes whatever bytes it likes."""

    def __init__(self, script: Callable[[Heard, socket.socket], None]) -> None:
        self.heard: list[Heard] = []
        self.gone = 0  # clients that went away while they were answered
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                file = self.request.makefile("rb")
                while heard := read_request(file):
                    owner.heard.append(heard)
                    try:
                        owner.script(heard, self.request)
                    except (ConnectionError, TimeoutError):
                        owner.gone += 1
                        return
                    except StopIteration:
                        return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
            request_queue_size = 128

        self.script = script
        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def read_request(file) -> Heard | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = file.readline()
        if not line:
            return None
        head += line
    heard = Heard(head[:-4], b"")
    heard.body = file.read(int(heard.header("content-length") or 0))
    return heard


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole reply with its length."""
    rows = [f"HTTP/1.1 {status}", *(headers or ("content-type: application/json",)), f"content-length: {len(body)}"]
    return ("\r\n".join(rows) + "\r\n\r\n").encode() + body


def stream_head(*headers: str) -> bytes:
    rows = ["HTTP/1.1 200 OK", *(headers or ("content-type: text/event-stream",)), "transfer-encoding: chunked"]
    return ("\r\n".join(rows) + "\r\n\r\n").encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


class GatewayLab:
    """``url(service)`` and ``token``; ``rows()`` waits until what was put is written."""

    def __init__(
        self,
        root: Path,
        upstreams: Mapping[str, str],
        key: Key | None = None,
        raw: str = "keep",
        prices: Mapping[str, Price] | None = None,
        **plan,
    ) -> None:
        self.db = str(root / "procy.db")
        settings = Settings(raw=raw, prices=prices or {})
        self.recorder = Recorder(Writer(self.db, Rows(settings, raw)))
        self.tokens = Tokens(SECRET)
        self.token = self.tokens.general()
        attempts = {service: Attempt(f"up-{service}", url, key=key) for service, url in upstreams.items()}
        self._listeners = {service: listen(service, 0) for service in SERVICES}
        self.ports = {service: listener.getsockname()[1] for service, listener in self._listeners.items()}
        options = {"steering": Unsteered(attempts)} | plan
        services = {port: service for service, port in self.ports.items()}
        self.app = App(Plan(services=services, recorder=self.recorder, tokens=self.tokens, **options))
        config = uvicorn.Config(
            self.app, log_config=None, log_level="critical", access_log=False, lifespan="on", server_header=False,
            date_header=False, timeout_graceful_shutdown=2, ws="websockets-sansio",
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=(list(self._listeners.values()),), daemon=True)

    def __enter__(self) -> GatewayLab:
        self.recorder.start()
        self._thread.start()
        wait_until(lambda: self._server.started, what="the gateway")
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self.recorder.stop()

    def url(self, service: str = "claude") -> str:
        return f"http://127.0.0.1:{self.ports[service]}/p/{self.token}"

    def connect(self, service: str = "claude") -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.ports[service], timeout=30)

    def post(
        self, body: bytes | object, path: str = "/v1/messages", service: str = "claude", method: str = "POST", **headers: str
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One call with the token in the path."""
        connection = self.connect(service)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/p/{self.token}{path}", raw, {"content-type": "application/json", **named})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, response.getheaders(), data

    def rows(self, count: int = 1, seconds: float = 30.0) -> list[dict[str, object]]:
        """The calls, once so many of them have ended."""

        def ended() -> list[dict[str, object]]:
            found = self.read("SELECT * FROM exchanges ORDER BY started_at, id")
            return found if len(found) >= count and all(row["outcome"] for row in found) else []

        return wait_until(ended, seconds, f"{count} ended calls; {self.recorder.condition()}")  # type: ignore[return-value]

    def read(self, sql: str, *values: object) -> list[dict[str, object]]:
        try:
            connection = open_reader(self.db)
        except Exception:  # noqa: BLE001
            return []
        with connection:
            found = [dict(row) for row in connection.execute(sql, values)]
        connection.close()
        return found

    def body(self, exchange_id: object, side: str) -> bytes | None:
        connection = open_reader(self.db)
        try:
            return read_body(connection, str(exchange_id), side)
        finally:
            connection.close()

    def everything(self) -> bytes:
        """All that is in the database, decoded: to look for what must not be there."""
        connection = open_reader(self.db)
        found = []
        for (table,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'exchange%'"
        ).fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
        for exchange, side in connection.execute("SELECT exchange_id, side FROM exchange_bodies").fetchall():
            found.append(read_body(connection, exchange, side) or b"")
        connection.close()
        return b"\n".join(found)


def after(seconds: float) -> None:
    """An upstream that thinks."""
    time.sleep(seconds)
