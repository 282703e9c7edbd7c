"""The terminal page: clips of turns, the whole session, and the way back to the conversation."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procy.parse.screen import Screen
from procy.recording.cast import Mark
from procy.recording.prune import prunable, prune
from procy.recording.terminal import TerminalLog
from procy.store import write
from procy.store.db import from_iso, iso, open_reader, open_writer
from procy.types import Picture
from procy.ui import whole
from procy.ui.assets import Assets

from .conftest import Site
from .markup import article, cast_of, events, titles
from .sample import make_home, places_in, writing


def play(cast: str) -> list[str]:
    header = json.loads(cast.splitlines()[0])
    screen = Screen(header["term"]["cols"], header["term"]["rows"])
    for _, code, data in events(cast):
        if code == "o":
            screen.feed(data.encode())
    return screen.lines()


@pytest.mark.parametrize("seq", [1, 4, 5, 9])
def test_a_clip_begins_and_ends_with_the_exact_screen(site: Site, seq: int) -> None:
    page = site.text(f"/-/procy/s/{site.session}/terminal?turn={site.turns[seq]}")
    cast = site.text(cast_of(page))
    connection = open_reader(site.places.db)
    log = TerminalLog(connection, site.places.spool, site.session)
    row = connection.execute("SELECT terminal_from, terminal_to FROM turns WHERE id = ?", (site.turns[seq],)).fetchone()
    whole = Screen(100, 30)
    for read in log.reads(0, row[0]):
        whole.feed(read.data)
    first = Screen(100, 30)
    first.feed(events(cast)[0][2].encode())
    assert first.lines() == whole.lines()
    for read in log.reads(row[0], row[1]):
        whole.feed(read.data)
    assert play(cast) == whole.lines()
    assert json.loads(cast.splitlines()[0])["version"] == 3


def test_the_whole_session_has_a_mark_at_every_turn(site: Site) -> None:
    cast = site.text(f"/-/procy/s/{site.session}/terminal/session.cast")
    labels = [event[2] for event in events(cast) if event[1] == "m"]
    assert [int(label.partition(":")[0]) for label in labels] == list(range(1, 10))
    page = site.text(f"/-/procy/s/{site.session}/terminal?whole=1")
    marks = json.loads(re.search(r"data-marks='([^']+)'", page)[1])  # type: ignore[index]
    assert marks == {str(seq): seq - 1 for seq in range(1, 10)}


def test_a_session_too_long_for_a_page_plays_in_parts_cut_at_turns(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = site.text(f"/-/procy/s/{site.session}/terminal/session.cast")
    monkeypatch.setattr("procy.ui.clips.LIMIT", 900)
    monkeypatch.setattr("procy.ui.whole.LIMIT", 900)
    assert site.ask(f"/-/procy/s/{site.session}/terminal/session.cast").status_code == 413
    page = site.text(f"/-/procy/s/{site.session}/terminal?whole=1")
    count = 1 + len(re.findall(r'href="\?whole=\d+"', page))
    seen: list[int] = []
    for number in range(1, count + 1):
        page = site.text(f"/-/procy/s/{site.session}/terminal?whole={number}")
        cast = site.text(cast_of(page))
        labels = [int(event[2].partition(":")[0]) for event in events(cast) if event[1] == "m"]
        assert labels == titles(page)
        seen += labels
    assert count > 2 and seen == list(range(1, 10))
    assert play(cast) == play(whole)  # the last part ends as the whole does
    asked = site.text(f"/-/procy/s/{site.session}/terminal?whole=1&turn={site.turns[9]}")
    assert f"<b>{count}</b>" in re.search(r'<p class="whole">.*?</p>', asked, re.DOTALL)[0]  # type: ignore[index]
    assert "data-marker=" in asked


def test_one_click_there_and_one_back(site: Site) -> None:
    conversation = site.text(f"/-/procy/s/{site.session}")
    there = re.search(r'class="screen" href="([^"]+)"', article(conversation, 4))[1]  # type: ignore[index]
    back = re.search(r'href="([^"]+)" id="back"', site.text(there))[1]  # type: ignore[index]
    assert back == f"/-/procy/s/{site.session}?around=4#t4"


def test_without_the_player_the_screen_is_text(site: Site, tmp_path: Path) -> None:
    from procy.ui.pages import pages_of

    pages = pages_of(site.datasette)
    shutil.copytree(pages.assets.folder, tmp_path / "static", ignore=shutil.ignore_patterns("vendor"))
    pages.assets = Assets(tmp_path / "static")
    page = site.text(f"/-/procy/s/{site.session}/terminal?turn={site.turns[1]}")
    assert "asciinema" not in page and "make setup" in page
    assert "Parsing breaks on lines like a=b=c" in re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1]  # type: ignore[index]


def test_a_turn_of_another_session_leads_to_its_own_terminal(site: Site) -> None:
    connection = open_reader(site.places.db)
    other = connection.execute("SELECT id, session_id FROM turns WHERE session_id != ?", (site.session,)).fetchone()
    response = site.ask(f"/-/procy/s/{site.session}/terminal?turn={other['id']}")
    assert response.headers["location"] == f"/-/procy/s/{other['session_id']}/terminal?turn={other['id']}"


@pytest.mark.parametrize(
    ("query", "last"), [("from=0&to=0", 0), ("from=999999", None), ("to=300", 300), ("from=400&to=100", 400)]
)
def test_a_clip_ends_where_it_was_asked_to(site: Site, query: str, last: int | None) -> None:
    log = TerminalLog(open_reader(site.places.db), site.places.spool, site.session)
    end = log.end() if last is None else last
    screen = Screen(100, 30)
    for read in log.reads(0, end):
        screen.feed(read.data)
    assert play(site.text(f"/-/procy/s/{site.session}/terminal/clip.cast?{query}")) == screen.lines()


def test_a_place_behind_the_end_is_the_end(site: Site) -> None:
    page = site.text(f"/-/procy/s/{site.session}/terminal?at=99999999")
    end = TerminalLog(open_reader(site.places.db), site.places.spool, site.session).end()
    assert f"at={end}" in cast_of(page) and site.text(cast_of(page))


@pytest.mark.parametrize("turn", ["", "&turn="])
def test_from_the_whole_session_there_is_a_way_back(site: Site, turn: str) -> None:
    page = site.text(f"/-/procy/s/{site.session}/terminal?whole=1{turn and turn + site.turns[5]}")
    back = re.search(r'href="([^"]+)" id="back"', page)[1]  # type: ignore[index]
    assert back == f"/-/procy/s/{site.session}{'?around=5#t5' if turn else ''}"


@given(st.lists(st.integers(0, 4_000), max_size=60), st.integers(0, 5_000), st.integers(1, 9))
def test_parts_of_the_whole_join_and_have_every_mark_once(places: list[int], end: int, turns: int) -> None:
    numbered = [(seq, place) for seq, place in enumerate(sorted(places), 1) if place <= end]
    marks = [Mark(place, 0, f"{seq}: x", turn=seq) if seq % 3 else Mark(place, 0, "gap: x") for seq, place in numbered]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "LIMIT", 700)
        patch.setattr(whole, "TURNS", turns)
        parts = whole.split(marks, end)
    assert [part.clip.start for part in parts] == [0, *(part.clip.end for part in parts[:-1])] and parts[-1].clip.end == end
    assert all(part.clip.end - part.clip.start <= 700 for part in parts)
    assert [mark for part in parts for mark in part.marks] == marks
    begins = {mark.offset for mark in marks if mark.turn}
    for part in parts[:-1]:
        assert part.clip.end in begins or part.clip.end - part.clip.start == 700
        inside = {mark.offset for mark in part.marks if mark.turn} - {part.clip.start}
        assert len(inside) <= turns


def test_a_pruned_session_says_so_and_shows_what_was_kept(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    make_home(tmp_path)
    site = Site(places)
    connection = open_writer(places.db)
    first, last = connection.execute("SELECT terminal_from, terminal_to FROM turns WHERE id = ?", (site.turns[4],)).fetchone()
    with write.transaction(connection):
        write.put_keyframe(connection, site.session, last, Picture(40, 5, b"the screen that was kept"))
        connection.execute("UPDATE sessions SET status = 'ended' WHERE id = ?", (site.session,))
        prune(connection, [one for one in prunable(connection) if one.id == site.session], 1_795_175_000_000_000_000)
    connection.close()
    shutil.rmtree(Path(places.spool) / site.session, ignore_errors=True)
    page = site.text(f"/-/procy/s/{site.session}/terminal?turn={site.turns[4]}")
    assert "The recording was pruned" in page and "2026-11-20" in page and "the screen that was kept" in page
    site.close()
    assert first < last and 'id="player"' not in page
    assert "No terminal was recorded" not in page


def test_from_an_answer_to_the_screen_at_that_moment(site: Site) -> None:
    """Turn 1 says something, calls tools, says more; its terminal shows a line every 0.4 s, and every 0.8 s began a call."""
    with writing(site.places) as writer:
        (started,) = writer.execute("SELECT started_at FROM turns WHERE id = ?", (site.turns[1],)).fetchone()
        for seq in range(1, 7):
            at = iso(from_iso(started) + seq * 800_000_000)
            writer.execute("UPDATE tool_calls SET started_at = ? WHERE turn_id = ? AND seq = ?", (at, site.turns[1], seq))
    conversation = site.text(f"/-/procy/s/{site.session}")
    links = re.findall(r'class="moment" href="([^"]+)"', article(conversation, 1))
    connection = open_reader(site.places.db)
    row = connection.execute("SELECT terminal_from, terminal_to FROM turns WHERE id = ?", (site.turns[1],)).fetchone()
    places = [int(site.ask(link).headers["location"].partition("&at=")[2]) for link in links]
    assert len(places) == 3 and places == sorted(places)
    assert row["terminal_from"] < places[0] < places[1] < row["terminal_to"] == places[-1]
    page = site.text(site.ask(links[0]).headers["location"])
    assert "Parsing breaks" in re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1]  # type: ignore[index]
    assert site.ask(f"/-/procy/t/{site.turns[1]}/at/999").status_code == 302
