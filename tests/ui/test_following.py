"""Pages while news come in, in a real browser: nobody who reads is disturbed, and it is said when no news can come."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from procy.places import Places
from procy.store import write
from procy.store.db import open_reader
from procy.types import Turn

from .browser import Browser, real
from .conftest import Served
from .sample import call, main_turns, say, turn, writing

pytestmark = real


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


def tell(places: Places, session: str, one: Turn) -> None:
    with writing(places) as connection:
        write.put_turn(connection, session, one, mask=str, cost=None)


COUNT_LOSSES = """
window.lost = 0;
new MutationObserver(() => { if (!(%s)) window.lost += 1; }).observe(document.body, {childList: true, subtree: true})
"""


def test_what_was_loaded_and_has_the_focus_stays_when_its_turn_grows(tab: Browser, served: Served, session: str) -> None:
    long = "a line of a long answer\n" * 600 + "the very last"
    calls = [call(1, "Bash", "one", 5, command="a"), call(2, "Bash", None, 5, command="b")]
    prompt = "p\n" * 30 + "q" * 6_000
    begun = turn(20, prompt, long, status="open", ended_ns=None, tool_calls=tuple(calls))
    tell(served.places, session, begun)
    tab.open(f"{served.base}/-/procy/s/{session}")
    tab.js("for (const one of document.querySelectorAll('#t10 .clamp > label')) one.click()")
    tab.click("#t10 [data-part='call-1'] > summary")
    answer = "document.querySelector('#t10 .answer').textContent.includes('the very last')"
    asked = "document.querySelector('#t10 .prompt').textContent.includes('q'.repeat(6000))"
    tab.wait(f"{answer} && {asked} && document.querySelector('#t10 [data-part=\"call-1\"] .io')")
    tab.js("document.querySelector('#t10 [data-part=\"call-1\"] > summary').focus()")
    tab.js(COUNT_LOSSES % answer)
    focus = "document.activeElement.parentElement.dataset.part"
    calls = [calls[0], call(2, "Bash", "two", 5, command="b"), call(3, "Bash", None, len(long), command="c")]
    tell(served.places, session, replace(begun, response=long + "\n\nand more", tool_calls=tuple(calls)))
    tab.wait("document.querySelector('#t10').textContent.includes('and more')")
    assert tab.js(f"{answer} && {asked}") and tab.js("window.lost") == 0 and tab.js(focus) == "call-1"
    assert tab.js("document.querySelector('#t10 [data-part=\"call-1\"][open] .io') != null")
    calls[2:] = [call(3, "Bash", "three", len(long), command="c"), call(4, "Bash", "four", len(long), command="d")]
    done = replace(begun, response=long + "\n\nand more", tool_calls=tuple(calls), status="done")
    tell(served.places, session, done)
    tab.wait("document.querySelector('#t10').classList.contains('done')")
    assert tab.js(f"{answer} && {asked}") and tab.js("window.lost") == 0 and tab.js(focus) == "call-1"


def test_an_open_call_stays_open_when_its_neighbours_become_a_run(tab: Browser, served: Served, session: str) -> None:
    calls = tuple(call(number, "Bash", f"result {number}", command=f"step {number}") for number in range(1, 6))
    begun = turn(20, "go", status="open", ended_ns=None, tool_calls=calls[:3])
    tell(served.places, session, begun)
    tab.open(f"{served.base}/-/procy/s/{session}")
    tab.click("#t10 [data-part='call-2'] > summary")
    tab.wait("document.querySelector('#t10 .io')?.textContent.includes('result 2')")
    tell(served.places, session, replace(begun, tool_calls=calls))
    tab.wait("document.querySelector('#t10 .run[open] [data-part=\"call-2\"][open] .io')?.textContent.includes('result 2')")


def test_a_title_without_a_terminal_is_dim_as_soon_as_it_comes(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}/terminal")
    say(served.places, session, 20, "asked elsewhere")
    dim = "getComputedStyle(document.querySelector('#titles li[data-seq=\"%d\"] a')).opacity"
    tab.wait("document.querySelector('#titles li[data-seq=\"10\"]')")
    assert float(tab.js(dim % 10)) < 1 and float(tab.js(dim % 9)) == 1


def test_recorded_now_follows(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy?live=1")
    assert tab.js("document.querySelectorAll('.session').length") == 4
    facts: dict[str, Any] = {
        "agent": "codex",
        "name": "brand new",
        "status": "recording",
        "started_at": "2020-01-01T00:00:00.000Z",
    }
    with writing(served.places) as connection:
        write.put_session(connection, "NEWSESSION", {**facts, "started_at": "2020-01-01T00:00:00.000Z"})
        write.change_session(connection, session, {"status": "ended", "state": None})
    tab.wait("document.querySelector('.session:last-child .name').textContent == 'brand new'")
    tab.wait("!document.body.textContent.includes('Parser fix')")


def test_who_cannot_follow_is_told_and_gets_no_hole(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}")
    with writing(served.places) as connection:
        for number in range(20, 120):
            write.put_turn(connection, session, turn(number, f"many {number}"), mask=str, cost=None)
    tab.wait("document.querySelector('#pill').textContent.startsWith('Much has happened')")
    say(served.places, session, 130, "the next one")
    tab.js("new Promise(done => setTimeout(done, 600))")
    assert tab.js("document.querySelectorAll('.turn').length") == 9
    tab.click("#pill a")
    tab.wait("document.querySelector('#t110')?.textContent.includes('the next one')")


def test_a_page_says_that_it_is_not_live_until_it_is_again(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}")
    tab.js("new Promise(done => setTimeout(done, 300))")
    served.stop()
    pill = "document.querySelector('#pill')"
    tab.wait(f"!{pill}.hidden && {pill}.textContent.includes('do not answer')", 12)
    again = Served(served.places, served.port)
    try:
        tab.wait(f"{pill}.hidden", 12)
        say(served.places, session, 20, "asked after the break")
        tab.wait("document.querySelector('#t10')")
    finally:
        again.stop()
        tab.open("about:blank")
        tab.errors.clear()


def test_who_was_signed_out_is_told_so(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}")
    tab.call("Network.clearBrowserCookies")
    tab.js("dispatchEvent(new Event('pagehide')); dispatchEvent(new Event('pageshow'))")
    tab.wait("document.querySelector('#pill').textContent.includes('sign in again')")
    tab.open("about:blank")
    tab.errors.clear()
