"""From a search to the moment when it stood on the screen."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from procy.recording.terminal import TerminalLog
from procy.store import write
from procy.store.blobs import pack_block
from procy.store.db import open_reader
from procy.types import Picture, Read
from procy.ui.finding import Terms, marked, moment

from .browser import Browser, real
from .conftest import Served, Site
from .sample import NOW, writing

SESSION = "LONGTERMINAL"


def add_terminal(places: object) -> None:
    """400 lines that scroll by, of which the index has texts of 50 lines each, as the sidecar makes them."""
    lines = [f"line {number} {'needle here' if number in (30, 210, 333) else 'of hay'}\r\n".encode() for number in range(400)]
    reads, offset = [], 0
    for number, line in enumerate(lines):
        reads.append(Read(NOW + number * 10**8, offset, 60, 10, line))
        offset += len(line)
    with writing(places) as connection:  # type: ignore[arg-type]
        values = {"agent": "codex", "name": "long", "status": "ended", "started_at": "2020-01-01T00:00:00.000Z"}
        write.put_session(connection, SESSION, {**values, "terminal_bytes": offset, "columns": 60, "rows": 10})
        write.add_block(connection, SESSION, pack_block(reads, Picture(60, 10, b"")))
        for first in range(0, 400, 50):
            text = "".join(line.decode() for line in lines[first : first + 50]).replace("\r", "")
            write.add_terminal_text(connection, SESSION, reads[first + 49].end, text, mask=str)


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [("größe", "die GROSSE Größe", ["Größe"]), ("grosse", "Große größe", []), ('"a b"', "a-b ab a  b", ["a-b", "a  b"]),
     ("nee*", "needle kneel nee", ["needle", "nee"]), ("a.b", "x a.b y", ["a.b"]), ("<b>", "a <b> b", ["b", "b"]),
     ("**", "x", []), ("e", "é E è x", ["é", "E", "è"])],
)  # fmt: skip
def test_terms_are_found_as_the_index_finds_them(query: str, text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in Terms(query).spans(text)] == found


def test_what_is_found_is_marked_and_all_is_escaped() -> None:
    assert marked(["a <needle>", "& b"], Terms("needle")) == Markup("a &lt;<mark>needle</mark>&gt;\n&amp; b")


def test_a_hit_leads_to_the_moment_when_it_stood_there(site: Site) -> None:
    add_terminal(site.places)
    for number, line in enumerate((30, 210, 333), 1):
        page = site.text(f"/-/procy/s/{SESSION}/terminal?q=needle&hit={number}")
        screen = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1]  # type: ignore[index]
        assert f"line {line} <mark>needle</mark> here" in screen and f"hit {number} of 3" in " ".join(page.split())
        assert screen.rstrip().endswith("here")  # it has just come
        assert ('id="previous-hit"' in page, 'id="next-hit"' in page) == (number > 1, number < 3)
        log = TerminalLog(open_reader(site.places.db), site.places.spool, SESSION)
        assert f"&amp;at={moment(log, 0, log.end(), Terms('needle'))}" in page or number > 1
    results = site.text(f"/-/procy/s/{SESSION}?q=needle")
    links = re.findall(r'href="(/-/procy/s/[^"]+/terminal\?q=needle[^"]+)"', results)
    assert len(links) == 3 and "hit 3 of 3" in " ".join(site.text(links[0].replace("&amp;", "&")).split())


def test_what_was_never_on_the_screen_is_not_found(site: Site) -> None:
    page = site.text(f"/-/procy/s/{site.session}/terminal?q=qqqq")
    assert "not on the screen" in page and f'href="/-/procy/s/{site.session}?q=qqqq"' in page
    assert site.ask(f"/-/procy/s/{site.session}/terminal?q=%22&hit=99999").status_code == 200


@real[0]
@real[1]
def test_from_the_search_box_to_hit_after_hit(tab: Browser, served: Served) -> None:
    add_terminal(served.places)
    tab.open(f"{served.base}/-/procy/s/{SESSION}/terminal")
    tab.press("/", *"needle", "Enter")
    at = "document.querySelector('#screen mark') && document.querySelector('.found-at').textContent.includes('hit %d of 3')"
    player = "document.querySelector('.ap-term')?.textContent.includes('line %d needle')"  # it stands there, too
    tab.wait(at % 1 + " && " + player % 30)
    tab.press("n")
    tab.wait(at % 2 + " && " + player % 210)
    tab.press("n")
    tab.wait(at % 3 + " && " + player % 333)
    tab.press("N")
    tab.wait(at % 2)


@real[0]
@real[1]
def test_pauses_and_speed_are_chosen_once_and_the_place_is_kept(tab: Browser, served: Served) -> None:
    """400 lines in 40 s; with pauses of up to 0.05 s it would be half: the same line stands there at another time."""
    add_terminal(served.places)
    page = f"{served.base}/-/procy/s/{SESSION}/terminal?whole=1"
    tab.open(page)
    tab.wait("window.procyPlayer?.getDuration?.() > 39")
    tab.click("[data-speed='4']")
    tab.wait("procyPlayer.getDuration() > 39 && document.querySelector('.ap-term').textContent.includes('line')")
    tab.js("procyPlayer.pause().then(() => procyPlayer.seek(20))")
    tab.wait("Math.abs(procyPlayer.getCurrentTime() - 20) < 0.5")
    tab.js("window.before = procyPlayer; const box = document.querySelector('#idle'); box.value = '0'; "
           "box.dispatchEvent(new Event('change'))")  # fmt: skip
    tab.wait("procyPlayer !== before && Math.abs(procyPlayer.getCurrentTime() - 20) < 0.5")
    tab.open(page)
    tab.wait("document.querySelector('[data-speed].here')?.dataset.speed == '4' && document.querySelector('#idle').value == '0'")
    tab.js("localStorage.clear()")
