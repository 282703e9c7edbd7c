"""Pages of a sample data directory: through the whole ASGI stack, or served by a real server."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterator, Sequence
from http.cookiejar import CookieJar
from pathlib import Path
from types import CodeType
from typing import Any
from urllib.parse import urlsplit

import pytest
from datasette.app import Datasette
from jinja2.bccache import Bucket, BytecodeCache

from procy.capture.locks import take_lock
from procy.places import Places
from procy.store.db import open_reader
from procy.ui import address, launch
from procy.ui.address import Server
from procy.ui.guard import OWNER
from procy.ui.live import Hub
from procy.ui.pages import pages_of

from .browser import Browser, until
from .sample import make_home, places_in
from .sample_runs import RUN

SERVER = Server(pid=1, port=7862, start="this-start", version="0")


class Compiled(BytecodeCache):
    """Templates, compiled once for all servers of this process."""

    def __init__(self) -> None:
        self.codes: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.codes.get(bucket.key + bucket.checksum)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code:
            self.codes[bucket.key + bucket.checksum] = bucket.code


COMPILED = Compiled()


def build(places: Places, server: Server, beside: Sequence[str] = ()) -> Datasette:
    datasette = launch.build(places, server, beside)
    pages_of(datasette).environment.bytecode_cache = COMPILED
    return datasette


class Site:
    """A Datasette with our plugins and an event loop to ask it in."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.loop = asyncio.new_event_loop()
        self.datasette = self.run(self._build())
        connection = open_reader(places.db)
        self.session = connection.execute("SELECT id FROM sessions WHERE name = 'Parser fix'").fetchone()[0]
        rows = connection.execute("SELECT seq, id FROM turns WHERE session_id = ?", (self.session,))
        self.turns: dict[int, str] = dict(rows.fetchall())
        connection.close()

    async def _build(self) -> Any:
        datasette = build(self.places, SERVER)
        await datasette.invoke_startup()
        return datasette

    def close(self) -> None:
        self.datasette.close()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def ask(self, path: str, method: str = "GET", actor: dict[str, str] | None = OWNER, **more: Any) -> Any:
        given = {"actor": actor} if actor else {}
        return self.run(self.datasette.client.request(method, path, **given, **more))

    def text(self, path: str) -> str:
        response = self.ask(path)
        assert response.status_code == 200, (response.status_code, path, response.text[:500])
        return str(response.text)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sample") / "home"
    home.mkdir()
    make_home(home)
    return home


@pytest.fixture
def places(sample: Path, tmp_path: Path) -> Places:
    """A data directory of one's own."""
    shutil.copytree(sample, tmp_path / "home")
    return places_in(tmp_path / "home")


@pytest.fixture
def site(places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PROCY_HOME", places.home)
    monkeypatch.setenv("PROCY_CONFIG", places.config)
    site = Site(places)
    yield site
    site.close()


class Visitor:
    """Where pages are served, and a browser's cookies."""

    def __init__(self, places: Places, link: str) -> None:
        self.places = places
        self.link = link
        parts = urlsplit(link)
        assert parts.hostname == "127.0.0.1" and parts.port, link
        self.port = parts.port
        self.base = f"http://127.0.0.1:{self.port}"
        self.jar = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, path: str) -> str:
        with self.opener.open(path if path.startswith("http") else self.base + path, timeout=20) as response:
            return str(response.read().decode())

    def sign_in(self) -> None:
        until(lambda: answers(self.base), "the server does not answer")
        self.get(self.link)

    @property
    def cookies(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)


class Served(Visitor):
    """The server of `procy ui` in a thread of this process: it starts in a moment, and one can look into it."""

    def __init__(self, places: Places, port: int = 0, beside: Sequence[str] = ()) -> None:
        listener = address.listen(port)
        server = Server(os.getpid(), listener.getsockname()[1], "this-start", "0")
        self.datasette = build(places, server, beside)
        self.server = launch.server_of(self.datasette)
        self.thread = threading.Thread(target=lambda: self.server.run(sockets=[listener]))
        self.thread.start()
        super().__init__(places, address.sign_in_link(places, server))

    @property
    def hub(self) -> Hub:
        return pages_of(self.datasette).hub

    @property
    def streams(self) -> int:
        """Requests that are being answered: those that take long are streams."""
        return len(self.server.server_state.tasks)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive(), "the server does not end"
        self.datasette.close()


class ServerProcess(Visitor):
    """The same as users start it, or what ``command`` starts."""

    def __init__(self, places: Places, *command: str) -> None:
        environment = {**os.environ, "PROCY_HOME": places.home, "PROCY_CONFIG": places.config, "BROWSER": "true"}
        arguments = command or ("-m", "procy", "ui", "--port", "0", "--no-browser")
        self.process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        super().__init__(places, self.process.stdout.readline().strip())

    def stop(self, number: int = signal.SIGINT) -> str:
        """Returns what it had to say."""
        self.process.send_signal(number)
        try:
            return self.process.communicate(timeout=15)[1]
        finally:
            self.process.kill()


def answers(base: str) -> bool:
    try:
        urllib.request.urlopen(base + "/-/procy", timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture
def served(places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("PROCY_HOME", places.home)
    monkeypatch.setenv("PROCY_CONFIG", places.config)
    served = Served(places)
    yield served
    served.stop()


@pytest.fixture
def at_work(places: Places) -> Iterator[None]:
    """A process, ours, has the sample's run."""
    Path(places.run_lock(RUN)).parent.mkdir(parents=True, exist_ok=True)
    with take_lock(places.run_lock(RUN)) or pytest.fail("it is locked"):
        yield


@pytest.fixture
def process(places: Places) -> Iterator[ServerProcess]:
    process = ServerProcess(places)
    yield process
    if process.process.poll() is None:
        process.stop()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def tab(chromium: Browser, served: Served) -> Iterator[Browser]:
    """A signed-in tab, 1200 × 800; fails when a page logged an error or asked another host."""
    chromium.errors.clear()
    chromium.requests.clear()
    chromium.size(1200, 800)
    chromium.call("Page.bringToFront")  # whatever other tabs a test before has left
    chromium.open(served.link)
    chromium.wait("location.pathname == '/-/procy'")
    yield chromium
    assert not chromium.errors
    hosts = {url.split("/")[2].partition(":")[0] for url in chromium.requests if url.startswith("http")}
    assert hosts == {"127.0.0.1"}  # a shared worker of the page before may be asked for late, from another port
    chromium.open("about:blank")


@pytest.fixture
def session(served: Served) -> str:
    connection = open_reader(served.places.db)
    return str(connection.execute("SELECT id FROM sessions WHERE name = 'Parser fix'").fetchone()[0])
