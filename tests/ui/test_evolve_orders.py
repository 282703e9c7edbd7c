"""Orders to a run from its page, and tries and runs beside each other: what is said beforehand, what is done, what is refused."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from procy.errors import GitError
from procy.evaluate.contract import Contract, Metric, Stage
from procy.evolve.assemble import repo_of_run
from procy.store.db import open_reader

from .conftest import Site
from .markup import read_aloud
from .sample import EVIL, writing
from .sample_repo import BEST, FAST, SLOW, git, make_repo
from .sample_runs import PROMPTS, RUN, add_evaluator, add_run, made, try_id

RUN_PATH = f"/-/procy/run/{RUN}"


@pytest.fixture
def root(site: Site, tmp_path: Path) -> Path:
    make_repo(site.places, tmp_path / "work")
    return tmp_path / "work"


def change(site: Site, table: str, row_id: str, **values: Any) -> None:
    with writing(site.places) as connection:
        connection.execute(
            f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?", (*values.values(), row_id)
        )


def row(site: Site, table: str, row_id: str) -> dict[str, Any]:
    connection = open_reader(site.places.db)
    try:
        return dict(connection.execute(f"SELECT * FROM {table} WHERE id = ?", (row_id,)).fetchone())
    finally:
        connection.close()


def judge(site: Site) -> None:
    """An evaluator, a strategy and a proposer that the loop itself can use."""
    change(site, "runs", RUN, strategy="greedy", proposer="template")
    contract = Contract(
        name="bench",
        stages=(Stage(name="full", command=("true",)),),
        metrics=(Metric(name="p95", direction="minimize"),),
        objective="p95",
    )
    change(site, "evaluators", "EVALUATOR", definition=json.dumps(contract.as_json()))


def order(site: Site, path: str, **values: str) -> tuple[int, dict[str, str]]:
    response = site.ask(f"/-/procy/do/{path}", method="POST", data=values or {"x": ""})
    return response.status_code, response.json()


def told(site: Site, path: str) -> str:
    return read_aloud(site.text(f"/-/procy/{path}?part=1"))


# -- stop, resume, reset ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_work")
def test_a_run_at_work_can_be_stopped_and_not_resumed(site: Site) -> None:
    head = site.text(RUN_PATH)
    assert 'resume" aria-disabled="true" title="Not possible: it is at work"' in head
    assert 'stop" aria-disabled' not in head
    assert "What is under way is interrupted: try 7. Its agents get an Escape." in told(site, f"run/{RUN}/stop")
    assert "Not possible: it is at work." in told(site, f"run/{RUN}/resume")
    assert order(site, f"run/{RUN}/resume")[0] == 404
    status, found = order(site, f"run/{RUN}/stop")
    assert (status, row(site, "runs", RUN)["wanted"]) == (200, "stop") and "was told to stop" in found["done"]


def test_a_run_whose_process_is_gone_is_marked_as_stopped(site: Site) -> None:
    assert "Its process is gone." in told(site, f"run/{RUN}/stop")
    assert "Its process was cut off. It goes on where it was: try 7." in told(site, f"run/{RUN}/resume")
    assert order(site, f"run/{RUN}/stop") == (200, {"done": "The run is stopped."})
    assert row(site, "runs", RUN)["status"] == "stopped"
    again = order(site, f"run/{RUN}/stop")
    assert again == (409, {"error": "the run is stopped already", "remedy": "Load the page again"})
    assert "Not possible: it is stopped already." in told(site, f"run/{RUN}/stop")


@pytest.mark.parametrize(
    ("values", "tries", "words"),
    [
        ({"status": "done"}, "", "the run is done. Give it more tries: at least 6"),
        ({"status": "done"}, "5", "5 tries are made already. Give at least 6"),
        ({"status": "stopped"}, "many", "'many' is no number of tries. Give a whole number"),
        ({"status": "failed"}, "9", "is failed. Start another, or give it more: --tries N"),
    ],
)
def test_what_cannot_be_gone_on_with_says_why(site: Site, values: dict[str, str], tries: str, words: str) -> None:
    change(site, "runs", RUN, **values)
    status, found = order(site, f"run/{RUN}/resume", tries=tries)
    assert status in (404, 409) and words in f"{found['error']}. {found['remedy']}"
    assert row(site, "runs", RUN)["status"] == values["status"]


def test_a_run_that_is_done_is_asked_for_more_tries(site: Site) -> None:
    change(site, "runs", RUN, status="done")
    html = site.text(f"{RUN_PATH}/resume")
    assert 'name="tries" min="6"' in html and "required" in html and "It is done; with more tries it goes on" in html
    assert "procy evolve resume" in html and "<noscript>" in html


def test_a_run_that_does_not_start_says_so(site: Site) -> None:
    """Its work tree is not there: the process that would carry it out pauses it."""
    judge(site)
    change(site, "runs", RUN, status="stopped")
    status, found = order(site, f"run/{RUN}/resume")
    assert status == 409 and "the run is paused: /home/you/config-tool is gone" in found["error"], found


def test_a_reset_stops_it_and_keeps_the_tries(site: Site, root: Path) -> None:
    assert "Its process is ended, by force where it must be. Its panes and worktrees are removed" in told(
        site, f"run/{RUN}/reset"
    )
    judge(site)
    status, found = order(site, f"run/{RUN}/reset")
    assert (status, found) == (200, {"done": "its panes and worktrees are gone."})
    assert (row(site, "runs", RUN)["status"], row(site, "runs", RUN)["reason"]) == ("stopped", "reset")
    assert row(site, "tries", try_id(2))["decision"] == "kept"


# -- apply --------------------------------------------------------------------------------------------------------------


def test_a_try_is_applied_to_the_files_that_were_named(site: Site, root: Path) -> None:
    words = told(site, f"try/{try_id(2)}/apply")
    assert "try 2 changes 2 files of" in words and "more.txt parse.py" in words and words == told(site, f"run/{RUN}/apply")
    status, found = order(site, f"try/{try_id(2)}/apply", how="files")
    assert (status, found) == (200, {"done": "Changed more.txt, parse.py."})
    assert (root / "parse.py").read_text() == BEST and git(root, "status", "--porcelain").split() == [
        "M", "parse.py", "??", "more.txt",
    ]  # fmt: skip
    assert "Not possible: the work tree has try 2 already" in told(site, f"try/{try_id(2)}/apply")


def test_files_that_were_changed_since_are_not_touched(site: Site, root: Path) -> None:
    (root / "parse.py").write_text("mine\n")
    words = told(site, f"try/{try_id(2)}/apply")
    assert "Not possible: try 2 does not fit the work tree as it is now" in words and "Make a branch" in words
    status, found = order(site, f"try/{try_id(2)}/apply", how="files")
    assert status == 409 and "does not fit the work tree" in found["error"] and "--branch" in found["remedy"]
    assert (root / "parse.py").read_text() == "mine\n" and not (root / "more.txt").exists()


def test_a_try_becomes_a_branch(site: Site, root: Path) -> None:
    status, found = order(site, f"try/{try_id(1)}/apply", how="branch", branch="faster")
    assert status == 200 and "Branch faster is at try 1" in found["done"]
    assert git(root, "show", "faster:parse.py") == FAST.rstrip("\n") and (root / "parse.py").read_text() == SLOW
    for name, words in (("faster", "there is a branch faster already"), ("", "the branch has no name"), ("-x", "no name of"),
                        ("a..b", "no name of")):  # fmt: skip
        status, found = order(site, f"try/{try_id(1)}/apply", how="branch", branch=name)
        assert status == 409 and words in found["error"], name


@pytest.mark.parametrize(
    ("seq", "words"),
    [(0, "nothing better than the start was kept"), (6, "try 6 has no commit"), (3, "git diff-tree in")],
)
def test_what_cannot_be_applied_says_why(site: Site, root: Path, seq: int, words: str) -> None:
    assert f"Not possible: {words}" in told(site, f"try/{try_id(seq)}/apply")
    status, found = order(site, f"try/{try_id(seq)}/apply", how="files")
    assert status == 409 and words in found["error"]


# -- a prompt that waits ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_work")
def test_a_prompt_is_edited_and_the_edit_is_a_correction(site: Site) -> None:
    change(site, "tries", try_id(7), step="ask")
    assert f'href="/-/procy/try/{try_id(7)}/decide"' in site.text(RUN_PATH)
    assert f">\n{PROMPTS[6]}</textarea>" in site.text(f"/-/procy/try/{try_id(7)}/decide?part=1")
    status, found = order(site, f"try/{try_id(7)}/decide", verdict="edit", prompt="Cache\r\nall names.", note="more")
    assert (status, found["done"]) == (200, "The prompt of try 7: sent as you wrote it; kept as a correction.")
    seen = row(site, "tries", try_id(7))
    assert (seen["verdict"], seen["prompt"], seen["prompt_source"]) == ("edited", "Cache\nall names.", "human")
    connection = open_reader(site.places.db)
    [kept] = connection.execute("SELECT rejected, chosen, note FROM corrections WHERE try_id = ?", (try_id(7),)).fetchall()
    connection.close()
    assert tuple(kept) == (PROMPTS[6], "Cache\nall names.", "more")
    status, found = order(site, f"try/{try_id(7)}/decide", verdict="veto")
    assert status == 404 and "waits no more" in found["error"]


def test_a_prompt_is_sent_or_vetoed_once(site: Site) -> None:
    status, found = order(site, f"try/{try_id(7)}/decide", verdict="send")
    assert status == 404 and "waits no more" in found["error"]
    assert "Not possible: try 7 does not wait for a word." in told(site, f"try/{try_id(7)}/decide")
    change(site, "tries", try_id(7), step="ask")
    assert order(site, f"try/{try_id(7)}/decide", verdict="maybe")[0] == 409
    assert order(site, f"try/{try_id(7)}/decide", verdict="edit", prompt=" ")[1]["error"] == "the prompt is empty"
    assert order(site, f"try/{try_id(7)}/decide", verdict="veto", note="too vague")[0] == 200
    seen = row(site, "tries", try_id(7))
    assert (seen["verdict"], seen["reason"], seen["prompt"]) == ("vetoed", "vetoed: too vague", PROMPTS[6])


# -- what changed -------------------------------------------------------------------------------------------------------


def test_a_try_shows_what_it_changed_since_parent_and_start(site: Site, root: Path) -> None:
    part = site.text(f"/-/procy/try/{try_id(2)}/all?part=1")
    assert f'href="/-/procy/try/{try_id(2)}/diff?since=parent"' in part and "since its parent, try 1" in part
    since_parent = site.text(f"/-/procy/try/{try_id(2)}/diff?since=parent&part=1")
    assert "<html" not in since_parent and '<span class="del">-SIGN = re.compile' in since_parent
    since_start = site.text(f"/-/procy/try/{try_id(2)}/diff?since=start")
    assert "<html" in since_start and "SIGN" not in since_start and "Try 2 since the start" in since_start
    assert "+&lt;b&gt;more&lt;/b&gt;" in since_start and "2 files changed" in since_start


def test_the_answer_of_a_try_is_there_with_its_turn(site: Site) -> None:
    words = read_aloud(site.text(f"/-/procy/try/{try_id(2)}/all?part=1"))
    assert "answer · the turn, with its tools and its screen Allocations went from 3 per line to 0" in words
    change(site, "tries", try_id(3), response="said elsewhere")
    assert "answer said elsewhere" in read_aloud(site.text(f"/-/procy/try/{try_id(3)}/all?part=1"))


def test_a_change_that_is_too_large_is_cut(site: Site, root: Path) -> None:
    (root / "parse.py").write_text("x = 1\n" * 200_000)
    git(root, "commit", "-qam", "large")
    change(site, "tries", try_id(2), commit_sha=git(root, "rev-parse", "HEAD"))
    html = site.text(f"/-/procy/try/{try_id(2)}/diff?since=start&part=1")
    assert "Only the first 400 kB are shown" in html and len(html) < 3_000_000


@pytest.mark.parametrize("what", ["folder", "repository", "commit"])
def test_what_is_gone_is_said_in_words(site: Site, root: Path, what: str) -> None:
    if what == "folder":
        root.rename(root.parent / "elsewhere")
    elif what == "repository":
        (root / ".git").rename(root.parent / "git")
    else:
        change(site, "tries", try_id(2), commit_sha="f" * 40)
    words = {"folder": "is gone. The work tree was removed", "repository": "has no repository any more",
             "commit": "commit ffffffffff is no longer in"}[what]  # fmt: skip
    assert words in read_aloud(site.text(f"/-/procy/try/{try_id(2)}/diff?since=start&part=1"))
    page = read_aloud(site.text(f"{RUN_PATH}/compare?a=1&b=2"))
    assert "They cannot be told" in page and "re.compile" in page
    assert "Not possible" in told(site, f"try/{try_id(2)}/apply")
    assert not (Path(site.places.home) / "shadows").exists(), "looking makes no repository"


def test_git_that_takes_too_long_is_ended(site: Site, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = repo_of_run(site.places, str(root), 0.3)
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    began = time.monotonic()
    for work in (lambda: real.head(), lambda: real.changes_to_read("HEAD", "HEAD", 100)):
        with pytest.raises(GitError, match=r"takes longer than 0\.3 s"):
            work()
    assert time.monotonic() - began < 50, "not the 60 s that it takes"


# -- beside each other --------------------------------------------------------------------------------------------------


def test_two_tries_beside_each_other(site: Site, root: Path) -> None:
    html = site.text(f"{RUN_PATH}/compare?a=1&b=best")
    words = read_aloud(html)
    for part in (
        "Try 2 comes from try 1 .", "p95 lower is better objective 58.9 ms 41.25 ms better by 17.6 −30 % −20.2 … −15",
        "recall higher is better 0.971 0.971 the same", "memory lower is better 211 MB 212 MB worse by 1 +0.474 %",
        "better by 7.2 ms (−10.9 %) −9.5 … −4.9 against the start, in 3 pairs", "more.txt only here",
    ):  # fmt: skip
        assert part in words, part
    assert "<del>" in html and "<ins>" in html and f'href="{RUN_PATH}/diff?a=1&amp;b=2"' in html
    assert "-SIGN = " in site.text(f"{RUN_PATH}/diff?a=1&b=2&part=1")
    assert "They parted at try 2" in read_aloud(site.text(f"{RUN_PATH}/compare?a=3&b=4"))
    assert "Both are the same try." in site.text(f"{RUN_PATH}/compare?a=2&b=best")
    assert site.ask(f"{RUN_PATH}/compare?a=99&b=best").status_code == 404
    assert site.ask(f"{RUN_PATH}/compare?a={EVIL}&b=best").status_code == 404


def test_two_runs_beside_each_other(site: Site) -> None:
    with writing(site.places) as connection:
        other = add_run(connection, [made(0, 66.0, "kept"), made(1, 30.0, "kept")], strategy="greedy", goal=EVIL, id="OTHERRUN")
        connection.execute("UPDATE runs SET best_try_id = ? WHERE id = ?", (try_id(1, other), other))
        add_evaluator(connection, {"objective": "qps", "metrics": [{"name": "qps"}]}, "MORE")
        apart = add_run(connection, [made(0, 1, "kept", metrics=json.dumps({"qps": 5.0}))], evaluator_id="MORE", id="APARTRUN")
    html = site.text(f"/-/procy/compare?a={RUN}&b={other}")
    words = read_aloud(html)
    for part in ("strategy stall greedy", "best 41.25 ms better by 37.8 % try 2 30 ms better by 54.5 % try 1",
                 "tries 2 kept, 2 reverted, 2 failed, 1 under way 1 kept", "tokens 50.2k 0", "cost $0.042 $0.000"):  # fmt: skip
        assert part in words, part
    assert html.count('<svg class="plot"') == 1 and html.count('<circle class="kept"') == 3 and html.count("<rect") == 2
    assert "<script>document" not in html and "not the same one" not in html
    assert site.text(f"/-/procy/compare?a={RUN}&b={apart}").count('<svg class="plot"') == 2
    assert f'<option value="{other}"' in site.text("/-/procy/evolve") and site.ask("/-/procy/compare").status_code == 200
    assert site.ask("/-/procy/compare?a=nothing&b=last").status_code == 404


# -- the lineage and tips -----------------------------------------------------------------------------------------------


def test_the_lineage_is_drawn_with_links(site: Site) -> None:
    html = site.text(RUN_PATH)
    drawing = html.partition('<svg class="tree"')[2].partition("</svg>")[0]
    assert drawing.count('<a class="node') == 8 and drawing.count('class="way"') == 2
    assert f'class="node kept best" data-n="2" data-at="2 0" href="/-/procy/try/{try_id(2)}"><title>try 2, the best<' in drawing
    for kind, count in (("start", 1), ("kept", 2), ("reverted", 2), ("failed", 2), ("open", 1)):
        assert drawing.count(f'<a class="node {kind}') == count, kind


def test_a_tip_has_prompt_and_figures(site: Site) -> None:
    words = read_aloud(site.text(f"{RUN_PATH}/tip?n=2&part=1"))
    assert words.startswith("try 2 kept, the best Keep the approach of try 1.")
    assert "p95 41.25 ms better by 17.6 parent, best" in words and "gain better by 17.6 ms (−29.9 %) −20.2 … −15" in words
    assert site.ask(f"{RUN_PATH}/tip?n=2").headers["location"] == f"{RUN_PATH}#try2"
    assert site.ask(f"{RUN_PATH}/tip?n=99").status_code == 404
