"""What stands on the pages, asked for through the whole stack."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from procy.store import write
from procy.store.db import open_writer
from procy.ui import window

from .conftest import Site
from .markup import article, articles, cast_of, events
from .sample import EVIL, turn

# -- sessions ---------------------------------------------------------------------------------------------------------


def test_sessions_show_who_waits_and_for_what(site: Site) -> None:
    html = site.text("/-/procy")
    names = re.findall(r'<span class="name">([^<]+)<', html)
    assert names == ["Parser fix", "billing", "/home/you/config-tool", "search-index", "notes"]
    assert '<span class="badge busy"' in html and "waiting" in html and "permission prompt" in html and "rate limit" in html
    assert "explore" not in html and "explore" in site.text("/-/procy?all=1")
    assert "ls -la" not in site.text("/-/procy?live=1")
    assert "Now write the release notes" in html and "9 turns" in html


def test_what_is_recorded_comes_first_then_what_was_used_last(site: Site) -> None:
    connection = open_writer(site.places.db)
    for name, started, status in (("long ended", 1, "ended"), ("old but in use", 2, "ended"), ("old, recorded", 0, "recording")):
        facts = {"agent": "codex", "name": name, "started_at": f"2019-01-0{started + 1}T00:00:00.000Z", "status": status}
        write.put_session(connection, name.upper(), facts)
    write.put_turn(connection, "OLD BUT IN USE", replace(turn(1, "still here"), key="still"), mask=str, cost=None)
    connection.close()
    names = re.findall(r'<span class="name">([^<]+)<', site.text("/-/procy"))
    assert names[-4:] == ["old, recorded", "old but in use", "notes", "long ended"]
    assert 'data-events="/-/procy/events" data-recorded-now' in site.text("/-/procy?live=1")


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


@pytest.mark.parametrize(
    "part",
    ["call-99", "file-7", "step-77-", "step-99", "steps-5-2", "steps-90-99", "nonsense", "call", "step-999999999999"],
)
def test_parts_that_are_not_there(site: Site, part: str) -> None:
    assert site.ask(f"/-/procy/t/{site.turns[1]}/{part}").status_code == 404


@pytest.mark.parametrize("path", ["/-/procy/xyz", "/-/procy/s", "/-/procy/t/x/y/z", "/-/procy/s/last/terminal/other.cast"])
def test_an_address_of_no_page_says_so_in_our_style(site: Site, path: str) -> None:
    response = site.ask(path)
    assert response.status_code == 404 and "No such page" in response.text and "procy.css" in response.text
    assert site.ask(path + "/").status_code == 302  # to the address without the slash, as Datasette does


def test_paths_are_told_from_the_sessions_directory(site: Site) -> None:
    one = article(site.text(f"/-/procy/s/{site.session}"), 1)
    assert '<span class="path">src/parse.py</span>' in one and "/home/you/config-tool/" not in one


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


def test_a_hit_on_a_screen_says_where_it_is_from(site: Site) -> None:
    hits = site.text("/-/procy/search?q=unscrolled").partition("On the screen")[2]
    assert re.search(r'<li class="terminal">.*<span class="name">Parser fix</span>.*config-tool · began', hits, re.DOTALL)


def test_a_hit_in_a_tool_call_is_no_json(site: Site) -> None:
    hit = re.search(r'<div class="snippet">(.*?)</div>', site.text("/-/procy/search?q=old_string"))
    assert hit and "in a tool call" in hit[1] and "file_path: /home/you" in hit[1] and "{" not in hit[1]
    assert "pattern: parse( · path: tests · command: pytest -q · description: Run all · file_path" in html.unescape(hit[1])


def test_search_finds_what_only_the_screen_showed(site: Site) -> None:
    html = site.text(f"/-/procy/s/{site.session}?q=unscrolled")
    link = re.search(r'href="(/-/procy/s/\w+/terminal\?q=unscrolled&amp;at=\d+)"', html)
    assert link and "On the screen" in html
    page = site.text(link[1].replace("&amp;", "&"))
    assert "clip.cast?from=" in page and 'data-marker="0"' in page
    cast = site.text(cast_of(page))
    assert [event for event in events(cast) if event[1] == "m"] == [[0.0, "m", "found"]]


@pytest.mark.parametrize(
    "query", ['"', '""', "*", "a OR", "NEAR(", "'; DROP TABLE turns", "^", "prompt:x", "-", "(((", "\x00", "%", "ü*"]
)
def test_no_query_is_an_error(site: Site, query: str) -> None:
    assert site.ask("/-/procy/search", params={"q": query}).status_code == 200
    assert site.ask(f"/-/procy/s/{site.session}", params={"q": query}).status_code == 200


# -- queries ----------------------------------------------------------------------------------------------------------


def test_a_view_that_takes_too_long_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procy.ui.guard.VIEW_LIMIT_MS", 1)
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    monkeypatch.setattr("procy.store.read.search_turns", lambda connection, *_: connection.execute(endless).fetchall())
    response = site.ask("/-/procy/search?q=x")
    assert response.status_code == 503 and "Ask for less" in response.text


def test_the_window_says_what_may_still_change(site: Site) -> None:
    html = site.text(f"/-/procy/s/{site.session}")
    assert f'data-since="{9 - window.LATE}-0"' in html
