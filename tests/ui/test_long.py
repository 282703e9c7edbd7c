"""Sessions of many turns, turns of many steps, and long texts: pages stay small, and nothing is lost."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from procy.store import session_pages
from procy.store.db import open_reader
from procy.types import ToolCall, Turn
from procy.ui import parts, window
from procy.ui.conversation import Between, Said, load

from .conftest import Site
from .markup import article, articles
from .sample import main_turns, make_long_session, turn

LIMIT_BYTES = 400_000


def test_pages_of_a_long_session_join_without_a_hole(site: Site) -> None:
    session = make_long_session(site.places, 180, lambda number: turn(1, f"prompt {number}", f"answer {number}"))
    html = site.text(f"/-/procy/s/{session}")
    seen = articles(html)
    assert seen == list(range(131, 181)) and 'data-events="' in html
    while earlier := re.search(r'href="\?before=(\d+)"', html):
        html = site.text(f"/-/procy/s/{session}?before={earlier[1]}")
        assert 'data-events="' not in html  # only the newest page is told news
        seen = articles(html) + seen
    assert seen == list(range(1, 181))
    seen = articles(html := site.text(f"/-/procy/s/{session}?after=0"))
    while later := re.search(r'href="\?after=(\d+)" rel="next"', html):
        html = site.text(f"/-/procy/s/{session}?after={later[1]}")
        seen += articles(html)
    assert seen == list(range(1, 181))


def id_of(site: Site, session: str, seq: int) -> str:
    connection = open_reader(site.places.db)
    return str(connection.execute("SELECT id FROM turns WHERE session_id = ? AND seq = ?", (session, seq)).fetchone()[0])


@pytest.mark.parametrize("seq", [1, 60, 155, 180])
def test_a_turns_address_leads_to_its_place(site: Site, seq: int) -> None:
    session = make_long_session(site.places, 180, lambda number: turn(1, f"prompt {number}", "x"))
    place = site.ask(f"/-/procy/t/{id_of(site, session, seq)}").headers["location"]
    assert place.endswith(f"#t{seq}")
    assert seq in articles(site.text(place.partition("#")[0]))


@pytest.mark.parametrize(
    "heavy",
    [
        lambda number: turn(1, "p" * 60_000, "& answer\n" * 8_000),
        lambda number: turn(1, "go", '"<&>' * 40_000, tool_calls=many_calls()),
    ],
    ids=["long texts", "many tools"],
)  # fmt: skip
def test_a_page_stays_small_whatever_is_in_it(site: Site, heavy: Any) -> None:
    session = make_long_session(site.places, 60, heavy)
    for query in ("", "?after=0", "?before=30"):
        html = site.text(f"/-/procy/s/{session}{query}")
        assert len(html.encode()) < LIMIT_BYTES and articles(html), query


def test_a_link_to_a_heavy_turn_leads_to_that_turn_with_others_around(site: Site) -> None:
    def heavy(number: int) -> Turn:
        calls = tuple(replace(call, response_at=place // 30 * 30) for place, call in enumerate(many_calls()[:120]))
        return turn(1, f"prompt {number}", "said between calls, " * 400, tool_calls=calls)

    session = make_long_session(site.places, 60, heavy)
    for seq in (1, 20, 30, 36, 40, 50, 60):
        html = site.text(site.ask(f"/-/procy/t/{id_of(site, session, seq)}").headers["location"].partition("#")[0])
        seqs = articles(html)
        assert seq in seqs and seqs == list(range(seqs[0], seqs[-1] + 1)) and len(html.encode()) < LIMIT_BYTES
        assert len(seqs) > 3 and (seqs[0] < seq or seq == 1) and (seqs[-1] > seq or seq == 60)
        assert ('data-events="' in html) == (seqs[-1] == 60)


def test_a_turn_too_heavy_for_its_page_is_there_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "BYTES", 2_000)
    session = make_long_session(site.places, 9, lambda number: turn(1, "p" * 3_000, "x"))
    assert articles(site.text(f"/-/procy/s/{session}?around=5")) == [5]


@pytest.mark.parametrize("query", ["after=9999", "before=1", "around=9999"])
def test_a_place_without_turns_leads_to_the_newest(site: Site, query: str) -> None:
    response = site.ask(f"/-/procy/s/{site.session}?{query}")
    assert (response.status_code, response.headers["location"]) == (302, f"/-/procy/s/{site.session}")


def many_calls() -> tuple[ToolCall, ...]:
    return tuple(replace(main_turns()[0].tool_calls[2], key=f"c{n}", result="r" * 9_000) for n in range(200))


def test_the_middle_of_a_long_turn_is_loaded_when_asked_for(site: Site) -> None:
    four = article(site.text(f"/-/procy/s/{site.session}"), 4)
    link = re.search(r'href="(/-/procy/t/\w+/(steps-\d+-\d+))"', four)
    assert link and "steps between" in four and "step 20 done" not in four
    middle = site.text(link[1] + "?part=1")
    assert "step 20 done" in middle and "<html" not in middle
    whole = site.text(link[1])
    assert "step 20 done" in whole and "<html" in whole  # without JavaScript it is a page of its own


# -- long texts -------------------------------------------------------------------------------------------------------


def long_turn() -> Turn:
    """An answer of more than 100 KB with 60 calls in it."""
    pieces = [f"piece {number}\n" + f"{number:04d} " * 400 for number in range(60)]
    places = [sum(map(len, pieces[: number + 1])) for number in range(60)]
    calls = tuple(replace(call, key=f"at-{place}", response_at=place) for call, place in zip(many_calls(), places, strict=False))
    return turn(1, "go on", "".join(pieces), tool_calls=calls)


def test_nothing_of_a_long_answer_is_lost_and_its_steps_have_the_same_numbers_everywhere(site: Site) -> None:
    session = make_long_session(site.places, 1, lambda number: long_turn())
    connection = open_reader(site.places.db)
    [view] = load(connection, session_pages.page_turns(connection, session), None)
    row = session_pages.page_turn(connection, view.row["id"])
    assert len(row["response"]) > 100_000
    [between] = [step for step in view.steps if isinstance(step, Between)]
    shown = {step.number: step for step in view.steps if isinstance(step, Said)}
    for number in range(0, 120, 2):
        whole = parts.find_part(connection, row, f"step-{number}").text
        assert whole.startswith(f"piece {number // 2}\n") and whole.endswith(f"{number // 2:04d} ")
        assert between.first <= number <= between.last or (shown[number].text == whole and not shown[number].more)


def test_a_long_text_is_cut_unless_little_would_be_left(site: Site) -> None:
    for length, more in ((8_400, 0), (8_600, 600)):
        session = make_long_session(site.places, 1, lambda number, length=length: turn(1, "p", "x" * length))
        [step] = load(connection := open_reader(site.places.db), session_pages.page_turns(connection, session), None)[0].steps
        assert isinstance(step, Said) and (len(step.text), step.more) == (length - more, more)
    for length, here in ((4_400, 4_400), (4_600, 4_000)):
        session = make_long_session(site.places, 1, lambda number, length=length: turn(1, "p" * length, "x"))
        [row] = session_pages.page_turns(open_reader(site.places.db), session)
        assert (len(row["prompt"]), row["prompt_length"]) == (here, length)
