"""The scripted model server: `with ModelServer() as server: …server.url…`, on loopback, at a free port, in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from types import TracebackType

import uvicorn

from . import anthropic_messages, gemini, openai_chat, openai_responses
from .conversation import Conversation
from .desk import Desk, Received
from .http import Cut, Request, Send, read_request, send_json

WIRES = (anthropic_messages, openai_responses, openai_chat, gemini)

Handler = Callable[[Desk, Request, Send], Awaitable[None]]


class ModelServer:
    """Serves every wire in WIRES. `requests` lists what arrived, oldest first, and `errors` the server's own failures.
    Other paths get 404, `HEAD` of anything 200."""

    def __init__(self, port: int = 0) -> None:
        self._desk = Desk({wire.NAME: wire.side_reply for wire in WIRES})
        self._routes = {route: handler for wire in WIRES for route, handler in wire.ROUTES.items()}
        self.errors: list[Exception] = []
        quiet = {"log_config": None, "log_level": "critical", "access_log": False}
        config = uvicorn.Config(
            self._app, host="127.0.0.1", port=port, interface="asgi3", lifespan="off", timeout_graceful_shutdown=0, **quiet
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._uvicorn.run, name="model-server", daemon=True)

    @property
    def requests(self) -> list[Received]:
        return self._desk.requests

    @property
    def url(self) -> str:
        host, port = self._uvicorn.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._uvicorn.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the model server did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(timeout=10)

    def _handler(self, request: Request) -> Handler | None:
        """A route is a path, or a pattern for the whole of one."""
        for (method, path), handler in self._routes.items():
            if method == request.method and (path == request.path if isinstance(path, str) else path.fullmatch(request.path)):
                return handler
        return None

    async def _app(self, scope: dict, receive, send) -> None:
        if scope["type"] != "http":
            return
        request = await read_request(scope, receive)
        handler = self._handler(request)
        if handler is None:
            self._desk.note("", request, Conversation())
            await send_json(send, {"error": {"message": "no such path"}}, 200 if request.method == "HEAD" else 404)
            return
        try:
            await handler(self._desk, request, send)
        except Exception as error:  # uvicorn breaks the connection; a test that fails finds the cause in `errors`
            if not isinstance(error, Cut):
                self.errors.append(error)
            raise
