"""The pages in a real browser: by mouse, by keyboard, while news come in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from procy.places import Places
from procy.store import write
from procy.store.db import open_reader, open_writer
from procy.ui.assets import Assets, plugins_folder

from .browser import Browser, find_chromium
from .conftest import Served
from .sample import turn

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine: apt install chromium"),
]
player = pytest.mark.skipif(not Assets(plugins_folder() / "static").player(), reason="the player was not fetched: make setup")


@pytest.fixture(scope="module")
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


@contextmanager
def writing(places: Places) -> Iterator[Any]:
    connection = open_writer(places.db)
    with write.transaction(connection):
        yield connection
    connection.close()


def say(places: Places, session: str, number: int, prompt: str, response: str = "said", **more: Any) -> None:
    with writing(places) as connection:
        write.put_turn(connection, session, replace(turn(number, prompt, response), **more), mask=str, cost=None)


HERE = "document.querySelector('.turn.here')?.dataset.seq"


def test_from_the_list_to_a_session(tab: Browser, served: Served) -> None:
    assert "Parser fix" in tab.js("document.querySelector('.session .name').textContent")
    tab.press("j")
    tab.wait("document.activeElement.closest('.session')")
    tab.press("Enter")
    tab.wait("document.readyState == 'complete' && document.querySelectorAll('.turn').length == 9")
    tab.press("u")
    tab.wait("location.pathname == '/-/procy'")


def test_prompt_to_prompt_by_keyboard(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}")
    assert tab.js(HERE) == "9"  # the newest is what one comes for
    tab.press("k", "k")
    assert tab.js(HERE) == "7"
    tab.press("g")
    assert tab.js(HERE) == "1" and tab.js("scrollY") == 0
    tab.press("j", "j", "j")
    assert tab.js(HERE) == "4"
    assert 40 < tab.js("document.querySelector('#t4').getBoundingClientRect().top") < 80
    assert tab.js("document.querySelector('#titles li.here').dataset.seq") == "4"
    tab.press("G")
    assert tab.js(HERE) == "9"
    tab.press("/")
    assert tab.js("document.activeElement.name") == "q"
    tab.press("j")
    assert tab.js("document.activeElement.value") == "j"
    tab.press("Escape", "?")
    tab.wait("document.querySelector('#keys').open")


def test_scrolling_moves_the_mark(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}?after=0")
    tab.js("new Promise(done => setTimeout(done, 300))")
    tab.js("scrollTo(0, document.querySelector('#t4').offsetTop - 50)")
    tab.wait(f"{HERE} == '4'")


@player
def test_to_the_screen_and_back(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}#t5")
    tab.wait(f"{HERE} == '5'")
    tab.press("o")
    tab.wait("location.pathname.endsWith('/terminal') && document.querySelector('.ap-term')")
    tab.wait("procyPlayer.getCurrentTime() > 0 || procyPlayer.getDuration() > 0")
    tab.press("o")
    tab.wait(f"location.hash == '#t5' && {HERE} == '5'")


@player
def test_a_clip_plays_and_seeks(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}/terminal")
    tab.click("#titles li[data-seq='1'] a")
    tab.wait("document.querySelector('#titles li.here')?.dataset.seq == '1' && window.procyPlayer?.getDuration() > 0")
    tab.click("[data-seek='100%']")
    tab.wait("Math.abs(procyPlayer.getCurrentTime() - procyPlayer.getDuration()) < 0.1")
    tab.wait("document.querySelector('.ap-term').textContent.includes('The tests show the case that fails')")
    tab.click("[data-speed='4']")
    tab.wait("document.querySelector('[data-speed=\"4\"]').classList.contains('here') && document.querySelector('.ap-term')")


@player
def test_the_whole_session_has_marks_to_jump_to(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}/terminal?whole=1")
    tab.wait("window.procyPlayer?.getDuration() > 0 && document.querySelectorAll('.ap-marker').length >= 8")
    tab.click("#titles li[data-seq='5'] a")
    tab.wait("document.querySelector('#titles li.here')?.dataset.seq == '5' && procyPlayer.getCurrentTime() > 1")
    assert tab.js("location.search") == "?whole=1"


def test_parts_are_loaded_when_they_are_unfolded(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}#t1")
    tab.click("#t1 [data-part='call-1'] > summary")
    tab.wait("document.querySelector('#t1 [data-part=\"call-1\"] .io')?.textContent.includes('def parse(line)')")
    tab.click("#t1 [data-part='file-0'] > summary")
    tab.wait("document.querySelectorAll('#t1 .diff .add').length == 2")
    tab.click("#t4 [data-part^='steps-'] > summary")
    tab.wait("document.querySelector('#t4').textContent.includes('step 20 done')")
    assert tab.js("document.querySelector('#t4 .clamp .body').getBoundingClientRect().height") < 360
    tab.click("#t4 .clamp > input")
    assert tab.js("document.querySelector('#t4 .clamp .body').getBoundingClientRect().height") > 600
    assert tab.js("document.title") != "owned"


def test_news_come_at_the_end_and_leave_the_reader_alone(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}")
    tab.press("g")
    tab.click("#t1 [data-part='call-1'] > summary")
    tab.wait("document.querySelector('#t1 .io')")
    tab.js("scrollTo(0, 200)")
    before = tab.js("[scrollY, document.querySelector('#t2').getBoundingClientRect().top]")
    say(served.places, session, 20, "asked while somebody reads above")
    tab.wait("document.querySelector('#t10')")
    assert tab.js("[scrollY, document.querySelector('#t2').getBoundingClientRect().top]") == before
    assert tab.js("document.querySelector('#pill').textContent") == "1 new turn ↓"
    assert tab.js("document.querySelector('#titles li:last-child').textContent").strip().endswith("somebody reads above")
    tab.click("#pill")
    tab.wait("document.querySelector('#pill').hidden")
    say(served.places, session, 21, "asked while somebody reads the end", "x\n" * 30)
    tab.wait("document.querySelector('#t11') && innerHeight + scrollY >= document.documentElement.scrollHeight - 2")


def test_a_turn_that_grows_keeps_what_is_open(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}")
    tab.click("#t9 [data-part='call-1'] > summary")
    tab.wait("document.querySelector('#t9 .io')")
    version = tab.js("document.querySelector('#t9').dataset.version")
    connection = open_reader(served.places.db)
    old = connection.execute("SELECT terminal_from FROM turns WHERE session_id = ? AND seq = 9", (session,)).fetchone()
    from .sample import main_turns

    grown = replace(main_turns()[8], response="Reading the log since the last tag.\n\nAnd now the notes.", terminal_from=old[0])
    with writing(served.places) as connection:
        write.put_turn(connection, session, grown, mask=str, cost=None)
    tab.wait(f"document.querySelector('#t9').dataset.version != {json.dumps(version)}")
    assert "And now the notes." in tab.js("document.querySelector('#t9').textContent")
    assert tab.js("document.querySelector('#t9 details[open] .io') != null")
    with writing(served.places) as connection:
        write.change_session(connection, session, {"state": "waiting", "state_reason": "permission prompt"})
    tab.wait("document.querySelector('#state .badge').classList.contains('waiting')")
    assert "permission prompt" in tab.js("document.querySelector('#state').textContent")


def test_the_list_follows(tab: Browser, served: Served, session: str) -> None:
    with writing(served.places) as connection:
        write.put_session(
            connection, "NEWSESSION", {"agent": "codex", "name": "brand new", "started_at": "2030-01-01T00:00:00.000Z"}
        )
        write.change_session(connection, session, {"state": "idle"})
    tab.wait("document.querySelector('.session .name').textContent == 'brand new'")
    tab.wait("document.querySelectorAll('.session')[1].querySelector('.badge.idle')")


def test_a_hidden_tab_gives_its_connection_back(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}")
    hidden = (
        "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); "
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    tab.js(hidden % "true")
    say(served.places, session, 20, "asked while nobody looked")
    tab.js("new Promise(done => setTimeout(done, 600))")
    assert tab.js("document.querySelector('#t10')") is None
    tab.js(hidden % "false")
    tab.wait("document.querySelector('#t10')")


def test_search_as_one_types(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/search?q=invoice")
    assert tab.js("document.querySelectorAll('.hits li').length") == 1
    tab.js("const box = document.querySelector('.search input'); box.value = 'partition'; box.dispatchEvent(new Event('input'))")
    tab.wait("document.querySelectorAll('.hits li').length == 2 && location.search == '?q=partition'")
    tab.js("window.typed = true")
    tab.press("/", "Enter")
    tab.wait("!window.typed && document.readyState == 'complete' && document.querySelectorAll('.hits li').length == 2")


@pytest.mark.parametrize("width", [1400, 700, 400])
def test_no_page_is_wider_than_its_window(tab: Browser, served: Served, session: str, width: int) -> None:
    tab.size(width, 800)
    pages = ("/-/procy", f"/-/procy/s/{session}?after=0", f"/-/procy/s/{session}/terminal", "/-/procy/search?q=parse")
    for path in pages:
        tab.open(served.base + path)
        assert tab.js("document.documentElement.scrollWidth <= innerWidth"), path


def test_without_javascript_everything_can_be_read(tab: Browser, served: Served, session: str, tmp_path: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(f"{served.base}/-/procy/s/{session}/terminal")
        box = tab.call(
            "Runtime.evaluate",
            expression="document.querySelector('#screen pre').getBoundingClientRect().height",
            returnByValue=True,
        )
        assert box["result"]["value"] > 20
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_another_site_cannot_frame_or_read_us(tab: Browser, served: Served) -> None:
    tab.open("about:blank")
    blocked = tab.js(f"fetch('{served.base}/-/procy', {{credentials: 'include'}}).then(() => 'read', () => 'blocked')")
    assert blocked == "blocked"
    tab.errors.clear()
