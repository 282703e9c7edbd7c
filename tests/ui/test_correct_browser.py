"""Prompts corrected in a real browser: by keyboard, with what changes word by word, in two tabs at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
import websocket

from procy.ui.word_diff import word_diff

from .browser import Browser, real
from .conftest import Served
from .sample import EVIL, make_long_session, say, turn, writing
from .sample_runs import PROMPTS, RUN, try_id
from .test_corrections import fix, rows, undo
from .test_evolve_browser import LOW_CONTRAST

pytestmark = real
EDITOR = "document.querySelector('form.corrector')"
CHANGE = f"{EDITOR}?.querySelector('.change').innerHTML"
BETTER = "Parsing breaks on lines like a=b=c. Find out why, fix it, and add two tests."


class Tab(Browser):
    """Another tab of the same browser."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.number, self.errors, self.requests = 0, [], []
        port = (browser.profile / "DevToolsActivePort").read_text().split("\n")[0]
        facts = json.load(urlopen(Request(f"http://127.0.0.1:{port}/json/new?{url}", method="PUT")))
        self.id, self.base = facts["id"], f"http://127.0.0.1:{port}"
        self.socket = websocket.create_connection(facts["webSocketDebuggerUrl"], timeout=30)
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        self.socket.close()
        urlopen(f"{self.base}/json/close/{self.id}")


@pytest.fixture
def turns(served: Served, session: str) -> dict[int, str]:
    with writing(served.places) as connection:
        return dict(connection.execute("SELECT seq, id FROM turns WHERE session_id = ?", (session,)).fetchall())


@pytest.fixture
def page(tab: Browser, served: Served, session: str) -> Iterator[str]:
    """The conversation, at its first turn."""
    url = f"{served.base}/-/procy/s/{session}?after=0#t1"
    tab.open(url)
    tab.wait("document.querySelector('.turn.here')?.id == 't1'")
    yield url
    tab.js("sessionStorage.clear()")


def write(tab: Browser, text: str, field: str = "chosen") -> None:
    """Put a text in the place of a field's, as typing does."""
    tab.js(f"{EDITOR}.elements.{field}.focus()")
    tab.js(f"{EDITOR}.elements.{field}.select()")
    tab.call("Input.insertText", text=text)


def save(tab: Browser) -> None:
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="Enter", modifiers=2)


def edit(tab: Browser) -> None:
    tab.press("c")
    tab.wait(f"{EDITOR}?.contains(document.activeElement)")


def refused(tab: Browser, status: int) -> None:
    """The browser says in red what the page says in words; nothing else went wrong."""
    assert all(f"status of {status}" in error for error in tab.errors), tab.errors
    tab.errors.clear()


def test_corrected_by_keyboard_and_taken_back(tab: Browser, served: Served, page: str) -> None:
    edit(tab)
    assert tab.js(f"{EDITOR}.elements.chosen.value == {EDITOR}.querySelector('.was .text').textContent")
    assert "Nothing yet" in tab.js(CHANGE)
    write(tab, BETTER)
    tab.wait(f"{CHANGE}.endsWith('<del>a test</del><ins>two tests</ins>.')")
    write(tab, "one is no test", "note")
    save(tab)
    tab.wait(f"!{EDITOR} && document.querySelector('#t1 details.corrected[open] ins')")
    [row] = rows(served.places)
    assert (row["chosen"], row["note"]) == (BETTER, "one is no test")
    assert tab.js("document.querySelector('#t1 .corrected ins').textContent") == "two tests"
    assert tab.js("document.activeElement.className") == "button correct"
    edit(tab)
    assert tab.js(f"{EDITOR}.elements.chosen.value") == BETTER  # one goes on from what stands
    write(tab, "Find the cause.")
    save(tab)
    tab.wait("document.querySelectorAll('#t1 .kept').length == 2")
    tab.click("#t1 .kept [data-do]")
    tab.wait("document.querySelector('#t1 .kept.deleted') && document.querySelector('#t1 .kept:last-child.standing')")
    assert "two tests" in tab.js("document.querySelector('#t1 .corrected .brief').textContent")
    tab.click("#t1 .kept.standing [data-do]")
    tab.wait("document.querySelector('#t1 .corrected.undone')")
    tab.click("#t1 .kept:last-child [data-do]")
    tab.wait("document.querySelector('#t1 .kept:last-child.standing') && !document.querySelector('#t1 .corrected.undone')")
    assert [bool(one["deleted_at"]) for one in rows(served.places)] == [False, True]


def test_other_tabs_see_it_at_once(tab: Browser, served: Served, page: str, turns: dict[int, str]) -> None:
    other = Tab(tab, page)
    try:
        other.wait("document.readyState == 'complete' && document.querySelector('#t1')")
        tab.press("c")
        tab.wait(EDITOR)
        write(tab, BETTER)
        save(tab)
        other.wait("document.querySelector('#t1 .corrected')")
        assert not other.js("document.querySelector('#t1 .corrected').open")
        tab.wait("document.querySelector('#t1 .kept [data-do]')")
        tab.click("#t1 .kept [data-do]")
        other.wait("document.querySelector('#t1 .corrected.undone')")
        assert not other.errors
    finally:
        other.close()


def test_a_draft_outlives_news_and_a_reload(tab: Browser, served: Served, page: str, session: str, turns: dict[int, str]) -> None:
    tab.press("G")
    edit(tab)
    write(tab, "Now write the release notes, briefly")
    say(served.places, session, 9, "Now write the release notes", "It is done, and this is new.", status="done")
    tab.wait("document.querySelector('#t9').textContent.includes('this is new')")
    fix(served.places, turns[9], "Somebody else's.")
    tab.wait("document.querySelector('#t9 .corrected')")
    assert tab.js(f"{EDITOR}.elements.chosen.value") == "Now write the release notes, briefly"
    assert tab.js(f"document.activeElement == {EDITOR}.elements.chosen")
    tab.js("scrollTo(0, document.documentElement.scrollHeight)")
    place = tab.js(f"{EDITOR}.getBoundingClientRect().top")
    say(served.places, session, 10, "Another one", "x\n\n" * 40)
    tab.wait("document.querySelector('#t10')")
    assert abs(tab.js(f"{EDITOR}.getBoundingClientRect().top") - place) < 1  # nobody is scrolled away while they write
    assert tab.js("[...document.querySelector('#t9').children].map(one => one.localName).join()") == "div,form,div,footer"
    tab.call("Page.reload")
    tab.wait(f"document.readyState == 'complete' && {EDITOR}?.elements.chosen.value == 'Now write the release notes, briefly'")
    save(tab)  # nobody may notice that another correction came in between: it is said
    tab.js(f"{EDITOR}.elements.chosen.focus()")
    save(tab)
    tab.wait(f"{EDITOR}.querySelector('.problem').textContent.includes('corrected meanwhile by ada')")
    assert tab.js(f"{EDITOR}.elements.chosen.value") == "Now write the release notes, briefly"
    assert len(rows(served.places)) == 1
    save(tab)
    tab.wait(f"!{EDITOR} && document.querySelector('#t9 .corrected .brief').textContent.includes('briefly')")
    assert not tab.js("sessionStorage.length")
    refused(tab, 409)


def test_nothing_that_was_typed_is_lost_by_accident(tab: Browser, served: Served, page: str) -> None:
    edit(tab)
    tab.press("Escape")
    tab.wait(f"!{EDITOR} && document.activeElement.classList.contains('correct')")
    edit(tab)
    tab.call("Input.insertText", text=" j k c?")
    tab.press("Escape")
    tab.wait(f"!{EDITOR}.querySelector('.asks').hidden && document.activeElement.className == 'stay'")
    tab.press("Escape")
    tab.wait(f"document.activeElement == {EDITOR}.elements.chosen && {EDITOR}.querySelector('.asks').hidden")
    tab.press("Escape")
    tab.wait("document.activeElement.className == 'stay'")
    tab.click(".asks .drop")
    tab.wait(f"!{EDITOR}")
    assert not tab.js("sessionStorage.length") and tab.js("document.querySelector('.turn.here').id") == "t1"
    edit(tab)
    write(tab, "  ")
    save(tab)
    tab.wait(f"{EDITOR}.querySelector('.problem').textContent.startsWith('the corrected prompt is empty. Write')")
    write(tab, BETTER)
    with sqlite3.connect(served.places.db) as connection:
        connection.execute("DELETE FROM turns WHERE seq = 1")
        connection.commit()
        save(tab)
        tab.wait(f"{EDITOR}.querySelector('.problem').textContent.includes('no turn')")
    assert tab.js(f"{EDITOR}.elements.chosen.value") == BETTER and tab.js("sessionStorage.length") == 1
    assert not tab.js(f"{EDITOR}.querySelector('.save').disabled")
    tab.js("document.querySelector('.seq').focus()")
    served.stop()
    save_button = f"{EDITOR}.querySelector('.save').click()"
    tab.js(save_button)
    tab.wait(f"{EDITOR}.querySelector('.problem').textContent.startsWith('The pages do not answer')")
    tab.press("j", "c")
    tab.wait("document.querySelector('#t2 > .corrector-problem')?.textContent.startsWith('The pages do not answer')")
    assert tab.js(f"{EDITOR}.elements.chosen.value") == BETTER
    assert all("status of 409" in error or "status of 404" in error or "REFUSED" in error for error in tab.errors), tab.errors
    tab.errors.clear()


def test_words_of_anybody_stay_words(tab: Browser, served: Served, page: str) -> None:
    tab.press("j")
    edit(tab)
    write(tab, f"Explain it. {EVIL} {EVIL}")
    write(tab, EVIL, "note")
    tab.wait(f"{EDITOR}.querySelector('.change').textContent.includes('<script>')")
    save(tab)
    tab.wait("document.querySelector('#t2 .corrected .kept')")
    assert EVIL in tab.js("document.querySelector('#t2 .corrected').textContent")
    tab.open(f"{served.base}/-/procy/corrections")
    tab.wait("document.querySelector('.correction ins')")
    assert not tab.js("document.querySelector('main script, main img')") and tab.js("document.title") == "Corrections · procy"


def test_a_prompt_of_200_kb_is_compared_at_once_and_as_the_server_does(tab: Browser, served: Served) -> None:
    prompt = "".join(f"line {number} of a long log, with an ü\n" for number in range(6000)).rstrip()
    long = make_long_session(served.places, 1, lambda number: turn(1, prompt))
    tab.open(f"{served.base}/-/procy/s/{long}")
    tab.wait("document.querySelector('#t1 a.load')")
    assert tab.js("document.querySelector('#t1 .text').textContent.length") < 5000
    edit(tab)
    assert tab.js(f"{EDITOR}.querySelector('.was .text').textContent") == prompt  # all of it
    tab.js(f"{EDITOR}.elements.chosen.setSelectionRange(100000, 100000)")
    took = tab.js(f"(() => {{ const began = performance.now(); {EDITOR}.elements.chosen.setRangeText(' really ');"
                  f"{EDITOR}.dispatchEvent(new Event('input')); return performance.now() - began; }})()")  # fmt: skip
    tab.wait(f"{EDITOR}.querySelector('.change ins')")
    assert took < 1000 and tab.js(f"{EDITOR}.querySelector('.change').textContent.length") < 1000
    save(tab)
    tab.wait("document.querySelector('#t1 .kept ins')")
    assert rows(served.places)[0]["chosen"] == prompt[:100_000] + " really " + prompt[100_000:]
    pairs = [("", "a b"), ("a b", ""), (BETTER, "Parsing breaks. Find the cause, then add a test for each of them."),
             ("ein Größe", "eine Größe"), ("make it fast", "write two tests"),
             ("a=b\n\n  c", "a==b\n c\n"), ("日本語 und 🙂", "日本 und 🙃 x"),
             ("x " * 900 + "end", "y " * 900 + "end"), ("one\ntwo\n" * 4000, "one\nTwo\n" + "one\ntwo\n" * 3999)]  # fmt: skip
    found = tab.js(f"import('{served.base}/-/procy/static/words.js').then(({{wordDiff}}) => "
                   f"{json.dumps(pairs)}.map(([old, fresh]) => wordDiff(old, fresh)))")  # fmt: skip
    for (old, new), pieces in zip(pairs, found, strict=True):
        assert [tuple(piece) for piece in pieces] == [tuple(piece) for piece in word_diff(old, new)], old[:40]
    took = tab.js(f"import('{served.base}/-/procy/static/words.js').then(({{wordDiff}}) => {{ const began = performance.now();"
                  "const words = Array.from({length: 3500}, (_, at) => ['alpha', 'beta', 'gamma', at][at % 7 % 4]);"
                  "wordDiff(words.join(' '), words.map((word, at) => at % 5 ? word : 'new').reverse().join(' '));"
                  "return performance.now() - began; })")  # fmt: skip
    assert took < 1000


def test_a_prompt_of_a_try(tab: Browser, served: Served) -> None:
    tab.open(f"{served.base}/-/procy/run/{RUN}")
    tab.press("j", "j", "j", "j", "j", "j", "j")
    tab.wait("document.activeElement.closest('#try1')")
    edit(tab)
    assert tab.js(f"{EDITOR}.querySelector('.was .text').textContent") == PROMPTS[0]
    write(tab, PROMPTS[0].replace("largest cost", "three largest costs"))
    with writing(served.places) as connection:
        connection.execute("UPDATE tries SET reason = 'told anew' WHERE id = ?", (try_id(1),))
    tab.wait("document.querySelector('#try1').textContent.includes('told anew')")
    save(tab)
    tab.wait("document.querySelector('#try1 .corrected[open] ins')")
    assert rows(served.places)[0]["try_id"] == try_id(1) and tab.js("document.querySelectorAll('#try1 tr').length") == 1
    tab.click("#try1 .kept [data-do]")
    tab.wait("document.querySelector('#try1 .corrected.undone')")


# -- the list -----------------------------------------------------------------------------------------------------------


def test_the_list_is_worked_with(tab: Browser, served: Served, turns: dict[int, str]) -> None:
    tab.open(f"{served.base}/-/procy/corrections")
    key = fix(served.places, turns[4], "Make the suite faster")
    tab.wait(f"document.querySelector('#corrections > #c{key}:first-child') && !document.querySelector('main > .message')")
    tab.js("document.querySelector('#add input').value = 'Parser fix:1'")
    tab.click("#add button")
    tab.wait(f"document.querySelector('.adding b')?.textContent.startsWith('Turn 1') && {EDITOR}")
    write(tab, BETTER)
    save(tab)
    tab.wait("document.querySelectorAll('.correction').length == 2 && !document.querySelector('.adding')")
    assert "two tests" in tab.js("document.querySelector('.correction').textContent")
    tab.js("document.activeElement.blur()")
    tab.press("j")
    tab.wait("document.activeElement.closest('.correction') == document.querySelector('#corrections > li')")
    edit(tab)
    write(tab, "Find the cause.")
    save(tab)
    tab.wait("document.querySelectorAll('.correction.standing').length == 2 && document.querySelector('.correction.replaced')")
    tab.click("#corrections > li:first-child [data-do]")
    tab.wait("document.querySelector('#corrections > li:first-child.deleted [data-do^=restore]')")
    tab.wait("!document.querySelector('.correction.replaced')")  # the one before counts again
    tab.click("#corrections > li:first-child [data-do]")
    tab.wait("document.querySelector('#corrections > li:first-child.standing')")
    undo(served.places, key)
    tab.wait(f"document.querySelector('#c{key}.deleted')")
    tab.js("document.querySelector('#add input').value = 'last:77'")
    tab.click("#add button")
    tab.wait("document.querySelector('#add .problem').textContent.includes('no turn last:77')")
    refused(tab, 404)


def test_it_can_be_read_in_narrow_windows_and_in_both_themes(
    tab: Browser, served: Served, page: str, turns: dict[int, str]
) -> None:
    fix(served.places, turns[1], BETTER, note="unbroken" * 40)
    undo(served.places, fix(served.places, turns[1], f"{BETTER} {'unbroken' * 40}"))
    try:
        for width, scheme in ((360, "dark"), (700, "light"), (1280, "dark")):
            tab.scheme(scheme)
            tab.size(width, 800)
            tab.open(f"{served.base}/-/procy/corrections")
            assert tab.js("document.documentElement.scrollWidth <= innerWidth") and not tab.js(LOW_CONTRAST)
            tab.open(page)
            tab.wait("document.querySelector('.turn.here')?.id == 't1'")
            edit(tab)
            tab.call("Input.insertText", text="unbroken" * 30)
            tab.click("#t1 .corrected summary")
            tab.wait("document.querySelector('#t1 .kept.deleted')")
            assert tab.js("document.documentElement.scrollWidth <= innerWidth") and not tab.js(LOW_CONTRAST)
            tab.js("sessionStorage.clear()")
    finally:
        tab.scheme("")
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(served.base + f"/-/procy/t/{turns[1]}")
        tab.open(without_script(tab, "document.querySelector('#t1 .corrected a').href"))
        assert without_script(tab, "document.querySelector('.standing ins').textContent") == "two tests"
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def without_script(tab: Browser, expression: str) -> str:
    """What a developer's tools see where the page's own scripts do not run."""
    return str(tab.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"])
