"""An endpoint as OpenAI's, on loopback, that plays what a test tells it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Play:
    """What to do with one request: wait, then answer; ``trickle``: a byte at a time, that many seconds apart."""

    body: Any = None
    status: int = 200
    wait_s: float = 0.0
    trickle_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # break off after half of the body


def said(text: Any, finish: str = "stop", **more: Any) -> Play:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 100, "completion_tokens": 7}
    return Play({"model": "m-1", "choices": [{"message": message, "finish_reason": finish}], "usage": usage, **more})


class Scripted:
    """``requests``: path, headers and JSON of each. The last play is repeated."""

    def __init__(self, plays: list[Play]) -> None:
        self.plays = plays
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.url = ""
        self.over = threading.Event()

    def next(self, path: str) -> Play:
        if path.endswith("/models"):
            return Play({"data": [{"id": "first-model"}, {"id": "second-model"}]})
        return self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]

    @property
    def bodies(self) -> list[Any]:
        return [body for path, _, body in self.requests if path.endswith("/chat/completions")]


@contextmanager
def endpoint(*plays: Play, port: int = 0) -> Iterator[Scripted]:
    scripted = Scripted(list(plays))
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Playing", (Handler,), {"scripted": scripted}))
    server.daemon_threads = True
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield scripted
    finally:
        scripted.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    scripted: Scripted

    def do_GET(self) -> None:
        self.play()

    def do_POST(self) -> None:
        self.play()

    def play(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.scripted.requests.append((self.path, dict(self.headers), body))
        play = self.scripted.next(self.path)
        content = play.body.encode() if isinstance(play.body, str) else json.dumps(play.body).encode()
        self.scripted.over.wait(play.wait_s)
        self.send_response(play.status)
        for name, value in {"Content-Length": str(len(content)), **play.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.write(content, play)
        except (BrokenPipeError, ConnectionResetError):  # whoever asked has gone
            self.close_connection = True

    def write(self, content: bytes, play: Play) -> None:
        if play.cut:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        elif not play.trickle_s:
            self.wfile.write(content)
        else:
            for byte in content:
                if self.scripted.over.is_set():
                    return
                self.wfile.write(bytes([byte]))
                time.sleep(play.trickle_s)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def until_asked(scripted: Scripted, then: Callable[[], None]) -> threading.Thread:
    """Do something once a request has come."""

    def wait() -> None:
        while not scripted.bodies and not scripted.over.wait(0.01):
            pass
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread
