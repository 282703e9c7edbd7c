"""One live connection for all tabs of a browser, whatever the browser offers for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import websocket

from procy.ui import channel
from procy.ui.pages import pages_of

from .browser import Browser, real, until
from .conftest import Served, Site
from .sample import say
from .test_live import Stream, session_of


def told(stream: Stream) -> list[dict[str, Any]]:
    return [json.loads(event.partition("data: ")[2]) for event in stream.text.split("\n\n")[:-1] if "data: " in event]


def live(*wants: str) -> str:
    return "/-/procy/live?" + urlencode([("want", want) for want in wants])


def test_one_stream_tells_the_news_of_many_addresses(served: Served) -> None:
    served.sign_in()
    session = session_of(served.places)
    path = f"/-/procy/s/{session}/events"
    stream = Stream(served, live("1~/-/procy/events~", f"2~{path}~9", f"3~{path}~7", "4~/-/procy/s/nobody/events~"))
    hear(stream, lambda found: {one["to"] for one in found if one["name"] in ("state", "session", "gone")} == {1, 2, 3, 4})
    assert [one["name"] for one in told(stream) if one["to"] == 4] == ["gone"]
    assert {one["data"]["seq"] for one in told(stream) if one["to"] == 3 and one["name"] == "turn"} >= {7, 8, 9}
    stream.text = ""
    say(served.places, session, 20, "a new prompt")
    hear(stream, lambda found: {one["to"] for one in found if "a new prompt" in str(one)} == {1, 2, 3})
    turns = [one for one in told(stream) if one["name"] == "turn"]
    assert [one["data"]["seq"] for one in turns] == [10, 10] and all(one["id"] for one in turns)
    stream.close()


def hear(stream: Stream, enough: Callable[[list[dict[str, Any]]], bool]) -> None:
    while not enough(told(stream)):
        data = stream.socket.recv(65536)
        assert data, "the stream ended"
        stream.text += data.decode()


def test_what_is_no_stream_of_ours_is_not_told(site: Site) -> None:
    pages = pages_of(site.datasette)
    routes = list(channel.streams(pages))
    for path in ("/-/procy/s/x", "/-/procy/live", "/procy/turns.json", "//elsewhere/-/procy/events", "/-/procy/events/more"):
        assert site.run(channel.source_of(pages, routes, path, "")) is None, path
    assert site.run(channel.source_of(pages, routes, "/-/procy/events", "")).key == "sessions"
    assert list(channel.wanted(["1~/a~", "x~/a~", "1~a~2", "2~/a", "3~/é~"])) == [("1", "/a", "")]


def test_without_a_wish_it_says_only_whether_one_is_signed_in(site: Site) -> None:
    assert site.ask("/-/procy/live").status_code == 200
    assert site.ask("/-/procy/live", actor=None).status_code == 403


# -- in a browser -----------------------------------------------------------------------------------------------------


class Tab:
    """One more tab of a browser, asked over a connection of its own."""

    def __init__(self, browser: Browser, url: str, script: str = "") -> None:
        self.browser = browser
        self.id = browser.call("Target.createTarget", url="about:blank")["targetId"]
        port = (browser.profile / "DevToolsActivePort").read_text().split("\n")[0]
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{port}/devtools/page/{self.id}", timeout=20)
        self.number = 0
        if script:
            self.call("Page.enable")
            self.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        self.call("Page.navigate", url=url)

    def call(self, method: str, **parameters: Any) -> Any:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while (message := json.loads(self.socket.recv())).get("id") != self.number:
            pass
        return message.get("result", {})

    def tell(self, method: str) -> None:
        self.socket.send(json.dumps({"id": 0, "method": method}))

    def js(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True).get("result", {}).get("value")

    def close(self) -> None:
        self.socket.close()
        self.browser.call("Target.closeTarget", targetId=self.id)


ALWAYS_SEEN = "Object.defineProperty(document, 'hidden', {get: () => Boolean(window.isHidden)});"
WAYS = {
    "a worker": "",
    "a tab that leads": "delete window.SharedWorker;",
    "each its own": "delete window.SharedWorker; delete window.BroadcastChannel;",
}


@pytest.fixture
def inside(served: Served, chromium: Browser) -> Iterator[Served]:
    """A tab of the browser is signed in there."""
    cookie = served.datasette.client.actor_cookie({"id": "owner"})
    chromium.call("Network.setCookie", name="ds_actor", value=cookie, url=served.base)
    yield served
    served.stop()
    chromium.call("Network.clearBrowserCookies")
    chromium.errors.clear()


@pytest.mark.parametrize(("way", "count"), [("a worker", 8), ("a tab that leads", 8), ("each its own", 3)])
@real[0]
@real[1]
def test_every_tab_is_live_and_pages_still_load(chromium: Browser, inside: Served, session: str, way: str, count: int) -> None:
    tabs: list[Tab] = []
    page = f"{inside.base}/-/procy/s/{session}"
    try:
        for _ in range(count):
            tabs.append(Tab(chromium, page, ALWAYS_SEEN + WAYS[way]))
            until(lambda: tabs[-1].js("!!document.querySelector('#t9')"), "the page does not load", 10)
        until(lambda: inside.hub.listeners() == count, "not all listen", 10)
        assert until(lambda: inside.streams in (1, count) and inside.streams, "no stream") == (
            count if way == "each its own" else 1
        )
        say(inside.places, session, 20, "told to all")
        for one in tabs:
            until(lambda one=one: one.js("!!document.querySelector('#t10')"), "a tab is not told", 10)
        tabs.pop(0).close()  # the one that leads
        say(inside.places, session, 21, "told to those that are left")
        for one in tabs:
            until(lambda one=one: one.js("!!document.querySelector('#t11')"), "a tab is not told any more", 10)
        until(lambda: inside.hub.listeners() == count - 1, "the tab that was closed listens", 5)
    finally:
        for one in tabs:
            one.close()
    until(lambda: inside.hub.listeners() == 0 and inside.streams == 0, "listeners remain", 10)


@real[0]
@real[1]
def test_a_tab_that_dies_is_forgotten(chromium: Browser, inside: Served, session: str) -> None:
    """It cannot say that it leaves. A browser that is short of memory has the other one in the same process."""
    page = f"{inside.base}/-/procy/s/{session}"
    left, dead = (Tab(chromium, page, ALWAYS_SEEN) for _ in range(2))
    try:
        until(lambda: inside.hub.listeners() == 2, "not both listen", 10)
        dead.tell("Page.crash")
        until(lambda: inside.hub.listeners() < 2, "the dead listen", 10)
    finally:
        for one in (left, dead):
            one.close()
