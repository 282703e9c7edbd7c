"""Pages of a sample data directory: through the whole ASGI stack, or served by a real process."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Coroutine, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from procy.places import Places
from procy.store.db import open_reader
from procy.ui.address import Server
from procy.ui.guard import OWNER
from procy.ui.launch import build

from .browser import Browser, until
from .sample import make_home, places_in

SERVER = Server(pid=1, port=7862, start="this-start", version="0")


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
    site.loop.close()


class Served:
    """A server process, and a browser's cookies."""

    def __init__(self, places: Places, *command: str) -> None:
        self.places = places
        self.environment = {**os.environ, "PROCY_HOME": places.home, "PROCY_CONFIG": places.config, "BROWSER": "true"}
        arguments = command or ("-m", "procy", "ui", "--port", "0", "--no-browser")
        self.process = subprocess.Popen(
            [sys.executable, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.link = self.process.stdout.readline().strip()
        match = re.match(r"http://127\.0\.0\.1:(\d+)", self.link)
        assert match, (self.link, self.process.poll())
        self.port = int(match[1])
        self.base = match[0]
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
def served(places: Places) -> Iterator[Served]:
    served = Served(places)
    yield served
    if served.process.poll() is None:
        served.stop()


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
    chromium.open(served.link)
    chromium.wait("location.pathname == '/-/procy'")
    yield chromium
    assert not chromium.errors
    assert {url.split("/")[2] for url in chromium.requests if url.startswith("http")} == {f"127.0.0.1:{served.port}"}
    chromium.open("about:blank")


@pytest.fixture
def session(served: Served) -> str:
    connection = open_reader(served.places.db)
    return str(connection.execute("SELECT id FROM sessions WHERE name = 'Parser fix'").fetchone()[0])
