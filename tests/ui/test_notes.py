"""Tags, bookmarks, unseen turns, filters, finding, changed files, and what is copied or saved: through the whole stack."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from procy.store import marks, session_pages, tags
from procy.store.corrections import Pair, add
from procy.store.db import open_reader
from procy.ui import find
from procy.ui.changed import TURNS, changed_of
from procy.ui.document import document
from procy.ui.filters import Filter, filter_of, parsed

from .conftest import Site
from .markup import article
from .sample import DIFF, EVIL, NOW, make_long_session, say, turn, writing

KEY = "sk-ant-" + "a1B2" * 10
P = "/-/procy"


def order(site: Site, path: str, **values: str) -> Any:
    response = site.ask(f"{P}/do/{path}", method="POST", data={"by": "test", **values})
    assert response.status_code == 200, response.text
    return response.json()


def names(html: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'<span class="name">([^<]*)</span>', html)]


# -- tags and bookmarks -----------------------------------------------------------------------------------------------


def test_tags_of_a_turn_and_a_session_are_shown_and_lead_to_the_list(site: Site) -> None:
    assert order(site, f"tag-turn/{site.turns[4]}", tag=" #slow   one ")["tags"] == ["slow one"]
    assert order(site, f"tag-session/{site.session}", tag=EVIL[:30])["tags"] == [EVIL[:30]]
    html = site.text(f"{P}/s/{site.session}")
    assert f'href="{P}?tag=slow%20one"' in article(html, 4) and "slow one" not in article(html, 5)
    assert EVIL[:30] not in html and "&lt;script&gt;" in html
    tagged = site.text(f"{P}?tag=slow%20one")
    assert names(tagged) == ["Parser fix"]  # tagged, or a turn in it
    assert f'href="{P}/s/{site.session}?around=4#t4"' in tagged and "around=" not in site.text(P)
    assert names(site.text(f"{P}?tag={quote(EVIL[:30])}")) == ["Parser fix"] and names(site.text(f"{P}?tag=no")) == []
    assert order(site, f"tag-turn/{site.turns[4]}", tag="slow one", off="1")["tags"] == []
    assert "slow one" not in article(site.text(f"{P}/s/{site.session}"), 4)


@pytest.mark.parametrize("tag", ["", "  # ", "x" * 41])
def test_what_is_no_tag_is_refused(site: Site, tag: str) -> None:
    response = site.ask(f"{P}/do/tag-turn/{site.turns[1]}", method="POST", data={"tag": tag})
    assert response.status_code == 409 and "characters" in response.json()["error"]


def test_a_bookmark_stands_at_the_turn_and_in_the_outline(site: Site) -> None:
    told = order(site, f"bookmark/{site.turns[5]}")
    assert told["on"] and 'data-to="t5"' in told["html"]
    html = site.text(f"{P}/s/{site.session}")
    assert 'aria-pressed="true"' in article(html, 5) and 'aria-pressed="false"' in article(html, 6)
    assert 'data-to="t5"' in html.partition('id="titles"')[0]
    assert 'data-to="t5"' not in order(site, f"bookmark/{site.turns[5]}", off="1")["html"]
    assert 'aria-pressed="true"' not in site.text(f"{P}/s/{site.session}")


def test_a_label_changes_a_turns_version(site: Site) -> None:
    def version() -> str:
        return re.search(r'data-version="(\w+)"', article(site.text(f"{P}/s/{site.session}"), 3))[1]  # type: ignore[index]

    seen = [version()]
    order(site, f"bookmark/{site.turns[3]}")
    seen.append(version())
    order(site, f"tag-turn/{site.turns[3]}", tag="x")
    seen.append(version())
    assert len(set(seen)) == 3


# -- how far one has read ---------------------------------------------------------------------------------------------


def test_new_turns_stand_under_a_line(site: Site) -> None:
    assert 'id="new"' not in site.text(f"{P}/s/{site.session}") and 'class="unseen"' not in site.text(P)
    order(site, f"seen/{site.session}", seq="5")
    html = site.text(f"{P}/s/{site.session}")
    line = html.index('id="new"')
    assert html.index('id="t5"') < line < html.index('id="t6"') and "4 new since you were here" in html
    assert 'href="#t6"' in html and "4 new" in site.text(P)
    order(site, f"seen/{site.session}", seq="99999")  # no further than there are turns
    assert 'id="new"' not in site.text(f"{P}/s/{site.session}") and 'class="unseen"' not in site.text(P)
    say(site.places, site.session, 20, "one more")
    assert "1 new since you were here" in site.text(f"{P}/s/{site.session}")


def test_the_line_leads_to_the_first_new_turn_wherever_that_is(site: Site) -> None:
    session = make_long_session(site.places, 180, lambda number: turn(1, f"prompt {number}", "x"))
    order(site, f"seen/{session}", seq="20")
    newest, first = site.text(f"{P}/s/{session}"), site.text(f"{P}/s/{session}?after=0")
    assert newest.index('id="new"') < newest.index('id="t131"') and 'href="?around=21#t21"' in newest
    assert first.index('id="t20"') < first.index('id="new"') < first.index('id="t21"')
    old = site.text(f"{P}/s/{session}?before=15")
    assert 'id="new"' not in old and 'href="?around=21#t21"' in old


def test_only_a_page_that_goes_on_from_what_was_read_counts(site: Site) -> None:
    session = make_long_session(site.places, 180, lambda number: turn(1, f"prompt {number}", "x"))
    counts = {
        query: "data-seen=" in site.text(f"{P}/s/{session}{query}") for query in ("", "?after=0", "?after=60", "?before=131")
    }
    assert counts == {"": True, "?after=0": True, "?after=60": False, "?before=131": False}
    order(site, f"seen/{session}", seq="60")
    assert 'data-seen="60"' in site.text(f"{P}/s/{session}?after=60")


# -- filters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("agent=codex", ["billing"]), ("live=1", ["Parser fix", "billing", "/home/you/config-tool", "search-index"]),
        ("text=invoice", ["billing"]), ("text=NOTES", ["Parser fix", "notes"]), ("text=no-such-word", []),
        ("dir=/home/you", ["Parser fix", "billing", "/home/you/config-tool", "search-index", "notes"]),
        ("dir=/home/you/config-tool/&agent=generic", ["notes"]), ("dir=/home/yo", []), ("dir=/home/you/config", []),
        ("since=2020-01-01&agent=generic", ["notes"]), ("since=2999-01-01", []), ("agent=codex&text=flag", []),
        ("text=%22", ["Parser fix", "billing", "/home/you/config-tool", "search-index", "notes"][:0]),
    ],
)  # fmt: skip
def test_the_list_is_filtered(site: Site, query: str, wanted: list[str]) -> None:
    html = site.text(f"{P}?{query}")
    assert names(html) == wanted
    assert ('data-events="' in html) == (query == "live=1")  # the news know no filter


def test_a_filtered_list_goes_on_filtered(site: Site) -> None:
    with writing(site.places) as connection:
        for number in range(60):
            values = (f"MANY{number:03d}", "qwen", "2026-01-01T00:00:00.000Z", "ended", f"many {number}")
            connection.execute("INSERT INTO sessions (id, agent, started_at, status, name) VALUES (?, ?, ?, ?, ?)", values)
    html = site.text(f"{P}?agent=qwen")
    older = unescape(re.search(r'href="(\?[^"]+)" rel="next"', html)[1])  # type: ignore[index]
    assert len(names(html)) == 50 and older.startswith("?agent=qwen&before=")
    assert len(names(site.text(P + older))) == 10


def test_a_filter_is_saved_under_a_name_and_deleted(site: Site) -> None:
    asked = order(site, "save-filter", name=" My <b> list ", query="since=7d&agent=codex&nonsense=1&live=")
    assert asked == {"query": "agent=codex&since=7d"}
    html = site.text(P)
    assert f'<a href="{P}?agent=codex&amp;since=7d">My &lt;b&gt; list</a>' in html and "<b> list" not in html
    assert 'id="save-filter"' not in site.text(f"{P}?agent=codex&since=7d") and 'id="save-filter"' in site.text(
        f"{P}?agent=codex"
    )
    order(site, "drop-filter", name="My <b> list")
    assert "My &lt;b&gt; list" not in site.text(P)
    for values in ({"name": "", "query": "live=1"}, {"name": "x", "query": "before=1"}):
        assert site.ask(f"{P}/do/save-filter", method="POST", data=values).status_code == 409


def test_a_filter_reads_and_writes_itself() -> None:
    one = filter_of({"agent": " a\0b ", "dir": "/x/", "live": "yes", "other": "1"})
    assert one == Filter(live="1", agent="a b", dir="/x") and parsed(one.query) == one
    hour = 3600 * 10**9
    assert Filter(since="2h").since_iso(NOW) == Filter(since="1h").since_iso(NOW - hour)
    assert Filter(since="2026-02-30").since_iso(NOW) is None and Filter(since="soon").since_iso(NOW) is None
    assert filter_of({"dir": "/"}).dir == "/"


# -- finding ----------------------------------------------------------------------------------------------------------


def test_finding_tells_the_turns_of_this_session_alone(site: Site) -> None:
    found = site.ask(f"{P}/s/{site.session}/find?{urlencode({'q': 'PARTITION'})}").json()
    assert found == {"turns": [1, 8], "words": [{"text": "partition", "prefix": False}]}
    other = open_reader(site.places.db).execute("SELECT id FROM sessions WHERE name = 'notes'").fetchone()[0]
    say(site.places, other, 30, "a partition elsewhere, in between")
    say(site.places, site.session, 31, "partition, later")
    assert site.ask(f"{P}/s/{site.session}/find?q=partition").json()["turns"] == [1, 8, 10]
    assert site.ask(f"{P}/s/{site.session}/find?q=invoice").json()["turns"] == []
    assert site.ask(f"{P}/s/{site.session}/find?q=").json() == {"turns": [], "words": []}
    assert site.ask(f"{P}/s/{site.session}/find?q=gro%C3%9F*").json()["turns"] == [5]


def test_words_are_cut_as_the_index_cuts_them() -> None:
    words = find.words_of('Größe "two words" snake_case pre* é')
    assert [(word.text, word.prefix) for word in words] == [
        ("große", False), ("two", False), ("words", False), ("snake", False), ("case", False), ("pre", True), ("e", False)
    ]  # fmt: skip
    assert find.holds("A Prefix-like É", find.words_of("pre*")) and not find.holds("expre", find.words_of("pre*"))
    assert find.holds("résumé", find.words_of("resume")) and not find.holds("resumes", find.words_of("resume"))


@pytest.mark.parametrize(
    ("seq", "query", "wanted"),
    [(1, "pytest", ["r3", "call-3", "call-6"]), (4, "20", ["steps-3-52", "call-20"]), (1, "breaks", ["p"]), (2, "nowhere", [])],
)
def test_what_to_unfold(site: Site, seq: int, query: str, wanted: list[str]) -> None:
    folds = site.ask(f"{P}/t/{site.turns[seq]}/find.folds?{urlencode({'q': query})}").json()["folds"]
    assert (set(wanted) <= set(folds)) if wanted else not folds
    assert [name for name in folds if name in wanted] == wanted  # from the outside in


# -- files ------------------------------------------------------------------------------------------------------------


def test_files_that_a_session_changed(site: Site) -> None:
    page = site.text(f"{P}/s/{site.session}")
    assert "3 files changed in this session" in page and f'href="{P}/s/{site.session}/files"' in page
    part = site.text(f"{P}/s/{site.session}/files?part=1")
    assert "<html" not in part and "<html" in site.text(f"{P}/s/{site.session}/files") and "<script" not in part
    row = re.search(r"<tr>(?:(?!</tr>).)*src/parse\.py.*?</tr>", part, re.DOTALL)[0]  # type: ignore[index]
    assert "+2" in row and "−2" in row and 'data-to="t1"' in row
    new_session = "INSERT INTO sessions (id, agent, started_at, cwd) VALUES ('MANY', 'x', '2026', '/w')"
    new_turn = (
        "INSERT INTO turns (id, session_id, seq, prompt, status, source, started_at) "
        "VALUES ('T' || :seq, 'MANY', :seq, 'x', 'done', 'transcript', '2026-01-01T00:00:00.000Z')"
    )
    with writing(site.places) as connection:
        connection.execute(new_session)
        connection.executemany(new_turn, [{"seq": number} for number in range(1, TURNS + 9)])
        rows = [(f"T{number}", "/w/a.py", "added" if number == 1 else "modified", DIFF) for number in range(1, TURNS + 9)]
        connection.executemany("INSERT INTO turn_files VALUES (?, ?, ?, ?)", rows)
        connection.execute("INSERT INTO turn_files VALUES ('T3', '/else/b', 'deleted', NULL)")
    reader = open_reader(site.places.db)
    one, other = changed_of(reader, session_pages.page_session(reader, "MANY"))
    assert (one.path, one.added, one.removed, one.change) == ("a.py", 2 * (TURNS + 8), 2 * (TURNS + 8), "added")
    assert len(one.shown) == TURNS + 1 and one.shown.count(None) == 1
    assert (other.path, other.change, other.untold) == ("/else/b", "deleted", 1)


# -- copying and saving -----------------------------------------------------------------------------------------------


@pytest.fixture
def secret(site: Site) -> str:
    """A turn whose rows still have a key in them: kept before its form was known. Returns its id."""
    say(site.places, site.session, 20, f"use {KEY}", f"Used `{KEY}`.\n\n{EVIL}")
    connection = open_reader(site.places.db)
    return str(connection.execute("SELECT id FROM turns ORDER BY started_at DESC LIMIT 1").fetchone()[0])


def test_a_turn_is_copied_masked(site: Site, secret: str) -> None:
    markdown = site.ask(f"{P}/t/{secret}/copy.md")
    assert markdown.headers["content-type"].startswith("text/plain")
    assert markdown.text.startswith("## 10. ") and "> use [redacted:anthropic-key]" in markdown.text and KEY not in markdown.text
    html = site.text(f"{P}/t/{secret}/copy.html")
    assert "use [redacted:anthropic-key]" in html and KEY not in html and "<script" not in html and "<img" not in html
    assert not re.search(r"<[^>]*(class|src)=|<link|<style", html)


def test_a_copy_with_colours_has_calls_diffs_and_the_screen(site: Site) -> None:
    html = site.text(f"{P}/t/{site.turns[1]}/copy.html")
    assert html.count("<details>") == 8 and "42 passed in 1.20s" in html and "partition" in html
    assert '<span style="background:#d5eedc">+    name, _, value' in html
    assert '<span style="color:#4cb878;font-weight:bold">❯ Parsing breaks' in html  # the screen
    assert '<code style="' in html and "<strong>every</strong>" in html


def test_a_session_is_saved_as_one_file_and_noted(site: Site, secret: str) -> None:
    with writing(site.places) as connection:
        add(connection, "C1", NOW, Pair(site.turns[1], None, "x", f"better {KEY}", f"note {KEY}", "me"))
    response = site.ask(f"{P}/s/{site.session}/export.html")
    html = response.text
    assert response.headers["content-disposition"].startswith('attachment; filename="Parser-fix-')
    assert html.startswith("<!DOCTYPE html>") and html.rstrip().endswith("</html>") and KEY not in html
    assert re.findall(r'<article id="t(\d+)"', html) == [str(seq) for seq in range(1, 11)]
    assert "better [redacted:anthropic-key]" in html and "note [redacted:" in html
    assert "<script" not in html and "<img" not in html and not re.search(r"<[^>]*src=", html)
    assert '<details class="screen">' in html and "color:#4cb878" in html and '<span class="add">+' in html
    kind, path = open_reader(site.places.db).execute("SELECT kind, path FROM exports").fetchone()
    assert (kind, path) == ("html", "a browser's downloads")


def test_a_head_request_saves_nothing(site: Site) -> None:
    assert site.ask(f"{P}/s/{site.session}/export.html", method="HEAD").status_code == 200
    assert not open_reader(site.places.db).execute("SELECT * FROM exports").fetchall()


def test_a_long_session_is_written_in_pieces(site: Site) -> None:
    session = make_long_session(site.places, 300, lambda number: turn(1, f"prompt {number}", "y" * 2_000))
    connection = open_reader(site.places.db)
    pieces = list(document(connection, site.places.spool, session_pages.page_session(connection, session)))
    assert len(pieces) > 300 and max(map(len, pieces)) < 40_000
    assert "".join(pieces).count("<article ") == 300


def test_unredacted_is_asked_for(site: Site, secret: str) -> None:
    connection = open_reader(site.places.db)
    session = session_pages.page_session(connection, site.session)
    assert KEY in "".join(document(connection, site.places.spool, session, redact=False))


def test_what_was_left_is_in_public_tables(site: Site) -> None:
    order(site, f"tag-turn/{site.turns[1]}", tag="a")
    order(site, f"bookmark/{site.turns[1]}")
    order(site, f"seen/{site.session}", seq="3")
    connection = open_reader(site.places.db)
    assert tags.of(connection, "turn", [site.turns[1]]) == {site.turns[1]: ["a"]}
    assert marks.bookmarked(connection, "turn", [site.turns[1]]) == {site.turns[1]}
    [one, two] = json.loads(site.text("/procy/marks.json?_shape=array"))
    assert {one["kind"], two["kind"]} == {"bookmark", "seen"}
