"""Corrections on pages: the mark of a turn, the history of a prompt, the list, its export, and news of them."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

import pytest

from procy.learn.correct import Words, correct, delete
from procy.places import Places
from procy.store.corrections import Prompt, link_replay, set_outcome
from procy.store.db import open_reader
from procy.ui.corrections import PAGE, CorrectionsTopic
from procy.ui.pages import pages_of
from procy.ui.topics import SessionTopic

from .conftest import Site
from .markup import article, one_try, read_aloud
from .sample import EVIL, INJECTED, writing
from .sample_runs import PROMPTS, RUN, insert, try_id

LIST = "/-/procy/corrections"
KEY = "sk-ant-" + "a" * 40


def fix(places: Places, turn: str | None, chosen: str, note: str = "", author: str = "ada", **more: Any) -> str:
    """Correct a turn's prompt, or a try's, as somebody else would. Returns the correction's id."""
    with writing(places) as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT prompt FROM turns WHERE id = ?", (turn,)).fetchone()
        prompt = Prompt(turn, more.get("attempt"), row["prompt"] if row else more["prompt"])
        return correct(connection, more.get("at", time.time_ns()), prompt, Words(chosen, note), author)


def undo(places: Places, correction: str) -> None:
    with writing(places) as connection:
        delete(connection, time.time_ns(), correction)


def rows(places: Places) -> list[sqlite3.Row]:
    with open_reader(places.db) as connection:
        return connection.execute("SELECT * FROM corrections ORDER BY rowid").fetchall()


def order(site: Site, path: str, **form: str) -> Any:
    return site.ask(f"/-/procy/do/{path}", method="POST", data=form or {"x": ""})


def listed(html: str) -> list[str]:
    return [part.split('"')[0] for part in html.split('<li class="correction ')[1:]]


# -- orders -------------------------------------------------------------------------------------------------------------


def test_a_turn_is_corrected_by_an_order(site: Site) -> None:
    told = order(site, f"correct/{site.turns[1]}", chosen="Find the cause first.", note="the order", over="")
    assert told.status_code == 200
    [row] = rows(site.places)
    assert row["id"] == told.json()["correction"] and row["rejected"].startswith("Parsing breaks on lines like a=b=c.")
    assert (row["turn_id"], row["chosen"], row["note"]) == (site.turns[1], "Find the cause first.", "the order")
    assert row["author"]


def test_what_cannot_be_kept_is_said_and_how_to_go_on(site: Site) -> None:
    path = f"correct/{site.turns[1]}"
    assert order(site, path, chosen=" ").json()["error"] == "the corrected prompt is empty"
    fix(site.places, site.turns[1], "Better.")
    behind = order(site, path, chosen="Best.", over="")
    assert behind.status_code == 409 and behind.json()["error"] == "this prompt was corrected meanwhile by ada"
    assert order(site, path, chosen="Better.").json()["error"] == "nothing was changed"
    assert order(site, "correct/NOTHING:1", chosen="x").status_code == 404
    assert order(site, "correct-try/NOTHING", chosen="x").status_code == 404
    assert order(site, "delete-correction/NOTHING").status_code == 404
    assert len(rows(site.places)) == 1


def test_deleted_and_restored_by_orders(site: Site) -> None:
    key = fix(site.places, site.turns[1], "Better.")
    assert order(site, f"delete-correction/{key}").json() == {"deleted": True}
    assert rows(site.places)[0]["deleted_at"]
    assert order(site, f"restore-correction/{key}").json() == {"deleted": False}
    assert not rows(site.places)[0]["deleted_at"]


def test_a_prompt_of_200_kb_goes_there_and_back(site: Site) -> None:
    chosen = "Größe, 日本語\n" * 12_000
    assert order(site, f"correct/{site.turns[1]}", chosen=chosen).status_code == 200
    draft = site.ask(f"{LIST}/turn/{site.turns[1]}?draft=1").json()
    assert draft["chosen"] == chosen.rstrip() and draft["prompt"].startswith("Parsing breaks")
    assert len(site.text(LIST)) < 1_000_000


# -- turns and tries ----------------------------------------------------------------------------------------------------


def test_every_prompt_leads_to_its_correction(site: Site) -> None:
    html = site.text(f"/-/procy/s/{site.session}")
    assert f'href="{LIST}/turn/{site.turns[1]}"' in article(html, 1)
    assert "correct" not in read_aloud(article(html, 3))  # /compact
    assert "corrected" not in article(html, 1)
    run = site.text(f"/-/procy/run/{RUN}")
    assert f'href="{LIST}/try/{try_id(1)}"' in one_try(run, 1) and "correct" not in one_try(run, 0)


def test_a_corrected_turn_has_a_mark_that_tells_by_whom(site: Site) -> None:
    def version() -> str:
        return article(site.text(f"/-/procy/s/{site.session}"), 1).partition('data-version="')[2].partition('"')[0]

    seen = [version()]
    key = fix(site.places, site.turns[1], f"Better. {EVIL}", note="why")
    seen.append(version())
    shown = article(site.text(f"/-/procy/s/{site.session}"), 1)
    assert "corrected Better. <script>" in read_aloud(shown) and "ada" in read_aloud(shown) and EVIL not in shown
    fix(site.places, site.turns[1], "Best.", author="grace")
    seen.append(version())
    shown = read_aloud(article(site.text(f"/-/procy/s/{site.session}"), 1))
    assert "corrected Best. grace" in shown
    for row in rows(site.places)[::-1]:
        undo(site.places, row["id"])
        seen.append(version())
    assert "correction deleted" in article(site.text(f"/-/procy/s/{site.session}"), 1) and key
    assert len(set(seen)) == len(seen)


def test_the_history_of_a_prompt(site: Site) -> None:
    turn = site.turns[1]
    assert "was not corrected" in site.text(f"{LIST}/turn/{turn}")
    fix(site.places, turn, "Parsing breaks on lines like a=b=c. Find out why, fix it, and add two tests.", note="one is no test")
    undo(site.places, fix(site.places, turn, EVIL, author="grace"))
    for query in ("", "?part=1"):
        html = site.text(f"{LIST}/turn/{turn}{query}")
        told = read_aloud(html)
        assert told.index("deleted grace") < told.index("counts ada") and "one is no test" in told and EVIL not in html
        assert "<del>a test</del><ins>two tests</ins>" in html
    assert site.ask(f"{LIST}/turn/{turn}?draft=1").json()["chosen"].endswith("two tests.")


def test_a_try_is_corrected_with_and_without_a_turn(site: Site) -> None:
    assert order(site, f"correct-try/{try_id(1)}", chosen="Profile first.").status_code == 200
    assert order(site, f"correct-try/{try_id(2)}", chosen="Less.").status_code == 200
    bare, sent = rows(site.places)
    assert (bare["turn_id"], bare["try_id"], bare["rejected"]) == (None, try_id(1), PROMPTS[0])
    assert (sent["turn_id"], sent["try_id"], sent["rejected"]) == (site.turns[8], try_id(2), INJECTED)
    run = site.text(f"/-/procy/run/{RUN}")
    assert "corrected Profile first." in read_aloud(one_try(run, 1)) and "corrected Less." in read_aloud(one_try(run, 2))
    assert "corrected Less." in read_aloud(article(site.text(f"/-/procy/s/{site.session}"), 8))
    assert site.ask(f"{LIST}/try/{try_id(2)}?draft=1").json()["path"] == f"corrections/turn/{site.turns[8]}"
    assert "Profile" in site.text(f"{LIST}/try/{try_id(1)}") and "has no prompt" in site.ask(f"{LIST}/try/{try_id(0)}").text
    told = read_aloud(site.text(LIST))
    assert "turn 8 try 2 Parser fix" in told and "try 1 Parser fix" in told


def test_what_was_edited_before_it_was_sent_says_so(site: Site) -> None:
    with writing(site.places) as connection:
        connection.row_factory = sqlite3.Row
        correct(connection, 1, Prompt(site.turns[8], try_id(2), "Reduce the allocations."), Words(INJECTED), "ada")
    assert "edited before it was sent ada" in read_aloud(article(site.text(f"/-/procy/s/{site.session}"), 8))


# -- the list -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def several(site: Site) -> dict[str, str]:
    places, turns = site.places, site.turns
    made = {
        "first": fix(places, turns[1], "Parsing breaks. Fix it.", note="short 100% of it", at=10**18),
        "second": fix(places, turns[1], "Parsing breaks. Fix both.", author="grace", at=2 * 10**18),
        "gone": fix(places, turns[4], f"Make it faster {EVIL}", at=15 * 10**17),
    }
    undo(places, made["gone"])
    with open_reader(places.db) as connection:
        (other,) = connection.execute("SELECT turns.id FROM turns JOIN sessions ON sessions.id = session_id "
                                      "WHERE name = 'billing'").fetchone()  # fmt: skip
    made["other"] = fix(places, other, "Add three retries to the invoice job", author="grace", at=25 * 10**17)
    with writing(places) as connection:
        link_replay(connection, made["other"], RUN, try_id(3), try_id(2))
        set_outcome(connection, RUN, {"gain": 7.2, "low": 4.9, "high": 9.5, "better": 0.99, "pairs": 5, "preferred": "chosen"})
    return made


def test_newest_first_with_what_changed_and_what_it_was_worth(site: Site, several: dict[str, str]) -> None:
    html = site.text(LIST)
    places = [html.index(f'id="c{several[name]}"') for name in ("other", "second", "gone", "first")]
    assert places == sorted(places) and listed(html) == ["standing", "standing", "deleted", "replaced"]
    told = read_aloud(html)
    assert "Add a retry three retries to the invoice job" in told and "<del>" in html and EVIL not in html
    assert "replayed: better better by 7.2 ms −9.5 … −4.9" in told
    assert f'data-do="restore-correction/{several["gone"]}"' in html and html.count("delete-correction/") == 3


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("state=standing", ["other", "second"]), ("state=replaced", ["first"]), ("state=deleted", ["gone"]),
        ("author=grace", ["other", "second"]), ("session=billing", ["other"]),
        ("session=Parser+fix&author=ada", ["gone", "first"]), ("q=invoice", ["other"]), ("q=100%25", ["first"]), ("q=a%25b", []),
        ("q=_", []), ("q=%3Cscript", ["gone"]), ("q=FIX+BOTH&state=standing", ["second"]),
        ("state=nonsense", ["other", "second", "gone", "first"]),
    ],
)  # fmt: skip
def test_filtered(site: Site, several: dict[str, str], query: str, wanted: list[str]) -> None:
    html = site.text(f"{LIST}?{query}")
    assert [name for name in ("other", "second", "gone", "first") if f'id="c{several[name]}"' in html] == wanted
    lines = [json.loads(line) for line in site.text(f"{LIST}.jsonl?{query}").splitlines()]
    assert [line["id"] for line in lines] == [several[name] for name in wanted]


def test_a_session_that_is_not_there(site: Site) -> None:
    assert site.ask(f"{LIST}?session=nothing").status_code == 404
    assert site.ask(f"{LIST}.jsonl?session=nothing").status_code == 404


def test_pages_and_an_export_of_many(site: Site) -> None:
    keys = [
        fix(site.places, site.turns[1], f"Better {number}", at=(1000 + number // 3) * 10**15) for number in range(2 * PAGE + 5)
    ]
    query, seen = "", []
    while True:
        html = site.text(LIST + query)
        seen += [part.split('"')[0] for part in html.split('id="c0')[1:]]
        if 'rel="next"' not in html:
            break
        query = html.partition('class="more"><a href="')[2].partition('"')[0].removeprefix(LIST).replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == len(keys)
    exported = site.ask(f"{LIST}.jsonl")
    assert exported.headers["content-disposition"] == 'attachment; filename="procy-corrections.jsonl"'
    assert [json.loads(line)["id"][1:] for line in exported.text.splitlines()] == seen


def test_an_export_has_no_secrets_and_is_noted_nowhere(site: Site) -> None:
    with writing(site.places) as connection:  # kept before this form of secret was known
        insert(connection, "corrections", {"id": "OLD", "turn_id": site.turns[1], "rejected": KEY, "chosen": "better",
                                           "note": KEY, "author": "ada", "created_at": "2026-01-01T00:00:00.000Z"})  # fmt: skip
    text = site.text(f"{LIST}.jsonl")
    assert KEY not in text and json.loads(text)["rejected"] == "[redacted:anthropic-key]"
    assert json.loads(text)["state"] == "standing" and json.loads(text)["outcome"] is None
    with open_reader(site.places.db) as connection:
        assert connection.execute("SELECT count(*) FROM exports").fetchone()[0] == 0


def test_nothing_yet(site: Site) -> None:
    assert "Nothing was corrected yet" in site.text(LIST) and "No such corrections" in site.text(f"{LIST}?q=x")
    assert site.text(f"{LIST}.jsonl") == ""


def test_a_correction_whose_turn_is_gone_is_still_there(site: Site) -> None:
    fix(site.places, site.turns[2], "Safer")
    with writing(site.places) as connection:
        connection.execute("DELETE FROM turns WHERE id = ?", (site.turns[2],))
    html = site.text(LIST)
    assert "a turn that is gone" in html and "Safer" in html and 'class="button correct"' not in html


# -- news ---------------------------------------------------------------------------------------------------------------


def test_a_turn_long_done_is_told_anew_when_it_is_corrected(site: Site) -> None:
    topic = SessionTopic(pages_of(site.datasette), site.session)
    with open_reader(site.places.db) as connection:
        topic.news(connection)
        topic.floor = 8  # as after hours
        began = topic.since(connection, "8-0")[0].id
        key = fix(site.places, site.turns[1], "Better.")
        [event] = [event for event in topic.news(connection) if event.name == "revised"]
        facts = json.loads(event.data)
        assert facts["seq"] == 1 and "corrected" in facts["html"] and event.id == "7-1"
        assert not [event for event in topic.news(connection) if event.name == "revised"]
        undo(site.places, key)
        assert [json.loads(event.data)["seq"] for event in topic.news(connection) if event.name == "revised"] == [1]
        missed = [event for event in topic.since(connection, began) if event.name == "revised"]  # a tab that slept
        assert len(missed) == 1 and "correction deleted" in missed[0].data
        assert not [event for event in topic.since(connection, "8") if event.name == "revised"]
        fix(site.places, site.turns[9], "Newest.")
        assert [(event.name, json.loads(event.data)["seq"]) for event in topic.news(connection)] == [("turn", 9)]


def test_the_list_is_told_what_is_new_and_what_changed(site: Site) -> None:
    topic = CorrectionsTopic(pages_of(site.datasette))
    fix(site.places, site.turns[1], "Old.")
    with open_reader(site.places.db) as connection:
        assert topic.news(connection) == []
        fix(site.places, site.turns[1], "New.")
        events = topic.news(connection)
        assert ["replaced" in event.data for event in events] in ([True, False], [False, True]) and len(events) == 2
        assert topic.news(connection) == []
        assert [event.id for event in topic.since(connection, "1")] == [event.id for event in events]
        assert topic.since(connection, "") == []
        for number in range(PAGE + 1):
            fix(site.places, site.turns[4], f"Faster {number}")
        assert [event.name for event in topic.news(connection)] == ["behind"]
