"""What stands on the pages of runs and tries, asked for through the whole stack, and told while they are open."""

from __future__ import annotations

import html as markup
import json
import os
import re
from typing import Any

import pytest

from procy.places import Places
from procy.store import write
from procy.store.db import iso, open_writer

from .conftest import Served, ServerProcess, Site
from .markup import article, figures, one_try, read_aloud, tries
from .sample import EVIL, say, writing
from .sample_runs import DEFINITION, GOAL, PROMPTS, RUN, add_evaluator, add_run, insert, made, try_id
from .sample_times import MINUTE, NOW
from .test_live import Stream

pytestmark = pytest.mark.usefixtures("at_work")
LIMIT_BYTES = 400_000
PAGE = f"/-/procy/run/{RUN}"


def change(places: Places, table: str, row_id: str, **values: Any) -> None:
    with writing(places) as connection:
        updates = ", ".join(f"{name} = ?" for name in values)
        connection.execute(f"UPDATE {table} SET {updates} WHERE id = ?", (*values.values(), row_id))


# -- the list ---------------------------------------------------------------------------------------------------------


def test_a_run_in_the_list_says_how_it_goes(site: Site) -> None:
    html = site.text("/-/procy/evolve")
    line = read_aloud(re.search(r'<li class="session run-line".*?</li>', html, re.DOTALL)[0])  # type: ignore[index]
    assert line.startswith(f"{GOAL} running p95 41.25 ms better by 37.8 % 5 of 20 tries stall · model Parser fix")
    assert f'href="/-/procy/s/{site.session}"' in html and f'href="{PAGE}"' in html
    assert 'data-events="/-/procy/evolve/events"' in html


def test_every_page_of_lists_leads_to_the_runs(site: Site) -> None:
    for path in ("/-/procy", "/-/procy/search?q=x", PAGE, "/-/procy/evolve"):
        assert 'href="/-/procy/evolve"' in site.text(path), path
    assert '<a href="/-/procy/evolve">Evolve</a>' in site.text("/procy")  # Datasette's own menu


def test_runs_are_paged_newest_first(site: Site) -> None:
    with writing(site.places) as connection:
        for number in range(120):
            add_run(connection, id=f"R{number:03d}", started_at=iso(NOW - (100 + number % 60) * MINUTE), goal=f"goal {number}")
    seen: list[str] = []
    path = "/-/procy/evolve"
    while path:
        html = site.text(path)
        seen += re.findall(r'<li class="session run-line" id="r(\w+)"', html)
        older = re.search(r'href="(\?[^"]+)" rel="next"', html)
        path = "/-/procy/evolve" + markup.unescape(older[1]) if older else ""
    assert len(seen) == len(set(seen)) == 121 and seen[0] == RUN
    assert [f"R{number:03d}" for number in (60, 0)] == seen[1:3] and 'data-events=""' not in html


def test_without_runs_it_says_how_to_start_one(site: Site) -> None:
    with writing(site.places) as connection:
        connection.execute("DELETE FROM runs")
    html = site.text("/-/procy/evolve")
    assert "No runs yet" in html and "procy evolve" in html and site.ask(PAGE).status_code == 404


def test_an_empty_database_has_an_empty_list(tmp_path: Any) -> None:
    from .sample import places_in

    (tmp_path / "new home").mkdir()
    places = places_in(tmp_path / "new home")
    open_writer(places.db).close()
    served = Served(places)
    try:
        served.sign_in()
        assert "No runs yet" in served.get("/-/procy/evolve")
    finally:
        served.stop()


@pytest.mark.parametrize(
    ("values", "badge", "text"),
    [
        ({"status": "running", "wanted": "stop"}, "busy", "stopping"),
        ({"status": "paused", "reason": "the model endpoint is down"}, "waiting", "the model endpoint is down"),
        ({"status": "stopped", "reason": "stopped by hand"}, "ended", "stopped by hand"),
        ({"status": "failed", "reason": "the start could not be measured"}, "error", "the start could not be measured"),
        ({"status": "done", "reason": "all 20 tries are made", "ended_at": iso(NOW)}, "idle", "33 min"),
    ],
)
def test_a_state_comes_with_its_reason(site: Site, values: dict[str, Any], badge: str, text: str) -> None:
    change(site.places, "runs", RUN, **values)
    for path in ("/-/procy/evolve", PAGE):
        html = site.text(path)
        assert f'<span class="badge {badge}">' in html and text in html, path
    can_resume = re.search(r'href="[^"]*/resume"(?! aria-disabled)', site.text(PAGE)) is not None
    assert can_resume == (values["status"] not in ("failed", "running"))


def test_a_run_whose_process_is_gone_is_cut_off(site: Site) -> None:
    os.unlink(site.places.run_lock(RUN))
    for path in ("/-/procy/evolve", PAGE):
        assert '<span class="badge error">cut off</span>' in site.text(path), path
    html = site.text(PAGE)
    assert re.search(r'href="[^"]*/resume"(?! aria-disabled)', html) and 'class="busy"' not in html


# -- a run ------------------------------------------------------------------------------------------------------------


def test_the_head_says_what_is_wanted_and_what_was_used(site: Site) -> None:
    head = read_aloud(site.text(PAGE).partition('id="tries"')[0])
    for told in (
        "try 2 41.25 ms better by 37.8 % from 66.3 ms", "2 kept, 2 reverted, 2 failed, 1 under way", "5 of 20 tries",
        "33 min of 2 h", "$0.042 of $3.00", "10.5 s of evaluating", "ends after 8 tries without a gain",
        "parse bench: p95 ↓ lower is better ms objective",
        "recall ↑ higher is better ≥ 0.95", "memory ↓ lower is better MB ≤ 512", "stall, prompts from the proxy model, 2 lanes",
        "try 7 waits for the agent, lane 2", "at 89abcdef8",
    ):  # fmt: skip
        assert told in head, told


def test_every_try_is_there_and_says_what_became_of_it(site: Site) -> None:
    html = site.text(PAGE)
    assert tries(html) == [7, 6, 5, 4, 3, 2, 1, 0]
    told = {seq: read_aloud(one_try(html, seq)) for seq in range(8)}
    assert "from start" in told[1] and "from 1" in told[2]
    assert "proxy model, edited by a human mixed: a human took part 2 files changed turn" in told[2]
    assert told[2].endswith("kept best better than try 1 better by 17.6 ms (−29.9 %) −20.2 … −15")
    assert told[3].endswith("reverted not better than try 2 up by 2.4 ms (+5.82 %) −0.7 … +5.5")
    assert told[4].endswith("reverted: invalid recall is 0.89, and must be at least 0.95") and "template" in told[4]
    assert told[5].endswith("failed: timeout longer than 60 s") and told[6].endswith(
        "vetoed by a human lane 1 correct – – – vetoed"
    )
    assert told[7].endswith("waits for the agent") and told[0].endswith("the start")
    assert f'href="/-/procy/t/{site.turns[8]}">turn</a>' in one_try(html, 2) and "020123456" in told[2]
    assert PROMPTS[0] in told[1] and "better with a probability of 98 %" in one_try(html, 2)


def test_changes_are_told_against_parent_and_best(site: Site) -> None:
    html = site.text(PAGE)
    assert figures(one_try(html, 2)) == ["41.25 ms better by 17.6 parent, best", "0.971", "212 MB worse by 1"]
    assert figures(one_try(html, 0)) == ["66.3 ms", "0.971", "210 MB"]
    broken = figures(one_try(html, 4))
    assert broken == ["29 ms better by 12.2 parent, best", "0.89 worse by 0.081", "214 MB worse by 2"]
    assert re.search(r'<td class="figure broken"[^>]*data-name="recall"', one_try(html, 4))
    with writing(site.places) as connection:
        connection.execute("UPDATE tries SET parent_id = ? WHERE id = ?", (try_id(1), try_id(3)))
    apart = figures(one_try(site.text(PAGE), 3))
    assert apart[0] == "44.1 ms better by 14.8 parent worse by 2.85 best"
    assert apart[2] == "213 MB worse by 2 parent worse by 1 best"


def test_what_is_maximized_is_better_upwards(site: Site) -> None:
    with writing(site.places) as connection:
        add_evaluator(connection, {"objective": "qps", "metrics": [{"name": "qps", "direction": "maximize"}]}, "MORE")
        given = [
            made(0, 1, "kept"),
            made(1, 1, "kept", gain=(20, 10, 30)),
            made(2, 1, "reverted", parent=1, gain=(-50, -70, -30), over=1),
        ]
        for one, qps in zip(given, (100, 120, 70), strict=True):
            one |= {"score": qps, "metrics": json.dumps({"qps": qps})}
        run = add_run(connection, given, evaluator_id="MORE", best_try_id=None)
    html = site.text(f"/-/procy/run/{run}")
    assert figures(one_try(html, 1)) == ["120 better by 20 parent, best"]
    assert figures(one_try(html, 2)) == ["70 worse by 50 parent, best"]
    assert read_aloud(one_try(html, 1)).endswith("better by 20 (+20 %) +10 … +30")
    assert read_aloud(one_try(html, 2)).endswith("worse by 50 (−41.7 %) −70 … −30")


def test_what_was_claimed_is_said_with_its_interval(site: Site) -> None:
    change(site.places, "runs", RUN, claim=json.dumps({"gain": 24.1, "low": 22.3, "high": 26.0, "better": 0.998, "pairs": 5}))
    assert "claimed better by 24.1 ms (−36.3 %) −26 … −22.3 in 5 pairs" in read_aloud(site.text(PAGE))


def test_the_curve_is_drawn_and_described(site: Site) -> None:
    html = site.text(PAGE)
    drawing = re.search(r'<svg class="plot".*?</svg>', html, re.DOTALL)[0]  # type: ignore[index]
    assert 'role="img" aria-labelledby="curve-title curve-text"' in drawing
    assert "lower is better. The start: 66.3. The best: 41.25, of try 2. 2 kept, 2 reverted, 2 failed, 1 under way." in drawing
    assert drawing.count('<circle class="kept"') == 3 and drawing.count('<circle class="reverted"') == 1
    assert (
        drawing.count('<use class="failed"') == 2
        and drawing.count('<use class="failed no-score"') == 1
        and drawing.count('<line class="whisker') == 3
    )
    assert f'<a href="/-/procy/try/{try_id(2)}" tabindex="-1"><title>try 2, kept: 41.25 ms</title>' in drawing
    assert "nan" not in drawing and "style=" not in html


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("checkout", "checking out its parent"), ("propose", "the prompt is being written"),
        ("ask", "waits for your word on the prompt"), ("inject", "the prompt is being typed"), ("wait", "waits for the agent"),
        ("commit", "committing what the agent did"), ("smoke", "a quick check"), ("full", "being measured"),
        ("gate", "measured again, beside what it would replace"), ("record", "being recorded"),
        ("something new", "something new"),
    ],
)  # fmt: skip
def test_what_a_try_waits_for_is_said_in_words(site: Site, step: str, words: str) -> None:
    change(site.places, "tries", try_id(7), step=step)
    html = site.text(PAGE)
    assert f"try 7 {words}, lane 2" in read_aloud(html) and words in read_aloud(one_try(html, 7))


def test_an_agent_that_asks_is_seen(site: Site) -> None:
    with writing(site.places) as connection:
        write.change_session(connection, site.session, {"state": "waiting", "state_reason": "permission prompt"})
    assert "try 7 the agent asks: permission prompt" in read_aloud(site.text(PAGE))
    change(site.places, "runs", RUN, status="paused")
    assert "goes on when the run does (waits for the agent)" in read_aloud(site.text(PAGE))


def test_a_run_without_tries(site: Site) -> None:
    with writing(site.places) as connection:
        run = add_run(connection, evaluator_id=None)
    html = site.text(f"/-/procy/run/{run}")
    assert "No tries yet" in html and "not measured yet" in html and "<svg" not in html and 'id="tries" hidden' in html
    assert "an evaluator that is gone" in html


def test_a_run_in_which_nothing_could_be_measured(site: Site) -> None:
    with writing(site.places) as connection:
        start = made(0, None, "kept", status="crash", reason="exit 1")
        run = add_run(
            connection, [start, made(1, None, "failed", status="crash")], best_try_id=try_id(0, "UNMEASURED"), id="UNMEASURED"
        )
    html = site.text(f"/-/procy/run/{run}")
    assert tries(html) == [1, 0] and 'class="plot"' not in html and "not measured yet" in html
    assert figures(one_try(html, 1)) == ["–", "–", "–"] and "not measured yet" in site.text("/-/procy/evolve")


def test_replays_of_corrections_are_runs_too(site: Site) -> None:
    with writing(site.places) as connection:
        add_run(connection, kind="replay")
    assert "replay of a correction" in site.text("/-/procy/evolve")


@pytest.mark.parametrize("definition", ["", "nonsense", "[]", "null", '{"metrics": null, "objective": 7}'])
def test_a_run_whose_evaluator_says_nothing_is_still_shown(site: Site, definition: str) -> None:
    change(site.places, "evaluators", "EVALUATOR", definition=definition)
    for row, column in (("runs", "budget"), ("runs", "options"), ("tries", "notes"), ("tries", "comparison")):
        change(site.places, row, RUN if row == "runs" else try_id(2), **{column: "no JSON"})
    assert tries(site.text(PAGE)) == [7, 6, 5, 4, 3, 2, 1, 0] and "41.25" in site.text(PAGE)
    assert site.ask("/-/procy/evolve").status_code == 200 and "Keep the approach" in site.text(f"/-/procy/try/{try_id(2)}/all")


# -- one try ----------------------------------------------------------------------------------------------------------


def test_all_of_a_try_is_there_when_it_is_asked_for(site: Site) -> None:
    path = f"/-/procy/try/{try_id(2)}/all"
    part, page = site.text(f"{path}?part=1"), site.text(path)
    assert "<html" not in part and "<html" in page and PROMPTS[1].replace("\n", "") in markup.unescape(part).replace("\n", "")
    told = read_aloud(part)
    assert "as it was proposed Compile once." in told
    assert "4 samples this try full 40.9 ms 2.1 s try 1 full 58.7 ms" in told
    assert "1 sample this try full invalid 2.1 s recall is 0.89" in read_aloud(site.text(f"/-/procy/try/{try_id(4)}/all?part=1"))


def test_more_metrics_than_columns_are_in_its_part(site: Site) -> None:
    more = [*DEFINITION["metrics"], *({"name": f"m{number}", "direction": "maximize"} for number in range(6))]
    change(site.places, "evaluators", "EVALUATOR", definition=json.dumps({**DEFINITION, "metrics": more}))
    change(site.places, "tries", try_id(2), metrics=json.dumps({"p95": 41.25, "m5": 3}))
    change(site.places, "tries", try_id(1), metrics=json.dumps({"p95": 58.9, "m5": 1}))
    assert len(figures(one_try(site.text(PAGE), 2))) == 4
    assert (
        "every metric metric this try since parent, best p95 41.25 ms better by 17.6 −30 % m5 3 better by 2 +200 %"
        in read_aloud(site.text(f"/-/procy/try/{try_id(2)}/all?part=1"))
    )


def test_a_turn_of_a_try_leads_to_it(site: Site) -> None:
    html = article(site.text(f"/-/procy/s/{site.session}"), 8)
    assert f'<a class="tag procy" href="/-/procy/try/{try_id(2)}"' in html and ">try 2</a>" in html
    place = site.ask(f"/-/procy/try/{try_id(2)}").headers["location"]
    assert place == f"{PAGE}#try2"
    assert '<span class="tag procy">' not in html


# -- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("handle", ["last", "SUFFIX", "lower"])
def test_handles_lead_to_the_run(site: Site, handle: str) -> None:
    handle = {"SUFFIX": RUN[-6:], "lower": RUN[:22].lower()}.get(handle, handle)
    response = site.ask(f"/-/procy/run/{handle}")
    assert (response.status_code, response.headers["location"]) == (302, PAGE)


@pytest.mark.parametrize(
    "path",
    ["run/nothing", "run/%22%27%3Cb%3E", "run/%25", "run/nothing/events", "try/nothing", "try/nothing/all", "try/%25/all"],
)
def test_what_is_not_there_says_so(site: Site, path: str) -> None:
    response = site.ask(f"/-/procy/{path}")
    assert response.status_code == 404 and "procy evolve status" in response.text


# -- much of it -------------------------------------------------------------------------------------------------------


def many(places: Places, count: int = 1000, **more: Any) -> str:
    with writing(places) as connection:
        given = [made(0, 900.0, "kept")]
        for seq in range(1, count):
            kept = seq % 3 == 0
            value = 900.0 - seq / 2 if kept else 950.0 - seq / 2
            given.append(made(seq, value, "kept" if kept else "reverted", parent=(seq - 1) // 3 * 3, gain=(1.5, -2.0, 5.0),
                              over=(seq - 1) // 3 * 3, **more))  # fmt: skip
        return add_run(connection, given)


def test_a_thousand_tries_fit_page_by_page(site: Site) -> None:
    run = many(site.places, prompt='"<&>' * 5_000, reason="&<>" * 2_000)
    seen, path, pages = [], f"/-/procy/run/{run}", 0
    while path:
        html = site.text(path)
        assert len(html.encode()) <= LIMIT_BYTES, len(html.encode())
        assert ('data-events="' in html) == (pages == 0)  # only the newest page is told news
        seen += tries(html)
        older = re.search(r'href="(\?before=\d+)" rel="next"', html)
        path, pages = f"/-/procy/run/{run}{older[1]}" if older else "", pages + 1
    assert seen == list(range(999, -1, -1)) and pages == 20


@pytest.mark.parametrize("seq", [0, 1, 500, 950, 999])
def test_a_trys_address_leads_to_its_page(site: Site, seq: int) -> None:
    run = many(site.places)
    place = site.ask(f"/-/procy/try/{try_id(seq, run)}").headers["location"]
    assert place.endswith(f"#try{seq}") and seq in tries(site.text(place.partition("#")[0]))


def test_newer_tries_are_found_from_older_ones(site: Site) -> None:
    run = many(site.places, 130)
    html = site.text(f"/-/procy/run/{run}?before=30")
    assert tries(html) == list(range(29, -1, -1))
    newer = re.search(r'href="(\?before=\d+)" rel="prev"', html)
    assert newer and tries(site.text(f"/-/procy/run/{run}{newer[1]}"))[-1] == 30
    for query in ("before=0", "before=-1", "before=x"):
        assert site.ask(f"/-/procy/run/{run}?{query}").status_code in (200, 302)


# -- hostile text -----------------------------------------------------------------------------------------------------


def test_text_of_agents_and_evaluators_stays_text(site: Site) -> None:
    evil = f"{EVIL}{{version}}{{{{ 7 * 7 }}}}"
    definition = {
        "name": evil,
        "objective": evil,
        "metrics": [{"name": evil, "unit": evil, "direction": "minimize", "at_most": 1}],
    }
    change(site.places, "evaluators", "EVALUATOR", name=evil, definition=json.dumps(definition))
    change(site.places, "runs", RUN, goal=evil * 40, reason=evil, strategy=evil, proposer=evil, root=evil, base_sha=evil)
    for seq in (2, 7):
        change(site.places, "tries", try_id(seq), prompt=evil, proposed=evil + "?", reason=evil * 20, host=evil, commit_sha=evil,
               status=evil, metrics=json.dumps({evil: 5.0}), score=-5.0)  # fmt: skip
    change(site.places, "tries", try_id(7), step=evil)
    with writing(site.places) as connection:
        connection.execute("UPDATE evaluations SET reason = ?, stage = ?, status = 'crash'", (evil, evil))
        write.change_session(connection, site.session, {"name": evil, "cwd": evil})
    for path in ("/-/procy/evolve", PAGE, f"/-/procy/try/{try_id(2)}/all", f"/-/procy/try/{try_id(2)}/all?part=1"):
        html = site.text(path)
        assert "<script>document" not in html and "<img" not in html and " 49" not in html, path
        assert "&lt;script&gt;document" in html, path
    versions = re.findall(r'data-version="([^"]*)"', site.text(PAGE))
    assert len(versions) == 10 and all(re.fullmatch("[0-9a-f]+", version) for version in versions)


# -- news -------------------------------------------------------------------------------------------------------------


def test_news_of_a_run_come_within_a_moment_and_only_what_changed(served: Served) -> None:
    served.sign_in()
    stream = Stream(served, f"{PAGE}/events")
    stream.read_until('"seq": 7')
    names = [name for name, _, _ in stream.events()]
    assert names == ["state", "head", "tree", *["try"] * 8]
    stream.text = ""
    with writing(served.places) as connection:
        connection.execute("UPDATE tries SET step = 'full' WHERE id = ?", (try_id(7),))
    stream.read_until("event: try")
    stream.read_until("being measured")
    assert [(name, data.get("seq")) for name, data, _ in stream.events()] == [("head", None), ("try", 7)]
    stream.text = ""
    session = served_session(served)
    say(served.places, session, 20, "something else happens")
    with writing(served.places) as connection:
        insert(connection, "tries", {**made(8, 39.5, "kept", parent=2, gain=(1.75, 0.5, 3.0), over=2), "turn_id": None})
        connection.execute("UPDATE runs SET best_try_id = ?, status = 'done', reason = 'enough' WHERE id = ?", (try_id(8), RUN))
    stream.read_until('"seq": 8')
    told = [(name, data.get("seq")) for name, data, _ in stream.events()]
    assert told[:2] == [("state", None), ("head", None)] and [seq for name, seq in told if name == "try"] == [2, 7, 8]
    stream.close()


def served_session(served: Served) -> str:
    with writing(served.places) as connection:
        return str(connection.execute("SELECT id FROM sessions WHERE name = 'Parser fix'").fetchone()[0])


def test_the_list_of_runs_is_told_of_new_ones_and_of_progress(served: Served) -> None:
    served.sign_in()
    stream = Stream(served, "/-/procy/evolve/events")
    stream.read_until("event: run")
    stream.text = ""
    with writing(served.places) as connection:
        add_run(connection, goal="a brand new goal")
    stream.read_until("a brand new goal")
    assert [name for name, _, _ in stream.events()] == ["run"]
    stream.text = ""
    change(served.places, "runs", RUN, status="paused", reason="nobody answers")
    stream.read_until("nobody answers")
    assert [data["id"] for _, data, _ in stream.events()] == [RUN]
    stream.close()


def test_a_run_that_is_forgotten_while_it_is_looked_at_is_no_error(process: ServerProcess) -> None:
    process.sign_in()
    stream = Stream(process, f"{PAGE}/events")
    stream.read_until('"seq": 7')
    stream.text = ""
    with writing(process.places) as connection:
        connection.execute("DELETE FROM runs WHERE id = ?", (RUN,))
        add_run(connection, goal="another")
    other = Stream(process, "/-/procy/evolve/events")
    other.read_until("another")
    assert "event:" not in stream.text
    other.close()
    stream.close()
    assert "Traceback" not in process.stop()
