"""Training: rows of every category with the reason where one is left out, and no promise of what there is not yet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from procy.store import write
from procy.store.db import open_writer

from .conftest import Site
from .sample import EVIL, make_long_session, turn, writing

PAGE = "/-/procy/training"


def usable(html: str, category: str) -> tuple[int, int]:
    """(usable, looked at) of a category's card."""
    card = re.search(rf'aria-labelledby="of-{category}".*?<b>([\d,]+)</b> usable of (?:the newest )?([\d,]+)', html, re.DOTALL)
    assert card
    return int(card[1].replace(",", "")), int(card[2].replace(",", ""))


def samples(html: str) -> list[str]:
    return re.findall(r'<li class="(in|out) of-\w+">', html)


def test_categories_with_their_rows(site: Site) -> None:
    with writing(site.places) as connection:
        connection.execute(
            "INSERT INTO corrections (id, turn_id, rejected, chosen, author, note, created_at) "
            "VALUES ('C', ?, 'Deploy it', 'Deploy it to staging', 'ada', 'where to', '2026-11-20T11:00:00.000Z')",
            (site.turns[6],),
        )
    html = site.text(PAGE)
    assert usable(html, "human") == (10, 12) and usable(html, "corrected") == (1, 1) and usable(html, "proxy") == (5, 7)
    assert "Find slow tests" not in html  # of a sub-agent
    assert "left out: a /command or !command" in html and "left out: was corrected" in html
    corrected = site.text(f"{PAGE}?of=corrected")
    assert "Deploy it to staging" in corrected and "by ada" in corrected and f"/-/procy/t/{site.turns[6]}" in corrected
    proxy = site.text(f"{PAGE}?of=proxy&only=usable")
    assert len(samples(proxy)) == 5 and "vetoed" in proxy and "failed: timeout" in proxy and "by a template" in proxy
    assert samples(site.text(f"{PAGE}?of=proxy&only=edited")) == ["out"]
    assert "None of these" in site.text(f"{PAGE}?of=proxy&only=nonsense") and site.text(f"{PAGE}?of=nonsense")


def test_long_categories_come_in_pages(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    make_long_session(site.places, 120, lambda number: turn(number, f"ask {number % 100}", "x"))
    html = site.text(PAGE)
    assert usable(html, "human") == (111, 132) and len(samples(html)) == 50
    pages = [html]
    while older := re.search(r'href="([^"]+)#rows" rel="next"', pages[-1]):
        pages.append(site.text(PAGE + older[1].replace("&amp;", "&")))
    assert [len(samples(one)) for one in pages] == [50, 50, 32] and 'rel="prev"' in pages[-1]
    assert len(samples(site.text(f"{PAGE}?only=duplicate"))) == 20


def test_only_the_newest_are_judged_unless_one_asks(site: Site) -> None:
    make_long_session(site.places, 2100, lambda number: turn(number, f"ask {number}", "x"))
    html = site.text(PAGE)
    assert usable(html, "human")[1] == 2000 and "of 2,112 in all" in html and "Look at all of them" in html
    html = site.text(f"{PAGE}?all=1")
    assert usable(html, "human") == (2111, 2112) and "Look at all of them" not in html


def test_nothing_yet_says_how_it_comes(site: Site) -> None:
    connection = open_writer(site.places.db)
    for table in ("runs", "sessions"):
        connection.execute(f"DELETE FROM {table}")
    connection.close()
    for category, word in (("human", "procy record"), ("corrected", "procy correct"), ("proxy", "procy evolve"),
                           ("preferences", "procy replay")):  # fmt: skip
        html = site.text(f"{PAGE}?of={category}")
        assert word in html and usable(html, category) == (0, 0)


def test_texts_of_agents_stay_text(site: Site) -> None:
    with writing(site.places) as connection:
        connection.execute("UPDATE tries SET prompt = ?, prompt_source = 'agent'", (EVIL,))
        write.change_session(connection, site.session, {"name": EVIL})
    for category in ("human", "proxy"):
        html = site.text(f"{PAGE}?of={category}")
        assert "<script>d" not in html and "&lt;script&gt;" in html and " style=" not in html


def test_it_is_exported_from_the_page(site: Site) -> None:
    done = site.ask("/-/procy/do/export", method="POST", data={"kind": "all"})
    assert done.status_code == 200, done.text
    told = done.json()
    assert told["rows"] > 0 and (Path(told["done"].partition(" to ")[2]) / "manifest.json").exists()
    assert "Datasets" in site.text(PAGE)
    assert site.ask("/-/procy/do/export", method="POST", data={"kind": "sft", "new": "1"}).json()["rows"] > 0
    again = site.ask("/-/procy/do/export", method="POST", data={"kind": "sft", "new": "1"}).json()
    assert again == {"done": "Nothing is new: nothing was written", "rows": 0}
    wrong = site.ask("/-/procy/do/export", method="POST", data={"kind": "../x"})
    assert (wrong.status_code, wrong.json()["remedy"]) == (409, "Load the page again")
