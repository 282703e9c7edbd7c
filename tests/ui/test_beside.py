"""Two databases in one Datasette: each has all pages, live, and its own orders; neither is taken for the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from procy.places import Places
from procy.store import write
from procy.store.db import open_reader, open_writer
from procy.ui import launch
from procy.ui.pages import all_pages, place_of

from .browser import Browser, real
from .conftest import SERVER, Served, Site
from .sample import make_long_session, places_in, turn

OTHER = "/-/procy/@side"


@pytest.fixture
def other(tmp_path: Path) -> Places:
    """A database of another name with one session of its own."""
    places = places_in(tmp_path / "home")._replace(db=str(tmp_path / "side.db"), home=str(tmp_path))
    make_long_session(places, 3, lambda number: turn(number, f"only there {number}", "yes"))
    return places


class TwoSites(Site):
    def __init__(self, places: Places, other: Places) -> None:
        self.other = other
        super().__init__(places)

    async def _build(self) -> object:
        datasette = launch.build(self.places, SERVER, [self.other.db])
        await datasette.invoke_startup()
        return datasette


@pytest.fixture
def both(places: Places, other: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoSites]:
    monkeypatch.setenv("PROCY_HOME", places.home)
    monkeypatch.setenv("PROCY_CONFIG", places.config)
    site = TwoSites(places, other)
    yield site
    site.close()


@pytest.mark.parametrize("path", ["", "/evolve", "/corrections", "/training", "/overview", "/gateway", "/search?q=only"])
def test_every_page_is_there_twice(both: TwoSites, path: str) -> None:
    first, second = both.text(f"/-/procy{path}"), both.text(f"{OTHER}{path}")
    assert f'href="{OTHER}/evolve"' in second and f'href="{OTHER}/evolve"' not in first
    assert f'<a href="{OTHER}">side</a>' in first and f'<a href="{OTHER}" class="here" aria-current="true">side</a>' in second


def test_each_shows_its_own(both: TwoSites) -> None:
    assert "Parser fix" in both.text("/-/procy") and "Parser fix" not in both.text(f"{OTHER}?all=1")
    assert "only there 2" in both.text(f"{OTHER}/s/LONGSESSION")
    assert both.ask("/-/procy/s/LONGSESSION").status_code == 404
    assert both.ask(f"{OTHER}/s/{both.session}").status_code == 404
    wrong = both.ask("/-/procy/@nowhere/evolve")
    assert wrong.status_code == 404 and "no database nowhere" in wrong.text


def test_an_order_is_carried_out_where_it_was_given(both: TwoSites) -> None:
    with open_reader(both.other.db) as connection:
        (key,) = connection.execute("SELECT id FROM turns WHERE prompt = 'only there 1'").fetchone()
    form = {"chosen": "only there, better", "note": ""}
    for root, status in (("/-/procy", 404), (OTHER, 200)):
        found = both.ask(f"{root}/do/correct/{key}", "POST", data=form, headers={"Origin": "http://localhost"})
        assert found.status_code == status, found.text
    with open_reader(both.other.db) as here, open_reader(both.places.db) as there:
        count = "SELECT count(*) FROM corrections WHERE chosen = 'only there, better'"
        assert (here.execute(count).fetchone()[0], there.execute(count).fetchone()[0]) == (1, 0)


def test_questions_and_ids_lead_into_their_own_pages(both: TwoSites) -> None:
    with open_reader(both.other.db) as connection:
        (key,) = connection.execute("SELECT id FROM turns LIMIT 1").fetchone()
    assert f"{OTHER}/t/{key}" in both.text(f"/side/-/query?sql=select+'{key}'+as+turn_id")
    assert both.ask("/side/cost-per-day").status_code == 200
    assert both.ask(OTHER, actor=None).status_code == 403


def test_paths() -> None:
    assert place_of("/-/procy/@side/s/1?a=/@b") == ("/-/procy/s/1?a=/@b", "side")
    assert place_of("/base/-/procy/@my~2Edb") == ("/base/-/procy", "my.db")
    assert place_of("/-/procy/s/@1") == ("/-/procy/s/@1", "")


@pytest.mark.usefixtures("places")
class TestInABrowser:
    pytestmark = real

    def test_one_goes_from_one_to_the_other_and_both_are_live(self, tab: Browser, places: Places, other: Places) -> None:
        served = Served(places, beside=[other.db])
        try:
            tab.open(served.link)
            tab.wait("document.querySelector('.databases')")
            tab.click(".databases a:not(.here)")
            tab.wait("location.pathname == '/-/procy/@side' && document.readyState == 'complete'")
            tab.open(f"{served.base}{OTHER}/s/LONGSESSION")
            tab.wait("document.body.textContent.includes('only there 3')")
            connection = open_writer(other.db)
            with write.transaction(connection):
                write.put_turn(connection, "LONGSESSION", turn(9, "and now this", "it came"), mask=str, cost=None)
            connection.close()
            tab.wait("document.body.textContent.includes('and now this')")
            assert not tab.errors and len(all_pages(served.datasette)) == 2
            for path in (f"{OTHER}/s/LONGSESSION", OTHER):
                tab.open(served.base + path)
                tab.size(360, 700)
                tab.wait("document.readyState == 'complete'")
                assert tab.js("document.documentElement.scrollWidth <= innerWidth"), path
        finally:
            tab.open("about:blank")
            served.stop()
