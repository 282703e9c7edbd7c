"""The pages in a real browser: by mouse, by keyboard, in windows of any width."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from procy.ui.assets import Assets, plugins_folder

from .browser import Browser, real
from .conftest import Served
from .sample import make_long_session, say, turn, writing

pytestmark = real
player = pytest.mark.skipif(not Assets(plugins_folder() / "static").player(), reason="the player was not fetched: make setup")


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


@player
def test_from_the_whole_session_back_to_the_turn_that_plays(tab: Browser, served: Served, session: str) -> None:
    back = "document.querySelector('#back').pathname.split('/').at(-1)"
    turn_of = "document.querySelector('#titles li[data-seq=\"%d\"]').dataset.turn"
    tab.open(f"{served.base}/-/procy/s/{session}/terminal?whole=1")
    tab.wait(f"window.procyPlayer?.getDuration() > 0 && {back} == {turn_of % 1}")
    tab.click("#titles li[data-seq='5'] a")
    tab.wait(f"{back} == {turn_of % 5} && document.querySelector('.now').textContent.startsWith('5 Größe')")
    tab.js("procyPlayer.seek({marker: 2})")  # by the player's own marks
    tab.wait(f"{back} == {turn_of % 3} && document.querySelector('#titles li.here').dataset.seq == '3'")
    tab.wait(f"{back} == {turn_of % 4}")  # it plays on
    tab.js("procyPlayer.pause()")
    tab.press("j")
    tab.wait(f"{back} == {turn_of % 5}")
    tab.press("o")
    tab.wait(f"location.hash == '#t5' && {HERE} == '5'")


@player
def test_the_whole_session_begins_at_the_turn_one_comes_from(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}/terminal")
    tab.click("#titles li[data-seq='4'] a")
    tab.wait("location.search.startsWith('?turn=') && document.readyState == 'complete'")
    tab.js("document.querySelector('.whole a').click()")
    tab.wait("location.search.startsWith('?whole=1') && window.procyPlayer?.getCurrentTime() > 0")
    assert tab.js("document.querySelector('#titles li.here').dataset.seq") == "4"


@player
def test_the_list_of_turns_never_moves_the_page(tab: Browser, served: Served, session: str) -> None:
    tab.size(700, 400)
    tab.open(f"{served.base}/-/procy/s/{session}/terminal?whole=1")
    tab.wait("window.procyPlayer?.getDuration() > 0")
    tab.js("scrollTo(0, document.documentElement.scrollHeight)")
    before = tab.js("scrollY")
    for mark in (7, 1):
        tab.js(f"procyPlayer.seek({{marker: {mark}}})")
        tab.wait(f"document.querySelector('#titles li.here').dataset.seq == '{mark + 1}'")
        assert tab.js("scrollY") == before > 0
        edges = tab.js("['.outline', '#titles li.here'].map(x => document.querySelector(x).getBoundingClientRect().toJSON())")
        assert edges[0]["top"] <= edges[1]["top"] + 1 and edges[1]["bottom"] <= edges[0]["bottom"] + 1


def test_from_turn_to_turn_beside_the_terminal(tab: Browser, served: Served) -> None:
    session = make_long_session(served.places, 60, lambda number: turn(1, f"prompt {number}", "x"))
    with writing(served.places) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM turns WHERE session_id = ? ORDER BY seq", (session,))]
    tab.open(f"{served.base}/-/procy/s/{session}/terminal?turn={ids[29]}")
    here = "document.querySelector('#titles li.here')"
    assert tab.js(f"{here}.dataset.seq") == "30"
    assert tab.js(f"Math.abs({here}.getBoundingClientRect().top - innerHeight / 2)") < 60  # in the middle of the list
    for key, seq in (("j", "31"), ("k", "30")):
        tab.press(key)
        tab.wait(f"document.readyState == 'complete' && {here}.dataset.seq == '{seq}'")


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


def test_search_as_one_types(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/search?q=invoice")
    assert tab.js("document.querySelectorAll('.hits li').length") == 1
    tab.js("const box = document.querySelector('.search input'); box.value = 'partition'; box.dispatchEvent(new Event('input'))")
    tab.wait("document.querySelectorAll('.hits li').length == 2 && location.search == '?q=partition'")
    tab.js("window.typed = true")
    tab.press("/", "Enter")
    tab.wait("!window.typed && document.readyState == 'complete' && document.querySelectorAll('.hits li').length == 2")


def test_more_is_all_of_it_as_it_was_written(tab: Browser, served: Served, session: str) -> None:
    prompt = "    indented first\n" + "a line of many words in a long prompt\n" * 200 + "        the last"
    say(served.places, session, 20, prompt, "a line of a long answer\n" * 600 + "the very last")
    tab.open(f"{served.base}/-/procy/s/{session}#t10")
    for part, last in ((".prompt", "        the last"), (".said", "the very last")):
        clamp = f"document.querySelector('#t10 {part} .clamp, #t10 {part}.clamp')"
        assert tab.js(f"getComputedStyle({clamp}.querySelector('a.load')).display") == "none"  # one control, not two
        assert "all of it, " in tab.js(f"getComputedStyle({clamp}.querySelector('label'), '::after').content")
        tab.js(f"{clamp}.querySelector('label').click()")
        tab.wait(f"{clamp}.querySelector('.body').innerText.endsWith({json.dumps(last)})")
        assert tab.js(f"{clamp}.querySelector('.body').getBoundingClientRect().height") > 3000
        tab.js(f"{clamp}.querySelector('label').click()")
        assert tab.js(f"{clamp}.querySelector('.body').getBoundingClientRect().height") < 400
    assert tab.js("document.querySelector('#t10 .prompt .text').textContent") == prompt


def test_in_a_narrow_window_every_tab_is_seen(tab: Browser, served: Served, session: str) -> None:
    tab.size(400, 800)
    for path, tabs in (("", 3), (f"/s/{session}", 2), (f"/s/{session}/terminal", 2)):
        tab.open(f"{served.base}/-/procy{path}")
        edges = tab.js("[...document.querySelectorAll('.tabs a')].map(a => [a.getBoundingClientRect().left, "
                       "a.getBoundingClientRect().right, a.parentElement.getBoundingClientRect().right])")  # fmt: skip
        assert len(edges) >= tabs and all(0 <= left < right <= min(end, 400) for left, right, end in edges), path
    tab.open(f"{served.base}/-/procy/s/{session}#t5")
    under = tab.js("document.querySelector('#t5').getBoundingClientRect().top - document.querySelector('.bar').offsetHeight")
    assert 0 <= under < 30 and tab.js(HERE) == "5"


@pytest.mark.parametrize("width", [1400, 700, 400])
def test_state_and_time_end_at_one_edge(tab: Browser, served: Served, width: int) -> None:
    tab.size(width, 800)
    rights = "[...one.querySelectorAll('.state, time')].map(x => x.getBoundingClientRect().right)"
    rows = tab.js(f"[...document.querySelectorAll('.session')].map(one => {rights})")
    assert len(rows) == 5 and len({round(edge) for row in rows for edge in row}) == 1


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
