"""News over server-sent events, from real servers: prompt, resumable, and no reason not to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from procy.places import Places
from procy.store import write
from procy.store.db import open_reader
from procy.ui import address, assets
from procy.ui.live import WAITING, Event, Hub, offer

from .browser import until
from .conftest import Served, ServerProcess, Site, Visitor
from .sample import say, turn, writing


class Stream:
    """An open event stream, read by hand."""

    def __init__(self, served: Visitor, path: str, *headers: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{served.port}", f"Cookie: {served.cookies}", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.text = ""
        self.read_until("retry:")

    def read_until(self, what: str, seconds: float = 10) -> str:
        end = time.monotonic() + seconds
        while what not in self.text:
            self.socket.settimeout(max(end - time.monotonic(), 0.01))
            data = self.socket.recv(65536)
            assert data, f"the stream ended before {what!r}: {self.text[-500:]}"
            self.text += data.decode()
        return self.text

    def events(self) -> list[tuple[str, Any, str]]:
        """(name, data, id)"""
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(line.partition(": ")[::2] for line in block.replace("\r", "").split("\n") if ": " in line)
            if "event" in fields:
                found.append((fields["event"], json.loads(fields["data"]), fields.get("id", "")))
        return found

    def close(self) -> None:
        self.socket.close()


def session_of(places: Places) -> str:
    connection = open_reader(places.db)
    return str(connection.execute("SELECT id FROM sessions WHERE name = 'Parser fix'").fetchone()[0])


def test_news_come_and_only_what_changed(served: Served) -> None:
    served.sign_in()
    session = session_of(served.places)
    stream = Stream(served, f"/-/procy/s/{session}/events?since=9")
    stream.read_until("event: state")
    stream.text = ""
    say(served.places, session, 20, "a new prompt")
    stream.read_until("a new prompt")
    assert [name for name, _, _ in stream.events()] == ["turn"] and stream.events()[0][1]["seq"] == 10
    stream.text = ""
    with writing(served.places) as connection:
        write.change_session(connection, session, {"state": "waiting", "state_reason": "permission prompt"})
    stream.read_until("permission prompt")
    assert [name for name, _, _ in stream.events()] == ["state"]
    stream.close()


def test_a_page_that_slept_is_told_what_it_missed(served: Served) -> None:
    served.sign_in()
    session = session_of(served.places)
    stream = Stream(served, f"/-/procy/s/{session}/events?since=7")
    stream.read_until("event: state")
    last_id = stream.events()[-2][2]
    stream.close()
    for number in range(20, 25):
        say(served.places, session, number, f"missed {number}")
    again = Stream(served, f"/-/procy/s/{session}/events", f"Last-Event-ID: {last_id}")
    again.read_until("event: state")
    seqs = [data["seq"] for name, data, _ in again.events() if name == "turn"]
    assert seqs == list(range(int(last_id.partition("-")[0]), 15))
    again.close()


def test_too_much_to_tell_is_one_word(served: Served) -> None:
    served.sign_in()
    session = session_of(served.places)
    with writing(served.places) as connection:
        for number in range(20, 120):
            write.put_turn(connection, session, turn(number, f"many {number}"), mask=str, cost=None)
    stream = Stream(served, f"/-/procy/s/{session}/events?since=9")
    assert "event: behind" in stream.read_until("event: ")
    stream.close()


def test_a_listening_page_is_told_when_it_cannot_follow(served: Served) -> None:
    served.sign_in()
    session = session_of(served.places)
    stream = Stream(served, f"/-/procy/s/{session}/events?since=9")
    stream.read_until("event: state")
    stream.text = ""
    with writing(served.places) as connection:
        for number in range(20, 120):
            write.put_turn(connection, session, turn(number, f"many {number}"), mask=str, cost=None)
    assert "event: behind" in stream.read_until("event: ")
    stream.text = ""
    say(served.places, session, 130, "the next one")  # and goes on from the real end
    stream.read_until("the next one")
    assert [data["seq"] for name, data, _ in stream.events() if name == "turn"][-1] == 110
    stream.close()


class Failing:
    """A topic whose first news after the look at the start fails."""

    def __init__(self, key: str, error: Exception | None) -> None:
        self.key, self.error, self.calls = key, error, 0

    def news(self, connection: Any) -> list[Event]:
        self.calls += 1
        if self.calls == 2 and self.error:
            raise self.error
        return [Event("turn", str(self.calls))]

    def since(self, connection: Any, last_id: str) -> list[Event]:
        return []


def test_a_topic_that_fails_stops_no_other(site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of ours is told as BEHIND; what the database could not give is asked for again."""
    from procy.ui import live

    monkeypatch.setattr(live, "ERROR_S", 0.01)
    topics = [Failing("mistaken", KeyError("x")), Failing("locked", sqlite3.OperationalError("locked")), Failing("sound", None)]

    async def listen() -> list[list[str]]:
        hub, database = Hub(), site.datasette.get_database("procy")
        queues = []
        async with contextlib.AsyncExitStack() as stack:
            for topic in topics:
                making: Any = lambda topic=topic: topic  # noqa: E731
                queues.append((await stack.enter_async_context(hub.listening(database, making, topic.key)))[1])
            polling = asyncio.ensure_future(hub.run(database))
            told = [str(await asyncio.wait_for(queue.get(), 5)) for queue in queues]
            say(site.places, site.session, 20, "more")
            told += [str(await asyncio.wait_for(queue.get(), 5)) for queue in queues]
            hub.close()
            await polling
        return told

    told = [event.partition("\n")[0] + event.partition("data: ")[2].strip() for event in site.run(listen())]
    assert told[:3] == ["event: behind{}", "event: turn3", "event: turn2"]
    assert "mistaken" in caplog.text and all("event: turn" in event for event in told[3:])


def test_the_list_of_sessions_is_told_of_new_ones(served: Served) -> None:
    served.sign_in()
    stream = Stream(served, "/-/procy/events")
    stream.read_until("Parser fix")
    with writing(served.places) as connection:
        write.put_session(
            connection, "NEWSESSION", {"agent": "codex", "name": "brand new", "started_at": "2030-01-01T00:00:00.000Z"}
        )
    stream.read_until("brand new")
    stream.close()


def test_streams_need_a_sign_in(served: Served) -> None:
    served.sign_in()
    served.jar.clear()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        served.get("/-/procy/events")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_ends_at_once_with_open_streams(process: ServerProcess, number: int) -> None:
    process.sign_in()
    streams = [Stream(process, f"/-/procy/s/{session_of(process.places)}/events") for _ in range(3)]
    streams.append(Stream(process, "/-/procy/events"))
    said = process.stop(number)
    assert "Traceback" not in said and "Cancel" not in said, "they end by themselves, before they are cut off"
    for stream in streams:
        stream.close()


def test_plain_datasette_ends_at_once_too(places: Places) -> None:
    command = ("-m", "datasette", places.db, "--plugins-dir", str(assets.plugins_folder()), "--root", "-p", str(free_port()))
    process = ServerProcess(places, *command)
    process.sign_in()
    assert "Parser fix" in process.get("/-/procy")
    session = session_of(places)
    assert "<article" in process.get(f"/-/procy/s/{session}") and "clip.cast" in process.get(f"/-/procy/s/{session}/terminal")
    assert "version" in process.get(f"/-/procy/s/{session}/terminal/session.cast")
    stream = Stream(process, f"/-/procy/s/{session}/events")
    say(places, session, 20, "a new prompt")
    stream.read_until("a new prompt")
    process.stop()  # it has no limit after which streams are cut off: one that went on would fail the test here
    stream.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_who_leaves_is_forgotten(served: Served) -> None:
    served.sign_in()
    streams = [Stream(served, f"/-/procy/s/{session_of(served.places)}/events") for _ in range(4)]
    assert served.hub.listeners() == 4 and len(served.hub.topics) == 1
    for stream in streams:
        stream.close()
    until(lambda: served.hub.listeners() == 0, "listeners remain", 5)
    assert not served.hub.topics and not served.hub.wanted.is_set()
    again = Stream(served, "/-/procy/events")
    until(lambda: served.hub.listeners() == 1, "the poller does not wake again", 5)
    again.close()


def test_a_page_too_slow_is_told_to_load_again() -> None:
    async def fill() -> list[Event | None]:
        queue: asyncio.Queue[Event | None] = asyncio.Queue(WAITING)
        for number in range(WAITING + 1):
            offer(queue, Event("turn", str(number)))
        return [queue.get_nowait() for _ in range(queue.qsize())]

    assert [event.name for event in asyncio.run(fill()) if event] == ["behind"]
    assert Hub().listeners() == 0


# -- in the background ------------------------------------------------------------------------------------------------


def procy(places: Places, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PROCY_HOME": places.home, "PROCY_CONFIG": places.config}
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, "-m", "procy", *arguments], env=environment, capture_output=True, text=True, timeout=30
    )


def test_open_starts_the_pages_finds_them_again_and_stop_ends_them(places: Places) -> None:
    session = session_of(places)
    first = procy(places, "open", "last", "--print")
    assert first.returncode == 0 and first.stdout.strip().endswith(f"&next=/-/procy/s/{session}")
    server = address.running(places)
    assert server is not None
    try:
        second = procy(places, "open", "last:3", "--print")
        assert f"127.0.0.1:{server.port}/" in second.stdout and "/-/procy/t/" in second.stdout
        third = procy(places, "ui", "--port", "1234", "--no-browser")
        for pane, path in (("%3", f"/-/procy/s/{session}"), ("%99", "/-/procy")):
            assert procy(places, "open", "-t", pane, "--print").stdout.strip().endswith(f"&next={path}")
        assert third.returncode == 0 and f"127.0.0.1:{server.port}/" in third.stdout and "run already" in third.stderr
        html = (
            urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            .open(second.stdout.strip(), timeout=20)
            .read()
            .decode()
        )
        assert 'id="t3"' in html
    finally:
        assert procy(places, "ui", "--stop").returncode == 0
    until(lambda: address.running(places) is None, "the server does not end", 10)
    assert "no pages are running" in procy(places, "ui", "--stop").stderr


def test_bare_start_says_where(tmp_path: Any) -> None:
    """Before anything was recorded: there is no database yet."""
    from procy.ui import launch

    from .sample import places_in

    places = places_in(tmp_path / "new home")
    said = launch.start_in_background(places, 0)
    assert said.startswith("pages: http://127.0.0.1:")
    try:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        html = opener.open(said.removeprefix("pages: "), timeout=30).read().decode()
        assert "No sessions yet" in html
        assert (tmp_path / "new home" / "procy.db").stat().st_mode & 0o777 == 0o600
    finally:
        launch.stop(places)


def test_open_of_nothing_known(places: Places) -> None:
    done = procy(places, "open", "nothing", "--print")
    assert done.returncode == 1 and "nothing" in done.stderr and "http" not in done.stdout
