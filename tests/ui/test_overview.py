"""Overview: figures of some days, each with SQL that Datasette shows; stored queries for who is signed in, and nobody else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from procy.places import Places
from procy.store import write
from procy.store.db import open_reader, open_writer
from procy.store.queries import all_queries
from procy.ui import guard

from .conftest import Site
from .sample import EVIL, turn, writing

PAGE = "/-/procy/overview"
DAY = 86_400 * 10**9


def ago(places: Places, *days: int, session: str = "early") -> None:
    """A turn each so many days ago."""
    with writing(places) as connection:
        write.put_session(connection, session, {"agent": "codex", "started_at": "2020-01-01T00:00:00.000Z", "cwd": "/w"})
        for day in days:
            at = time.time_ns() - day * DAY
            one = replace(turn(1, f"{day} days ago", "x"), key=f"ago-{day}", started_ns=at, ended_ns=at + 3600 * 10**9)
            write.put_turn(connection, session, one, mask=str, cost=0.5)


def clear(places: Places) -> None:
    connection = open_writer(places.db)
    for table in ("runs", "evaluations", "evaluators", "corrections", "injections", "sessions"):
        connection.execute(f"DELETE FROM {table}")
    connection.close()


def links(html: str) -> dict[str, str]:
    """Where the SQL of each figure is."""
    found = re.findall(r'<a class="sql" href="([^"]+)"[^>]*>SQL<span class="vh"> of ([^<]+)</span>', html)
    return {title: unescape(address) for address, title in found}


def number(html: str, name: str) -> str:
    return re.search(rf"<dt>{name}</dt><dd>(?:<[^>]+>)?([^<]+?)\s*<", html)[1]  # type: ignore[index]


def test_figures_of_all_time(site: Site) -> None:
    html = site.text(f"{PAGE}?days=all")
    assert (number(html, "turns"), number(html, "sessions"), number(html, "cost")) == ("14", "6", "$0.38")
    assert "12 human · 1 procy · 1 of sub-agents · 1 error" in html and "known of 9 of 14 turns" in html
    assert re.search(r"<title>20 Nov[^<]*: 12 human, 1 procy, 1 of sub-agents</title>", html)
    assert "claude-opus-5-5" in html and "generic" in html and "/home/you/config-tool" in html
    assert "1 of 22" in html  # calls of Bash that failed


def test_ranges_hold_their_days_and_today(site: Site) -> None:
    clear(site.places)
    ago(site.places, 0, 6, 7, 29, 30, 89, 90)
    counts = {name: number(site.text(f"{PAGE}?days={name}"), "turns") for name in ("7", "30", "90", "all")}
    assert counts == {"7": "2", "30": "4", "90": "6", "all": "7"}
    assert number(site.text(PAGE), "turns") == "4" and number(site.text(f"{PAGE}?days=%27"), "turns") == "4"
    html = site.text(PAGE)
    assert '<a href="?days=30" class="here" aria-current="true">' in html
    assert sorted(int(one) for one in re.findall(r">(\d+) days ago</a>", html)) == [0, 6, 7, 29]


def test_every_figure_leads_to_its_sql_with_rows(site: Site) -> None:
    ago(site.places, 0, 3)
    found = links(site.text(PAGE))
    assert set(found) == {"the totals", "Activity", "Tokens", "Cost", "Agents", "Models", "Most-used tools", "Failing tools",
                          "Longest turns", "Directories"}  # fmt: skip
    for title, address in found.items():
        assert address.startswith("/procy/-/query?sql=SELECT") and "since=20" in address
        answer = site.ask(address)
        assert answer.status_code == 200 and 'name="since"' in answer.text, title
    rows = site.ask(found["Activity"].replace("/-/query", "/-/query.json") + "&_shape=array").json()
    assert sum(row["human"] for row in rows) >= 2
    assert site.ask(found["Activity"], actor=None).status_code == 403


def test_a_day_is_one_of_this_machine_also_between_hours(site: Site, monkeypatch: pytest.MonkeyPatch, zone: Any) -> None:
    clear(site.places)
    with writing(site.places) as connection:
        write.put_session(connection, "s", {"agent": "codex", "started_at": "2026-01-01T00:00:00.000Z"})
        for key, at in (("before", 1_767_119_340), ("after", 1_767_119_460)):  # 2025-12-30, 18:29 and 18:31 UTC
            one = replace(turn(1, key, "x"), key=key, started_ns=at * 10**9, ended_ns=at * 10**9)
            write.put_turn(connection, "s", one, mask=str, cost=None)
    zone("Asia/Kolkata")  # 5:30 h ahead
    query = all_queries()["activity-per-day"]
    connection = open_reader(site.places.db)
    assert [row["day"] for row in query.rows(connection)] == ["2025-12-30", "2025-12-31"]
    assert [row["day"] for row in query.rows(connection, since="2025-12-31")] == ["2025-12-31"]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def use(name: str) -> None:
        ZoneInfo(name)
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


def test_without_turns_it_says_so(site: Site) -> None:
    clear(site.places)
    html = site.text(f"{PAGE}?days=all")
    assert "Nothing was recorded yet" in html and "procy record" in html and "Prompts I corrected most" in html
    ago(site.places, 50)
    assert "No turn in the last 30 days" in site.text(PAGE) and number(site.text(f"{PAGE}?days=90"), "turns") == "1"


def test_what_an_agent_says_of_a_whole_session_is_told_apart(site: Site) -> None:
    with writing(site.places) as connection:
        connection.execute("UPDATE sessions SET cost_usd = 1.5 WHERE name = 'billing'")
        connection.execute("UPDATE sessions SET cost_usd = 9.9 WHERE name = 'Parser fix'")  # its turns have theirs
    assert "$1.50 more of 1 session that only know their whole" in site.text(f"{PAGE}?days=all")


def test_names_that_agents_give_stay_text(site: Site) -> None:
    with writing(site.places) as connection:
        connection.execute("UPDATE turns SET model = ?, prompt = ?", (EVIL, EVIL))
        connection.execute("UPDATE sessions SET cwd = ?, agent = ?, name = ?", (EVIL, EVIL, EVIL))
        connection.execute("UPDATE tool_calls SET name = ?, status = 'error'", (EVIL,))
    html = site.text(f"{PAGE}?days=all")
    assert "<script>d" not in html and "<img" not in html and html.count("&lt;script&gt;") >= 6
    assert " style=" not in html


# -- stored queries -----------------------------------------------------------------------------------------------------


def test_stored_queries_have_rows_where_the_sample_has(site: Site) -> None:
    with writing(site.places) as connection:
        connection.execute(
            "INSERT INTO corrections (id, turn_id, rejected, chosen, created_at, outcome) "
            "SELECT 'C', id, prompt, 'better', started_at, '{\"preferred\": \"chosen\", \"gain\": 2}' FROM turns LIMIT 1"
        )
        connection.execute(
            "INSERT INTO injections SELECT 'I', session_id, started_at, prompt, 'k', 'delivered', 'transcript', id "
            "FROM turns WHERE origin = 'procy'"
        )
    for name, query in all_queries().items():
        answer = site.ask(f"/procy/{name}.json?_shape=array")
        assert answer.status_code == 200 and answer.json(), name
        page = site.text(f"/procy/{name}")
        assert query.title in page and all(f'name="{one}"' in page for one in query.parameters), name
    [typed] = site.ask("/procy/what-procy-typed.json?_shape=array").json()
    assert (typed["turn"], typed["confirmed_by"]) == ("done", "transcript")
    assert len(site.ask("/procy/turns-of-a-directory.json?_shape=array&directory=/home/you").json()) == 14
    assert site.ask("/procy/turns-of-a-directory.json?_shape=array&directory=/home/yo").json() == []
    assert site.ask("/procy/failing-tools.json?_shape=array&least=23").json() == []


@pytest.mark.parametrize("actor", [None, {"id": "someone"}])
def test_stored_queries_are_for_the_owner_alone(site: Site, actor: Any) -> None:
    for name in all_queries():
        assert site.ask(f"/procy/{name}", actor=actor).status_code == 403, name
    assert site.ask("/procy/totals", actor=guard.OWNER).status_code == 200


def test_the_page_leads_to_every_stored_query(site: Site) -> None:
    html = site.text(PAGE)
    assert all(f'href="/procy/{name}"' in html for name in all_queries())
    assert "/-/procy/overview" in site.text("/procy")  # Datasette's own menu


def test_an_id_in_what_a_query_found_leads_to_its_page(site: Site) -> None:
    html = site.text("/procy/longest-turns")
    assert f'<a href="/-/procy/t/{site.turns[1]}">' in html
    assert f'<a href="/-/procy/s/{site.session}">' in site.text("/procy/tokens-per-session")
    site.text("/procy/turns")  # a table has links of its own
    evil = "/procy/-/query?sql=select+'%22%3E%3Cscript%3E'+as+turn_id"
    assert "<script>'" not in site.text(evil) and "/-/procy/t/" not in site.text(evil).split("rows-and-columns")[-1]
