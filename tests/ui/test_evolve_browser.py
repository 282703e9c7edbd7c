"""Runs and tries in a real browser: live without a jump, by keyboard, in windows of any width, in both themes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .browser import Browser, real
from .conftest import Served
from .sample import writing
from .sample_runs import PROMPTS, RUN, add_run, insert, made, try_id

pytestmark = real
PAGE = f"/-/procy/run/{RUN}"
TOP = "document.querySelector('#try%d').getBoundingClientRect().top"


def begin(served: Served, seq: int) -> None:
    """Another try of the sample run."""
    with writing(served.places) as connection:
        insert(connection, "tries", {**made(seq, None, None, parent=2), "step": "propose", "status": None, "ended_at": None,
                                     "prompt": None, "commit_sha": None})  # fmt: skip


def change(served: Served, seq: int, **values: Any) -> None:
    with writing(served.places) as connection:
        updates = ", ".join(f"{name} = ?" for name in values)
        connection.execute(f"UPDATE tries SET {updates} WHERE id = ?", (*values.values(), try_id(seq)))


def test_a_run_is_followed_from_the_list_to_its_end(tab: Browser, served: Served) -> None:
    tab.click(".tabs a[href$='/evolve']")
    tab.wait("location.pathname == '/-/procy/evolve' && document.readyState == 'complete'")
    tab.press("j")
    tab.wait("document.activeElement.closest('.run-line')")
    tab.press("Enter")
    tab.wait(f"location.pathname == '{PAGE}' && document.readyState == 'complete'")
    begin(served, 8)
    tab.wait("document.querySelector('#tries .try').id == 'try8'")
    assert tab.js("document.querySelector('.under-way').textContent").count("the prompt is being written") == 1
    change(served, 8, step="done", decision="kept", score=-30.5, status="ok", ended_at="2026-11-20T10:00:00.000Z",
           metrics=json.dumps({"p95": 30.5, "recall": 0.98}))  # fmt: skip
    with writing(served.places) as connection:
        connection.execute("UPDATE runs SET status = 'done', reason = 'enough', best_try_id = ? WHERE id = ?", (try_id(8), RUN))
    tab.wait("document.querySelector('#try8.kept.best') && document.querySelector('#state .badge.idle')")
    assert tab.js("document.querySelectorAll('.plot circle.kept').length") == 4
    assert "30.5 ms" in tab.js("document.querySelector('.facts-list').textContent")
    assert not tab.js("document.querySelector('#try2').classList.contains('best')")  # that of before, told anew
    tab.press("u")
    tab.wait("location.pathname == '/-/procy/evolve'")


def test_what_is_read_stays_where_it_is(tab: Browser, served: Served) -> None:
    tab.size(1200, 500)
    tab.open(served.base + PAGE)
    tab.click("#try2 summary")
    tab.wait("document.querySelector('#try2 .all-of-it')")
    tab.js("document.querySelector('#try3').scrollIntoView()")
    before = tab.js(TOP % 3)
    for seq in (8, 9):
        begin(served, seq)
        tab.wait(f"document.querySelector('#try{seq}')")
    assert abs(tab.js(TOP % 3) - before) < 1
    assert tab.js("document.querySelector('#pill').textContent") == "2 new tries ↑"
    change(served, 2, reason="told anew, " * 3)
    tab.wait("document.querySelector('#try2').textContent.includes('told anew')")
    assert tab.js("document.querySelector('#try2 details').open && document.querySelector('#try2 .all-of-it') != null")
    assert abs(tab.js(TOP % 3) - before) < 1
    tab.click("#pill")
    tab.wait("document.querySelector('#pill').hidden")
    assert tab.js(TOP % 9) < 200


def test_at_the_top_the_newest_try_is_simply_there(tab: Browser, served: Served) -> None:
    tab.open(served.base + PAGE)
    head = "document.querySelector('#head').getBoundingClientRect().top"
    before = tab.js(head)
    begin(served, 8)
    tab.wait("document.querySelector('#try8')")
    assert tab.js(head) == before and tab.js("scrollY") == 0 and tab.js("document.querySelector('#pill').hidden")


def test_tries_by_keyboard(tab: Browser, served: Served) -> None:
    tab.open(served.base + PAGE)
    at = "document.activeElement.closest('.try')?.id"
    tab.press("j")
    assert tab.js(at) == "try7"
    tab.press("j", "j", "j", "j", "j")
    assert tab.js(at) == "try2"
    tab.press("Enter")
    tab.wait("document.querySelector('#try2 .asked')")
    assert tab.js("document.querySelector('#try2 .asked').textContent") == PROMPTS[1]
    tab.press("k")
    assert tab.js(at) == "try3"
    tab.press("G")
    assert tab.js(at) == "try0"
    change(served, 0, reason="told anew")
    tab.wait("document.querySelector('#try0').textContent.includes('told anew')")
    assert tab.js(at) == "try0"  # who is there stays there


def test_a_point_of_the_curve_leads_to_its_try(tab: Browser, served: Served) -> None:
    tab.open(served.base + PAGE)
    link = f"document.querySelector('.plot a[href$=\"{try_id(3)}\"]')"
    assert tab.js(f"{link}.querySelector('title').textContent") == "try 3, reverted: 44.1 ms"
    spot = tab.js(f"(({{left, top, width, height}}) => [left + width / 2, top + height / 2])"
                  f"({link}.querySelector('circle').getBoundingClientRect())")  # fmt: skip
    for kind in ("mousePressed", "mouseReleased"):
        tab.call("Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], button="left", clickCount=1)
    tab.wait(f"location.pathname == '{PAGE}' && location.hash == '#try3'")


@pytest.mark.parametrize("width", [3840, 1280, 820, 700, 360])
def test_no_page_is_wider_than_its_window(tab: Browser, served: Served, width: int) -> None:
    with writing(served.places) as connection:
        word = "unbroken" * 40
        run = add_run(connection, [made(0, 66.0, "kept"), made(1, 55.0, "kept", prompt=word, reason=word, gain=(11, 1, 21))],
                      goal=word, reason=word, status="paused")  # fmt: skip
    tab.size(width, 800)
    for path in ("/-/procy/evolve", PAGE, f"/-/procy/run/{run}", f"/-/procy/try/{try_id(2)}/all"):
        tab.open(served.base + path)
        tab.js("document.querySelectorAll('#tries summary').forEach(one => one.click())")
        tab.wait("document.querySelectorAll('#tries .words > details > a.load').length == 0")
        assert tab.js("document.documentElement.scrollWidth <= innerWidth"), path
        edges = tab.js("[...document.querySelectorAll('.tabs a')].map(a => a.getBoundingClientRect().right)")
        assert max(edges) <= width, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_readable_in_both_themes(tab: Browser, served: Served, scheme: str) -> None:
    """Contrast of at least 4.5 between every text of the page and what is behind it (WCAG AA)."""
    tab.scheme(scheme)
    try:
        tab.open(served.base + PAGE)
        assert not tab.js(LOW_CONTRAST)
    finally:
        tab.scheme("")


LOW_CONTRAST = """(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, place) => sum + v * [.2126, .7152, .0722][place], 0);
  const behind = (one) => { for (; one; one = one.parentElement) {
    const colour = rgb(getComputedStyle(one).backgroundColor);
    if (colour.length < 4 || colour[3]) return colour; } return [255, 255, 255]; };
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT), low = [];
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const one = text.parentElement, box = one.getBoundingClientRect();
    if (!text.data.trim() || !box.width || one.closest("svg, .vh")) continue;
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.push([text.data.trim(), (a + .05) / (b + .05)]);
  }
  return low.join("; ");
})()"""


def test_without_javascript_every_try_can_be_read(tab: Browser, served: Served) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(served.base + PAGE)
        found = tab.call("Runtime.evaluate", expression="document.querySelector('#try2 a.load').href", returnByValue=True)
        tab.open(found["result"]["value"])
        text = tab.call("Runtime.evaluate", expression="document.querySelector('.asked').textContent", returnByValue=True)
        assert text["result"]["value"] == PROMPTS[1]
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
