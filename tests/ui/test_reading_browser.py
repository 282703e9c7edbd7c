"""Reading a conversation in a real browser: bookmarks, tags, what is new, finding, copying, and the file that is saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from procy.store import filters, marks
from procy.store.db import open_reader

from .browser import Browser, real, until
from .conftest import Served
from .sample import EVIL, make_long_session, say, turn, writing

pytestmark = real
HERE = "document.querySelector('.turn.here')?.dataset.seq"
KEY = "sk-ant-" + "a1B2" * 10


def rows(served: Served, sql: str) -> list[tuple[Any, ...]]:
    connection = open_reader(served.places.db)
    try:
        return [tuple(row) for row in connection.execute(sql).fetchall()]
    finally:
        connection.close()


def test_bookmarks_and_changed_files_lead_to_their_turns(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}#t4")
    tab.wait(f"{HERE} == '4'")
    tab.press("b")
    tab.wait("document.querySelector('#bookmarks a[data-to=t4]')")
    assert tab.js("document.querySelector('#t4 .star').getAttribute('aria-pressed')") == "true"
    tab.click("#t1 .star")
    tab.wait("document.querySelectorAll('#bookmarks li').length == 2")
    tab.click("#bookmarks a[data-to=t1]")
    tab.wait(f"{HERE} == '1'")
    assert tab.js("document.querySelector('.toast').textContent") == "Bookmarked"
    tab.press("b")
    tab.wait("document.querySelectorAll('#bookmarks li').length == 1")
    tab.click(".changed > summary")
    tab.wait("document.querySelectorAll('.changes tbody tr').length == 3")
    tab.click(".changes a[data-to=t2]")
    tab.wait(f"{HERE} == '2' && location.hash == '#t2'")
    assert rows(served, "SELECT turns.seq FROM turns JOIN marks ON target_id = id WHERE marks.kind = 'bookmark'") == [(4,)]


def test_tags_by_key_are_shown_kept_and_taken_off(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}#t4")
    tab.wait(f"{HERE} == '4'")
    tab.press("t", *"slow", "Enter")
    tab.wait("document.querySelector('#t4 .label a')?.textContent == 'slow'")
    assert tab.js("!document.querySelector('.ask-tag') && document.querySelector('#known-tags option').value == 'slow'")
    tab.click("[data-act=tag-session]")
    tab.js("document.querySelector('.ask-tag').value = " + json.dumps(EVIL[:38]))
    tab.press("Enter")
    tab.wait(f"document.querySelector('#session-labels a')?.textContent == {json.dumps(EVIL[:38])}")
    assert tab.js("document.title") != "owned"
    tab.press("t", "x", "Escape")
    assert tab.js("document.querySelectorAll('.ask-tag').length") == 0
    tab.click("#t4 .untag")
    tab.wait("!document.querySelector('#t4 .label')")
    assert rows(served, "SELECT what FROM tags") == [("session",)]


def test_new_turns_are_marked_and_looking_at_them_moves_the_mark(tab: Browser, served: Served, session: str) -> None:
    with writing(served.places) as connection:
        marks.seen(connection, session, 3, 1)
    tab.open(f"{served.base}/-/procy")
    assert tab.js(f"document.querySelector('#s{session} .unseen').textContent") == "6 new"
    tab.size(1200, 300)
    tab.open(f"{served.base}/-/procy/s/{session}?after=0")
    assert tab.js("document.querySelector('#new').nextElementSibling.id") == "t4"
    tab.js("new Promise(done => setTimeout(done, 900))")  # longer than one looks before it counts
    assert rows(served, "SELECT seq FROM marks") == [(3,)]  # at its beginning nothing was read
    tab.js("scrollTo(0, document.documentElement.scrollHeight)")
    until(lambda: rows(served, "SELECT seq FROM marks") == [(9,)], "the mark did not move")
    say(served.places, session, 20, "one that comes while one looks")
    until(lambda: rows(served, "SELECT seq FROM marks") == [(10,)], "what came while one looked is not seen")
    tab.open(f"{served.base}/-/procy")
    assert not tab.js("document.querySelector('.unseen')")


def test_finding_goes_over_the_borders_of_pages(tab: Browser, served: Served) -> None:
    has = {3: "Needle", 90: "needle", 170: "needles and a needle", 178: "needlework"}
    session = make_long_session(
        served.places, 180, lambda number: turn(1, f"prompt {number}", ("word " * 600 + has[number]) if number in has else "x")
    )
    tab.open(f"{served.base}/-/procy/s/{session}")
    tab.press("f", *"needle")
    tab.wait("document.querySelector('#find output').textContent == '3 of 3'")
    tab.wait(f"{HERE} == '170' && CSS.highlights.get('found')?.size == 1")
    box = "[...CSS.highlights.get('found')][0].startContainer.parentElement.closest('.clamp')"
    tab.wait(f"{box}.querySelector('input').checked")  # what is folded is unfolded
    tab.press("Enter")
    tab.wait(f"document.readyState == 'complete' && {HERE} == '3' && location.search.includes('find=needle')")
    tab.wait("document.querySelector('#find output').textContent == '1 of 3' && CSS.highlights.get('found')?.size == 1")
    tab.press("n")
    tab.wait(f"document.readyState == 'complete' && {HERE} == '90'")
    tab.wait("document.querySelector('#find output').textContent == '2 of 3'")
    tab.press("N")
    tab.wait(f"document.readyState == 'complete' && {HERE} == '3'")
    tab.press("f", "Escape")
    assert tab.js("document.querySelector('#find').hidden && !CSS.highlights.has('found')")


def test_finding_opens_the_tool_call_that_has_the_word(tab: Browser, served: Served, session: str) -> None:
    tab.open(f"{served.base}/-/procy/s/{session}?after=0")
    tab.press("f")
    tab.js(
        "const box = document.querySelector('#find input'); box.value = 'no such thing'; box.dispatchEvent(new Event('input'))"
    )
    tab.wait("document.querySelector('#find output').textContent == 'nothing found'")
    tab.js("box.value = 'old_string partition'; box.dispatchEvent(new Event('input'))")
    tab.wait("document.querySelector('#find output').textContent == '1 of 1'")
    tab.wait("document.querySelector('#t1 [data-part=\"call-4\"] .io')?.checkVisibility()")
    tab.wait("[...CSS.highlights.get('found')].some(one => one.startContainer.parentElement.closest('.io'))")


def allow_clipboard(tab: Browser, served: Served) -> None:
    names = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    tab.call("Browser.grantPermissions", origin=served.base, permissions=names)
    tab.call("Page.bringToFront")


def test_a_turn_is_copied_as_markdown_and_with_its_colours(tab: Browser, served: Served, session: str) -> None:
    say(served.places, session, 20, f"the key is {KEY}", "Noted.")
    allow_clipboard(tab, served)
    tab.open(f"{served.base}/-/procy/s/{session}#t10")
    tab.wait(f"{HERE} == '10'")
    tab.press("y")
    tab.wait("document.querySelector('.toast').textContent == 'Copied as Markdown'")
    text = tab.js("navigator.clipboard.readText()")
    assert text.startswith("## 10. ") and "> the key is [redacted:anthropic-key]" in text and "Noted." in text
    tab.js("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true}); 1")
    tab.press("k")
    tab.press("y")  # as on a page that is not from this machine
    tab.wait("document.querySelector('.toast').textContent == 'Copied as Markdown'")
    tab.js("delete navigator.clipboard; 1")
    until(lambda: str(tab.js("navigator.clipboard.readText()")).startswith("## 9. "), "the old way copies nothing")
    tab.click("#t1 [data-act=copy-html]")
    tab.wait("document.querySelector('.toast').textContent == 'Copied with colours'")
    get = "navigator.clipboard.read({unsanitized: ['text/html']}).then(([one]) => one.getType('text/%s')).then((it) => it.text())"
    html = tab.js(get % "html")
    assert "<details" in html and "❯ Parsing breaks" in html and "font-weight" in html and "class=" not in html
    assert tab.js(get % "plain").startswith("## 1. ")


def test_a_saved_session_needs_nothing_else(tab: Browser, served: Served, session: str, tmp_path: Path) -> None:
    say(served.places, session, 20, f"the key is {KEY}", f"Noted.\n\n{EVIL}")
    path = tmp_path / "saved.html"
    subprocess.run([sys.executable, "-m", "procy", "export", "html", "Parser fix", "-o", str(path)], check=True)
    assert KEY not in path.read_text() and os.stat(path).st_mode & 0o077 == 0
    tab.open("about:blank")  # what the page before asks for late is none of this
    tab.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    try:
        tab.open(path.as_uri())
        assert tab.js("document.querySelectorAll('article').length") == 10
        assert tab.js("document.title") == "Parser fix"
        tab.click("nav a[href='#t4']")
        tab.wait("Math.abs(document.querySelector('#t4').getBoundingClientRect().top) < 40")
        tab.click("#t1 .call summary")
        assert tab.js("document.querySelector('#t1 .call').innerText.includes('def parse(line)')")
        tab.click("#t1 .screen summary")
        shown = "document.querySelector('#t1 .screen pre span')"
        assert tab.js(f"getComputedStyle({shown}).color") == "rgb(76, 184, 120)"
        papers = set()
        for scheme in ("light", "dark"):
            tab.scheme(scheme)
            papers.add(tab.js("getComputedStyle(document.body).backgroundColor"))
        for width in (360, 2560):
            tab.size(width, 800)
            assert tab.js("document.documentElement.scrollWidth <= innerWidth"), width
        assert len(papers) == 2 and "[redacted:anthropic-key]" in tab.js("document.querySelector('#t10').textContent")
        assert {url.partition(":")[0] for url in tab.requests[tab.requests.index(path.as_uri()) :]} == {"file"}
    finally:
        tab.scheme("")
        tab.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)


def test_filters_on_the_page_and_a_narrow_window(tab: Browser, served: Served, session: str) -> None:
    with writing(served.places) as connection:
        filters.save(connection, "old", "live=1", 1)
    tab.open(f"{served.base}/-/procy")
    tab.click(".filter summary")
    tab.js("document.querySelector('.filter select[name=agent]').value = 'codex'")
    tab.js("document.querySelector('.filter form button').click()")
    tab.wait("location.search == '?agent=codex' && document.readyState == 'complete'")
    assert tab.js("document.querySelectorAll('.session').length") == 1
    tab.js("document.querySelector('#save-filter input').value = 'Codex'")
    tab.js("document.querySelector('#save-filter button').click()")
    tab.wait("document.querySelector('.saved.here a')?.textContent == 'Codex' && !document.querySelector('#save-filter')")
    tab.click(".saved .drop[data-name=old]")
    tab.wait("document.querySelectorAll('.saved').length == 1")
    assert rows(served, "SELECT name, query FROM filters") == [("Codex", "agent=codex")]
    with writing(served.places) as connection:
        marks.bookmark(connection, "turn", rows(served, f"SELECT id FROM turns WHERE session_id = '{session}'")[0][0], session, 1)
    tab.size(360, 740)
    for path in ("?agent=codex", f"/s/{session}/files", f"/s/{session}?around=1&find=partition#t1"):
        tab.open(f"{served.base}/-/procy{path}")
        assert tab.js("document.documentElement.scrollWidth <= innerWidth"), path
    assert tab.js("document.querySelector('#bookmarks li').checkVisibility()")
