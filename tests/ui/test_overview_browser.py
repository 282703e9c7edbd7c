"""Overview and Training in a real browser: by keyboard and click, at any width, in both themes, to Datasette and back."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from procy.store import write

from .browser import Browser, real
from .conftest import Served
from .sample import turn, writing

pytestmark = real
DAY = 86_400 * 10**9
OVER = (
    "[...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1 "
    "&& !one.closest('.scrolled, .chips, .drawing')).map(one => one.className || one.tagName)"
)


@pytest.fixture
def filled(served: Served) -> Served:
    """With turns of every week of the last 300 days."""
    with writing(served.places) as connection:
        write.put_session(
            connection, "weekly", {"agent": "codex", "started_at": "2020-01-01T00:00:00.000Z", "cwd": "/w/" + "x" * 90}
        )
        for number in range(300):
            at = time.time_ns() - number * DAY
            one = replace(turn(1, f"{number} days ago", "x"), key=f"w{number}", started_ns=at, ended_ns=at + number * 10**9)
            write.put_turn(connection, "weekly", one, mask=str, cost=0.1)
    return served


def load(tab: Browser, served: Served, path: str) -> None:
    tab.open(served.base + path)
    tab.wait("document.readyState == 'complete'")


def test_a_range_is_switched_and_drawn(tab: Browser, filled: Served) -> None:
    tab.click(".tabs a[href$='/overview']")
    tab.wait("location.pathname == '/-/procy/overview' && document.readyState == 'complete'")
    bars = "document.querySelectorAll('.broad .plot g').length"
    assert tab.js(bars) == 30
    for name, count in (("7", 7), ("90", 90)):
        tab.js(f"document.querySelector('.chips a[href=\"?days={name}\"]').focus()")
        tab.press("Enter")
        tab.wait(f"location.search == '?days={name}' && document.readyState == 'complete'")
        assert tab.js(bars) == count and tab.js("document.querySelector('.chips .here').getAttribute('href')") == f"?days={name}"
    tab.click(".chips a[href='?days=all']")
    tab.wait("location.search == '?days=all' && document.readyState == 'complete'")
    assert 40 <= tab.js(bars) <= 50  # weeks
    assert tab.js("document.querySelector('.broad .plot g rect.human').getBoundingClientRect().height") > 20
    tab.click(".broad .numbers summary")
    assert tab.js("document.querySelector('.broad .numbers tbody').rows.length") == tab.js(bars)


def test_a_figure_opens_its_sql_with_rows_and_back(tab: Browser, filled: Served) -> None:
    load(tab, filled, "/-/procy/overview")
    tab.click(".card a.sql[title^='Longest turns']")
    tab.wait("location.pathname == '/procy/-/query' && document.querySelector('table.rows-and-columns')")
    assert tab.js("document.querySelectorAll('table.rows-and-columns tbody tr').length") == 20
    assert tab.js("document.querySelector('input[name=since]').value")
    tab.js("history.back()")
    tab.wait("location.pathname == '/-/procy/overview' && document.querySelector('.questions')")
    tab.click(".questions a[href$='/turns-of-a-directory']")
    tab.wait("location.pathname == '/procy/turns-of-a-directory' && document.querySelector('table.rows-and-columns')")


@pytest.mark.parametrize("width", [3840, 1200, 360])
def test_nothing_is_cut_off_at_any_width(tab: Browser, filled: Served, width: int) -> None:
    tab.size(width, 800)
    for path in ("/-/procy/overview?days=all", "/-/procy/training", "/-/procy/training?of=proxy"):
        load(tab, filled, path)
        assert tab.js("document.documentElement.scrollWidth") <= width, path
        assert tab.js(OVER) == [], path


def test_both_themes_have_their_colours(tab: Browser, filled: Served) -> None:
    seen = set()
    for scheme in ("light", "dark"):
        tab.scheme(scheme)
        load(tab, filled, "/-/procy/overview")
        seen.add(tab.js("getComputedStyle(document.querySelector('rect.human')).fill"))
    tab.scheme("light")
    assert len(seen) == 2


def test_rows_are_chosen_and_paged(tab: Browser, filled: Served) -> None:
    load(tab, filled, "/-/procy/training")
    tab.click("#rows a[rel=next]")
    tab.wait("location.search.includes('page=2') && document.readyState == 'complete'")
    assert "page 2" in tab.js("document.querySelector('#rows .more').textContent")
    tab.click(".category a[href='?of=proxy#rows']")
    tab.wait("location.search == '?of=proxy' && document.readyState == 'complete'")
    tab.click("#rows .chips a[href*='only=open']")
    tab.wait("location.search.includes('only=open') && document.readyState == 'complete'")
    assert tab.js("document.querySelectorAll('.samples .out').length") == 1
    tab.click(".samples a[href*='/try/']")
    tab.wait("location.pathname.includes('/run/')")
