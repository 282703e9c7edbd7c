"""The terminal page while the pane is recorded: what the tap writes is seen at once, from the spool."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procy.parse.edges import unfinished
from procy.parse.screen import Screen
from procy.places import Places
from procy.store import write
from procy.store.db import open_reader
from procy.ui.tail import TailTopic
from tests.capture.test_tap import Pipe
from tests.conftest import wait_until

from .browser import Browser, real
from .conftest import Served
from .sample import writing

SESSION = "RECORDEDNOW"


@pytest.fixture
def pane(places: Places) -> Iterator[Pipe]:
    """A pane's pipe with a real tap behind it, in a session that is being recorded."""
    folder = Path(places.spool) / SESSION
    folder.mkdir(parents=True)
    with writing(places) as connection:
        values = {"agent": "codex", "name": "now", "status": "recording", "columns": 80, "rows": 24}
        write.put_session(connection, SESSION, {**values, "started_at": "2030-01-01T00:00:00.000Z"})
    pipe = Pipe(folder)
    yield pipe
    pipe.close()


def shown(events: list[Any], screen: Screen | None = None) -> Screen:
    """What a page makes of the news."""
    for event in events:
        data = json.loads(event.data)
        if event.name == "screen":
            screen = Screen(data["columns"], data["rows"])
            screen.feed(data["text"].encode())
        for kind, text in data.get("events", []):
            assert screen
            if kind == "o":
                screen.feed(text.encode())
            else:
                screen.resize(*(int(size) for size in text.split("x")))
    assert screen
    return screen


def test_what_the_tap_writes_is_told_whole_and_once(places: Places, pane: Pipe) -> None:
    connection = open_reader(places.db)
    topic = TailTopic(places.spool, SESSION)
    sent = 0

    def say(data: bytes) -> list[Any]:
        nonlocal sent
        sent += len(data)
        pane.here.sendall(data)
        wait_until(lambda: (state := pane.spool.state()) is not None and state.end == sent)
        return topic.news(connection)

    pane.here.sendall(b"before ")
    sent = 7
    wait_until(lambda: (state := pane.spool.state()) is not None and state.end == sent)
    assert topic.news(connection) == []
    screen = shown(topic.since(connection, ""))
    assert screen.lines()[0].rstrip() == "before"
    found = say("Gr\u00fc".encode()[:-1]) + say("\u00fc".encode()[1:] + b"n \x1b[3") + say(b"1mred\r\n")
    assert "".join(text for event in found for _, text in json.loads(event.data)["events"]) == "Gr\u00fcn \x1b[31mred\r\n"
    places_told = [(json.loads(event.data)["from"], json.loads(event.data)["to"]) for event in found]
    assert places_told[0][0] == 7 and all(a[1] == b[0] for a, b in pairwise(places_told))
    assert shown(found, screen).lines()[0].rstrip() == "before Gr\u00fcn red"
    late = topic.since(connection, str(places_told[0][1]))
    assert [json.loads(event.data)["from"] for event in late] == [places_told[0][1]]
    assert [event.name for event in say(b"x" * 300_000)] == ["screen"]  # too much to tell
    assert topic.since(connection, "3")[0].name == "screen" and topic.news(connection) == []
    with writing(places) as writer:
        write.change_session(writer, SESSION, {"status": "ended"})
    assert [event.name for event in topic.news(connection)] == ["end"] and topic.news(connection) == []
    assert topic.since(connection, "")[-1].name == "end"


@given(st.text(alphabet="aé日🙂\x1b[]0;1mHq\\\x07 ", max_size=30), st.data())
def test_a_stream_cut_anywhere_is_told_in_whole_pieces(text: str, data: Any) -> None:
    whole = text.encode()
    cut = data.draw(st.integers(0, len(whole)))
    rest = unfinished(whole[:cut])
    head = whole[: cut - rest]
    head.decode()  # no torn character
    assert 0 <= rest <= cut and unfinished(head + b"a") in (0, *range(len(head) + 2))


@pytest.mark.parametrize(
    "text", ["é", "日", "🙂", "\x1b[38;5;1m", "\x1b]0;a title\x07", "\x1b(B", "\x1b7", "\x1b]8;;http://x\x1b\\"]
)
def test_nothing_is_torn(text: str) -> None:
    data = text.encode()
    assert unfinished(b"before" + data) == 0
    for cut in range(1, len(data)):
        assert unfinished(b"before" + data[:cut]) == (1 if data[:cut].endswith(b"\x1b") and cut > 1 else cut)


@real[0]
@real[1]
def test_the_page_follows_the_pane(pane: Pipe, tab: Browser, served: Served) -> None:
    pane.here.sendall(b"\x1b[32mwhat was there before\x1b[0m\r\n")
    wait_until(lambda: pane.spool.state() is not None and pane.spool.state().end > 0)  # type: ignore[union-attr]
    tab.open(f"{served.base}/-/procy/s/{SESSION}/terminal")
    tab.press("l")
    screen = "document.querySelector('.ap-term')?.textContent ?? ''"
    tab.wait(f"location.search == '?live=1' && ({screen}).includes('there before')")
    pane.here.sendall("and what comes now: Größe".encode())
    tab.wait(f"({screen}).includes('comes now: Größe')")
    hidden = (
        "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); "
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    tab.js(hidden % "true")
    pane.here.sendall(b" nobody looks")
    tab.js(hidden % "false")
    tab.wait(f"({screen}).includes('Größe nobody looks')")
    with writing(served.places) as connection:
        write.change_session(connection, SESSION, {"status": "ended"})
    tab.wait("document.querySelector('.now').textContent.includes('has ended')")
