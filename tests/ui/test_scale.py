"""Every page on an empty database and on one of years of work: it answers, says something, and is soon there.

``make scale``; deselected otherwise. ``SCALE`` is the number of turns, ``SCALE_HOME`` a folder where such a database is or is
kept for the next time. Pictures of every page in both themes are put into ``artifacts/``, which git ignores.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import scale
from bench.pages import Pages, places_in
from procy.places import Places
from procy.store.db import open_writer

from . import sample
from .browser import Browser, real
from .conftest import ServerProcess

pytestmark = [pytest.mark.scale, *real]
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"
TURNS = int(os.environ.get("SCALE", "200000"))
MOST_S, MOST_BYTES = 0.15, 400_000
EMPTY = ("/-/procy", "/-/procy?live=1", "/-/procy?all=1", "/-/procy/search", "/-/procy/search?q=nothing", "/-/procy/evolve")
SAY = {"/-/procy": "No sessions yet", "/-/procy/evolve": "No runs yet", "/-/procy/search?q=nothing": "Nothing found"}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Places:
    kept = Path(os.environ.get("SCALE_HOME") or tmp_path_factory.mktemp("scale") / "home")
    if (kept / "procy.db").exists():
        return sample.places_in(kept)
    places = places_in(kept)
    scale.make_database(places, TURNS)
    return places


@pytest.fixture
def empty(tmp_path: Path) -> Places:
    (tmp_path / "empty").mkdir()
    places = sample.places_in(tmp_path / "empty")
    open_writer(places.db).close()
    return places


def served_in(places: Places, browser: Browser) -> Iterator[ServerProcess]:
    served = ServerProcess(places)
    browser.errors.clear()
    browser.open(served.link)
    yield served
    browser.open("about:blank")
    served.stop()


def picture(browser: Browser, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        browser.scheme(theme)
        browser.shot(ARTIFACTS / f"{name}-{theme}.png")


def look_at_all(browser: Browser, served: ServerProcess, paths: dict[str, str], prefix: str) -> None:
    for name, path in paths.items():
        browser.size(1200, 800)
        browser.open(served.base + path)
        browser.wait("document.querySelector('main')?.textContent.trim()", 20)
        picture(browser, f"{prefix}-{name.replace(', ', '-').replace(' ', '-')}")
        for width in (360, 3840):
            browser.size(width, 900)
            assert browser.js("document.documentElement.scrollWidth <= innerWidth"), (path, width)
        assert not browser.errors, path


def test_every_page_says_something_about_nothing(chromium: Browser, empty: Places) -> None:
    for served in served_in(empty, chromium):
        look_at_all(chromium, served, {f"{number}": path for number, path in enumerate(EMPTY)}, "empty")
        for path, words in SAY.items():
            chromium.open(served.base + path)
            assert words in chromium.js("document.body.textContent"), path


def test_every_page_of_years_of_work_is_seen(chromium: Browser, large: Places) -> None:
    for served in served_in(large, chromium):
        look_at_all(chromium, served, scale.addresses(large), "large")


def test_every_page_of_years_of_work_is_there_at_once(large: Places) -> None:
    """The best of some times: what the machine does beside this is not the page's."""
    slow = []
    with Pages(large) as pages:
        for name, path in scale.addresses(large).items():
            size = pages.median(path)[1]
            best = min(asked(pages, path) for _ in range(7))
            print(f"{name:28} {best * 1000:5.0f} ms {size / 1000:5.0f} KB")
            if best > MOST_S or size > MOST_BYTES:
                slow.append((name, best, size))
    assert not slow


def asked(pages: Pages, path: str) -> float:
    from procy.ui.guard import OWNER

    began = time.perf_counter()
    pages.loop.run_until_complete(pages.datasette.client.get(path, actor=OWNER))
    return time.perf_counter() - began
