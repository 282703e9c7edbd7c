"""A run's page in a real browser: the curve and the lineage by mouse and keyboard, comparing, and orders through dialogs."""

from __future__ import annotations

from pathlib import Path

import pytest

from procy.store.db import open_reader

from .browser import Browser, real
from .conftest import Served
from .sample import writing
from .sample_repo import BEST, make_repo
from .sample_runs import PROMPTS, RUN, try_id
from .test_evolve_browser import begin, change
from .test_evolve_pages import many

pytestmark = real
PAGE = f"/-/procy/run/{RUN}"
TIP = "document.querySelector('.tip:not([hidden])')?.textContent"


@pytest.fixture
def root(served: Served, tmp_path: Path) -> Path:
    make_repo(served.places, tmp_path / "work")
    return tmp_path / "work"


def value(served: Served, sql: str, *values: str) -> object:
    connection = open_reader(served.places.db)
    try:
        return connection.execute(sql, values).fetchone()[0]
    finally:
        connection.close()


def order(tab: Browser, name: str) -> None:
    """Open its dialog."""
    tab.wait(f"document.querySelector('a.order[href*=\"/{name}\"]')")
    tab.click(f'a.order[href*="/{name}"]')
    tab.wait("document.querySelector('#order').open")


# -- the curve ----------------------------------------------------------------------------------------------------------


def test_the_curve_by_keyboard_and_by_mouse(tab: Browser, served: Served) -> None:
    tab.open(served.base + PAGE)
    tab.js("document.querySelector('#plot').focus()")
    tab.press("End")
    tab.wait(f"{TIP}?.includes('try 6')")  # the newest that has an end
    tab.press("ArrowLeft", "ArrowLeft", "ArrowLeft")
    tab.wait(f"{TIP}?.includes('try 3')")
    assert "Replace the regular expression by partition." in tab.js(TIP)
    tab.press("ArrowUp")
    tab.wait(f"{TIP}?.includes('try 2')")  # the kept one before
    begin(served, 8)
    change(served, 8, step="done", decision="failed", status="crash")
    tab.wait("document.querySelector('.plot .failed[data-n=\"8\"]')")  # drawn anew
    assert tab.js("document.activeElement.id") == "plot"
    tab.wait(f"{TIP}?.includes('try 2')")
    tab.press("Escape")
    assert tab.js(TIP) is None
    tab.press("Home", "ArrowRight")
    tab.wait(f"{TIP}?.includes('try 1')")
    tab.press("Enter")
    tab.wait(f"location.pathname == '{PAGE}' && location.hash == '#try1'")
    tab.wait("document.readyState == 'complete' && document.querySelector('.plot')")
    tab.js("scrollTo(0, 0)")
    x, y = tab.js("(({left, top, width, height}) => [left + width / 2, top + height / 2])"
                  "(document.querySelector('.plot [data-n=\"5\"]').getBoundingClientRect())")  # fmt: skip
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + 9, y=y - 6)
    tab.wait(f"{TIP}?.includes('Read the file in blocks')")
    box = tab.js("(({left, right, top, bottom}) => [left, right, top, bottom])"
                 "(document.querySelector('.tip').getBoundingClientRect())")  # fmt: skip
    assert box[0] >= 0 and box[1] <= 1200 and (box[3] < y or box[2] > y)
    for kind in ("mousePressed", "mouseReleased"):
        tab.call("Input.dispatchMouseEvent", type=kind, x=x + 9, y=y - 6, button="left", clickCount=1)
    tab.wait(f"location.pathname == '{PAGE}' && location.hash == '#try5'")


def test_many_tries_that_are_no_links_have_tips_too(tab: Browser, served: Served) -> None:
    run = many(served.places, 400)
    tab.size(360, 800)
    tab.open(f"{served.base}/-/procy/run/{run}")
    tab.js("document.querySelector('#plot').focus()")
    tab.press("End")
    tab.wait(f"{TIP}?.includes('try 399')")
    tab.press("PageUp", "ArrowUp")
    tab.wait(f"{TIP}?.includes('try 387')")
    assert tab.js("document.documentElement.scrollWidth") == 360
    tab.press("Enter")
    tab.wait("location.hash == '#try387'")


# -- the lineage --------------------------------------------------------------------------------------------------------


def test_the_lineage_by_keyboard(tab: Browser, served: Served) -> None:
    tab.open(served.base + PAGE)
    at = "Number(document.activeElement.dataset.n)"
    assert tab.js("[...document.querySelectorAll('.tree [tabindex=\"0\"]')].map((node) => node.dataset.n).join()") == "2"
    tab.js("document.querySelector('.tree .best').focus()")
    ways = [("Left", 1), ("Left", 0), ("Right", 1), ("Right", 2), ("Right", 3), ("Down", 4), ("Up", 3), ("Up", 3)]
    for key, seq in ((f"Arrow{name}", seq) for name, seq in ways):
        tab.press(key)
        assert tab.js(at) == seq, key
    begin(served, 8)
    tab.wait("document.querySelector('.tree [data-n=\"8\"]')")
    assert tab.js(at) == 3  # drawn anew around who is there
    tab.press("Enter")
    tab.wait(f"location.pathname == '{PAGE}' && location.hash == '#try3'")


# -- side by side -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False])
def test_tries_are_compared_by_a_form(tab: Browser, served: Served, root: Path, scripts: bool) -> None:
    tab.open(served.base + PAGE)
    tab.js("document.querySelector('.pair [name=a]').value = '1'")
    tab.call("Emulation.setScriptExecutionDisabled", value=not scripts)
    try:
        tab.js("document.querySelector('.pair button').click()")
        tab.wait(
            f"location.pathname == '{PAGE}/compare' && location.search == '?a=1&b=best' && document.readyState == 'complete'"
        )
        assert "Keep" in tab.js("document.querySelector('.prompts ins').textContent")
        if scripts:
            tab.wait("document.querySelector('.changes .del')?.textContent.startsWith('-')")
        else:
            tab.open(tab.js("document.querySelector('.change a.load').href"))
            tab.wait("document.querySelector('.changes .del')")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


# -- orders -------------------------------------------------------------------------------------------------------------


def test_a_run_is_stopped_by_a_button_after_a_question(tab: Browser, served: Served) -> None:
    tab.open(served.base + PAGE)
    order(tab, "stop")
    tab.click("#order .close")
    tab.wait("!document.querySelector('#order').open")
    assert value(served, "SELECT status FROM runs WHERE id = ?", RUN) == "running"
    order(tab, "stop")
    assert tab.js("document.activeElement.textContent") == "Stop the run"
    tab.press("Enter")
    tab.wait("document.querySelector('#order .done')?.textContent == 'The run is stopped.'")
    tab.wait("document.querySelector('#state').textContent.includes('stopped')")
    tab.press("Enter")
    tab.wait("!document.querySelector('#order').open")
    assert tab.js("document.querySelector('a.order[href$=\"/stop\"]').title") == "Not possible: it is stopped already"
    order(tab, "stop")
    assert "Not possible: it is stopped already." in tab.js("document.querySelector('#order').textContent")
    assert not tab.js("document.querySelector('#order form')")


@pytest.mark.usefixtures("at_work")
def test_a_prompt_is_vetoed_and_another_edited(tab: Browser, served: Served) -> None:
    tab.open(served.base + PAGE)
    change(served, 7, step="ask")
    order(tab, "decide")
    assert tab.js("document.querySelector('#order textarea').value") == PROMPTS[6]
    assert tab.js("document.querySelector('[value=edit]').disabled")
    tab.js("document.querySelector('#order textarea').focus()")
    tab.call("Input.insertText", text="Do this: ")
    assert (
        tab.js("[...document.querySelectorAll('#order .buttons button')].map((one) => one.disabled).join()")
        == "true,false,false,false"
    )
    begin(served, 8)
    tab.wait("document.querySelector('#try8')")
    assert "Do this: " in tab.js("document.querySelector('#order textarea').value")  # news leave it alone
    tab.click("#order [value=edit]")
    tab.wait("document.querySelector('#order .done')?.textContent.includes('kept as a correction')")
    assert "Do this: " in str(value(served, "SELECT chosen FROM corrections WHERE try_id = ?", try_id(7)))
    tab.click("#order .close")
    change(served, 8, step="ask", prompt="Sleep.")
    tab.wait(f"document.querySelector('a.order[href*=\"{try_id(8)}\"]')")
    tab.click(f'a.order[href*="{try_id(8)}"]')
    tab.wait("document.querySelector('#order [value=veto]')")
    tab.js("document.querySelector('#order [name=note]').value = 'no'")
    tab.click("#order [value=veto]")
    tab.wait("document.querySelector('#order .done')?.textContent.includes('vetoed')")
    assert value(served, "SELECT verdict || reason FROM tries WHERE id = ?", try_id(8)) == "vetoedvetoed: no"


def test_an_order_that_fails_says_why_and_can_be_given_again(tab: Browser, served: Served, root: Path) -> None:
    tab.open(served.base + PAGE)
    tab.click("#try2 summary")
    tab.wait("document.querySelector('#try2 [data-part=\"diff-start\"] summary')")
    tab.click('#try2 [data-part="diff-start"] summary')
    tab.wait("document.querySelector('#try2 [data-part=\"diff-start\"] .add')?.textContent.includes('more')")
    tab.click('#try2 .order[href$="/apply"]')
    tab.wait("document.querySelector('#order').open")
    assert "parse.py" in tab.js("document.querySelector('#order .paths').textContent")
    before = (root / "parse.py").read_text()
    (root / "parse.py").write_text("mine\n")
    tab.click("#order .main")
    tab.wait("document.querySelector('#order [role=alert]:not([hidden])')")
    words = tab.js("document.querySelector('#order [role=alert]').textContent")
    assert "does not fit the work tree as it is now" in words and "--branch NAME" in words
    assert (root / "parse.py").read_text() == "mine\n"
    (root / "parse.py").write_text(before)
    tab.errors.clear()  # a browser logs the answer 409 as an error
    tab.click("#order .main")
    tab.wait("document.querySelector('#order .done')?.textContent == 'Changed more.txt, parse.py.'")
    assert (root / "parse.py").read_text() == BEST


@pytest.mark.parametrize("width", [3840, 360])
def test_no_page_of_these_is_wider_than_its_window(tab: Browser, served: Served, root: Path, width: int) -> None:
    with writing(served.places) as connection:
        connection.execute("UPDATE tries SET prompt = ?, proposed = NULL WHERE run_id = ? AND seq = 1", ("unbroken" * 99, RUN))
    run = many(served.places, 130)
    tab.size(width, 800)
    for path in (f"{PAGE}/compare?a=1&b=2", f"/-/procy/compare?a={RUN}&b={run}", f"/-/procy/run/{run}?tree=all",
                 f"/-/procy/try/{try_id(1)}/apply", f"/-/procy/try/{try_id(2)}/diff", f"/-/procy/try/{try_id(7)}/decide",
                 "/-/procy/evolve"):  # fmt: skip
        tab.open(served.base + path)
        tab.wait("!document.querySelector('details[open] > a.load')")
        assert tab.js("document.documentElement.scrollWidth") <= width, path
