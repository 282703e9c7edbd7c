"""What stands on the pages, asked for through the whole stack."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from procy.parse.screen import Screen
from procy.recording.terminal import TerminalLog
from procy.store import write
from procy.store.db import open_reader, open_writer
from procy.types import ToolCall
from procy.ui import window
from procy.ui.assets import Assets

from .conftest import Site
from .sample import EVIL, main_turns, turn

LIMIT_BYTES = 400_000


def articles(html: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'<article class="turn[^"]*" id="t(\d+)"', html)]


def article(html: str, seq: int) -> str:
    return re.search(rf'<article class="turn[^"]*" id="t{seq}".*?</article>', html, re.DOTALL)[0]  # type: ignore[index]


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_sessions_show_who_waits_and_for_what(site: Site) -> None:
    html = site.text("/-/procy")
    names = re.findall(r'<span class="name">([^<]+)<', html)
    assert names == ["Parser fix", "billing", "/home/you/config-tool", "search-index", "notes"]
    assert '<span class="badge busy"' in html and "waiting" in html and "permission prompt" in html and "rate limit" in html
    assert "explore" not in html and "explore" in site.text("/-/procy?all=1")
    assert "ls -la" not in site.text("/-/procy?live=1")
    assert "Now write the release notes" in html and "9 turns" in html


def test_sessions_are_paged(site: Site) -> None:
    connection = open_writer(site.places.db)
    for number in range(120):
        write.put_session(
            connection,
            f"S{number:03d}",
            {"agent": "codex", "name": f"n{number:03d}", "started_at": f"2020-01-01T00:00:{number % 60:02d}.000Z"},
        )
    connection.close()
    seen: list[str] = []
    path = "/-/procy"
    while path:
        html = site.text(path)
        seen += re.findall(r'<li class="session" id="s(\w+)"', html)
        older = re.search(r'href="(\?[^"]+)" rel="next"', html)
        path = "/-/procy" + older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) == 125


# -- interactions -----------------------------------------------------------------------------------------------------


def test_who_speaks_has_a_colour(site: Site) -> None:
    html = site.text(f"/-/procy/s/{site.session}")
    assert articles(html) == list(range(1, 10))
    assert 'class="turn human done is-prompt"' in article(html, 1)
    assert 'class="turn procy done is-prompt"' in article(html, 8)
    assert "is-command" in article(html, 3)
    assert 'class="turn human error' in article(html, 7) and "API error 529: overloaded" in article(html, 7)
    assert "interrupted" in article(html, 6) and "denied" in article(html, 6)
    assert "working" in article(html, 9) and "<em>running</em>" in article(html, 9)


def test_tools_are_folded_with_name_argument_duration_and_status(site: Site) -> None:
    one = article(site.text(f"/-/procy/s/{site.session}"), 1)
    assert re.search(r'<b>Read</b> <span class="brief">src/parse.py</span><small>40 ms</small>', one)
    assert re.search(r"<b>4 tool calls</b>.*?<em>1 failed</em> 720 ms", one, re.DOTALL)
    assert "too many values" not in one  # results are loaded when they are asked for
    order = [one.index(text) for text in ("I&#39;ll look", "<b>Read", "The tests show", "4 tool calls", "The failure comes")]
    assert order == sorted(order)


def test_tokens_model_and_cost_stand_below(site: Site) -> None:
    footer = re.search(r"<footer>(.*?)</footer>", article(site.text(f"/-/procy/s/{site.session}"), 1))
    assert footer and re.findall(r"<span>([^<]+)", footer[1]) == [
        "claude-opus-5-5",
        "1 min 35 s",
        "1.2k in",
        "48.2k cached",
        "840 out",
        "$0.042",
    ]


def test_text_of_agents_stays_text(site: Site) -> None:
    turn_id = site.turns[2]
    base = f"/-/procy/s/{site.session}"
    paths = [base, f"{base}?q=script", f"{base}/terminal?turn={turn_id}", "/-/procy/search?q=onerror", "/-/procy"]
    paths += [
        f"/-/procy/t/{turn_id}/{part}{query}"
        for part in ("call-1", "file-0", "step-0", "steps-0-3", "prompt")
        for query in ("", "?part=1")
    ]
    connection = open_writer(site.places.db)
    write.change_session(connection, site.session, {"name": EVIL, "branch": EVIL, "state_reason": EVIL, "cwd": EVIL})
    connection.close()
    for path in paths:
        html = site.text(path)
        assert "<script>document" not in html and "<img" not in html, path
    assert "&lt;script&gt;document" in site.text(base)


@pytest.mark.parametrize("handle", ["last", "-1", "Parser%20fix", "SUFFIX"])
def test_handles_lead_to_the_session(site: Site, handle: str) -> None:
    handle = site.session[-6:] if handle == "SUFFIX" else handle
    response = site.ask(f"/-/procy/s/{handle}?after=3")
    assert (response.status_code, response.headers["location"]) == (302, f"/-/procy/s/{site.session}?after=3")


@pytest.mark.parametrize(
    "path",
    [
        "/-/procy/s/nothing",
        "/-/procy/t/nothing",
        "/-/procy/s/nothing/terminal",
        "/-/procy/s/nothing/events",
        "/-/procy/s/%22%27%3Cb%3E",
    ],
)
def test_what_is_not_there_says_so(site: Site, path: str) -> None:
    response = site.ask(path)
    assert response.status_code == 404 and ("List them with" in response.text or "Name it as" in response.text)


@pytest.mark.parametrize("part", ["call-99", "file-7", "step-77-", "nonsense", "call", "step-999999999999"])
def test_parts_that_are_not_there(site: Site, part: str) -> None:
    assert site.ask(f"/-/procy/t/{site.turns[1]}/{part}").status_code in (200, 404)
    assert site.ask(f"/-/procy/t/{site.turns[1]}/{part}").status_code != 500


def test_pages_of_a_long_session_join_without_a_hole(site: Site) -> None:
    session = long_session(site, 180, lambda number: turn(1, f"prompt {number}", f"answer {number}"))
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


@pytest.mark.parametrize("seq", [1, 60, 155, 180])
def test_a_turns_address_leads_to_its_place(site: Site, seq: int) -> None:
    session = long_session(site, 180, lambda number: turn(1, f"prompt {number}", "x"))
    connection = open_reader(site.places.db)
    turn_id = connection.execute("SELECT id FROM turns WHERE session_id = ? AND seq = ?", (session, seq)).fetchone()[0]
    place = site.ask(f"/-/procy/t/{turn_id}").headers["location"]
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
    session = long_session(site, 60, heavy)
    for query in ("", "?after=0", "?before=30"):
        html = site.text(f"/-/procy/s/{session}{query}")
        assert len(html.encode()) < LIMIT_BYTES and articles(html), query


def many_calls() -> tuple[ToolCall, ...]:
    return tuple(replace(main_turns()[0].tool_calls[2], key=f"c{n}", result="r" * 9_000) for n in range(200))


def long_session(site: Site, count: int, make: Any) -> str:
    connection = open_writer(site.places.db)
    session = "LONGSESSION"
    with write.transaction(connection):
        write.put_session(connection, session, {"agent": "codex", "started_at": "2020-01-01T00:00:00.000Z", "status": "ended"})
        for number in range(1, count + 1):
            one = make(number)
            write.put_turn(
                connection,
                session,
                replace(one, key=f"long-{number}", started_ns=one.started_ns + number * 10**9),
                mask=str,
                cost=None,
            )
    connection.close()
    return session


def test_the_middle_of_a_long_turn_is_loaded_when_asked_for(site: Site) -> None:
    four = article(site.text(f"/-/procy/s/{site.session}"), 4)
    link = re.search(r'href="(/-/procy/t/\w+/(steps-\d+-\d+))"', four)
    assert link and "steps between" in four and "step 20 done" not in four
    middle = site.text(link[1] + "?part=1")
    assert "step 20 done" in middle and "<html" not in middle
    whole = site.text(link[1])
    assert "step 20 done" in whole and "<html" in whole  # without JavaScript it is a page of its own


def test_parts(site: Site) -> None:
    turn_id = site.turns[1]
    call = site.text(f"/-/procy/t/{turn_id}/call-4?part=1")
    assert "old_string" in call and "line.partition(&#34;=&#34;)" in call and "Changed." in call
    diff = site.text(f"/-/procy/t/{turn_id}/file-0?part=1")
    assert '<span class="add">+    name, _, value' in diff and '<span class="del">-    name, value' in diff
    assert "The split has no limit" in site.text(f"/-/procy/t/{turn_id}/reasoning?part=1")
    assert "Größe" in site.text(f"/-/procy/t/{site.turns[5]}/prompt")


def test_totals_and_family_stand_above(site: Site) -> None:
    html = site.text(f"/-/procy/s/{site.session}")
    assert "9 turns" in html and "1 session that came from this one" in html and "explore" in html
    child = re.search(r'/s/(\w+)">explore', html)[1]  # type: ignore[index]
    assert f'href="/-/procy/s/{site.session}">parent session' in site.text(f"/-/procy/s/{child}")


def test_a_session_without_turns(site: Site) -> None:
    connection = open_writer(site.places.db)
    write.put_session(connection, "EMPTYSESSION", {"agent": "codex", "started_at": "2020-01-01T00:00:00.000Z"})
    connection.close()
    assert "No turns yet" in site.text("/-/procy/s/EMPTYSESSION")
    assert "No terminal was recorded" in site.text("/-/procy/s/EMPTYSESSION/terminal")


# -- search -----------------------------------------------------------------------------------------------------------


def test_search_marks_what_it_found(site: Site) -> None:
    html = site.text("/-/procy/search?q=partition")
    assert html.count("<mark>partition</mark>") >= 2 and f"/-/procy/t/{site.turns[8]}" in html
    assert "Rename" in site.text("/-/procy/search?q=flag+rename") and "Nothing found" in site.text(
        "/-/procy/search?q=flag+partition"
    )
    assert "Nothing found" in site.text(f"/-/procy/s/{site.session}?q=invoice")
    assert "invoice" in site.text("/-/procy/search?q=invoi*")


def test_search_finds_what_only_the_screen_showed(site: Site) -> None:
    html = site.text(f"/-/procy/s/{site.session}?q=unscrolled")
    link = re.search(r'href="(/-/procy/s/\w+/terminal\?at=\d+)"', html)
    assert link and "On the screen" in html
    page = site.text(link[1])
    assert "clip.cast?from=" in page and 'data-marker="0"' in page
    cast = site.text(cast_of(page))
    assert [event for event in events(cast) if event[1] == "m"] == [[0.0, "m", "found"]]


@pytest.mark.parametrize(
    "query", ['"', '""', "*", "a OR", "NEAR(", "'; DROP TABLE turns", "^", "prompt:x", "-", "(((", "\x00", "%", "ü*"]
)
def test_no_query_is_an_error(site: Site, query: str) -> None:
    assert site.ask("/-/procy/search", params={"q": query}).status_code == 200
    assert site.ask(f"/-/procy/s/{site.session}", params={"q": query}).status_code == 200


# -- terminal ---------------------------------------------------------------------------------------------------------


def events(cast: str) -> list[list[Any]]:
    return [json.loads(line) for line in cast.splitlines()[1:]]


def cast_of(page: str) -> str:
    """Where a page's player gets its recording."""
    return re.search(r'data-cast="([^"]+)"', page)[1].replace("&amp;", "&")  # type: ignore[index]


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
    assert site.ask(f"/-/procy/s/{site.session}/terminal/session.cast").status_code == 413
    page = site.text(f"/-/procy/s/{site.session}/terminal?whole=1")
    count = 1 + len(re.findall(r'href="\?whole=\d+"', page))
    seen: list[int] = []
    for number in range(1, count + 1):
        page = site.text(f"/-/procy/s/{site.session}/terminal?whole={number}")
        cast = site.text(cast_of(page))
        labels = [int(event[2].partition(":")[0]) for event in events(cast) if event[1] == "m"]
        titles = [int(seq) for seq in re.findall(r'<li [^>]*data-seq="(\d+)"', page)]
        assert labels == titles
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
    assert "Parsing breaks on lines like a=b=c" in re.search(r"<pre>(.*?)</pre>", page, re.DOTALL)[1]  # type: ignore[index]


# -- queries ----------------------------------------------------------------------------------------------------------


def test_a_view_that_takes_too_long_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procy.ui.guard.VIEW_LIMIT_MS", 1)
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    monkeypatch.setattr("procy.store.read.search_turns", lambda connection, *_: connection.execute(endless).fetchall())
    response = site.ask("/-/procy/search?q=x")
    assert response.status_code == 503 and "Ask for less" in response.text


def test_the_window_says_what_may_still_change(site: Site) -> None:
    html = site.text(f"/-/procy/s/{site.session}")
    assert f'data-since="{9 - window.LATE}"' in html
