"""The other ways to run: asking first, in the user's own pane, without a screen, in several lanes; and replayed corrections."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import wait_until
from tests.evolve.conftest import Bench


def waiting(bench: Bench, seq: int) -> dict[str, object]:
    bench.until_step("ask", seq)
    return bench.lab.rows("SELECT * FROM tries WHERE seq = ?", seq)[0]


def test_a_prompt_is_sent_edited_or_vetoed(bench: Bench) -> None:
    bench.begin()
    bench.evolve("2", "--ask", "--yes")
    waiting(bench, 1)
    wait_until(lambda: bench.shown() == "evolve 0/2 ?", what="the status line")
    bench.evolve("decide", "--veto", "--note", "too vague")
    rejected = str(waiting(bench, 2)["prompt"])
    bench.evolve("decide", "--to", "Let words keep their apostrophes", "--note", "say what to do")
    waiting(bench, 3)
    assert "try 3 waits for your word (procy evolve decide)" in bench.lab.procy("status").stdout
    refused = bench.evolve("decide", "2", "--send", check=False)
    assert (refused.returncode, "try 2 does not wait for a word" in refused.stderr) == (1, True)
    bench.evolve("decide", "3", "--send")
    tries = bench.until("done")["tries"]
    assert [(row["verdict"], row["prompt_source"]) for row in tries[1:]] == [
        ("vetoed", "template"), ("edited", "human"), ("approved", "template"),
    ]  # fmt: skip
    assert (tries[1]["status"], tries[1]["decision"], tries[1]["reason"]) == ("vetoed", "failed", "vetoed: too vague")
    assert tries[1]["turn_id"] is None, "it was never sent"
    assert bench.lab.rows("SELECT prompt FROM turns WHERE id = ?", tries[2]["turn_id"])[0]["prompt"] == tries[2]["prompt"]
    [correction] = bench.lab.rows("SELECT * FROM corrections")
    assert (correction["try_id"], correction["turn_id"]) == (tries[2]["id"], tries[2]["turn_id"])
    assert (correction["rejected"], correction["note"]) == (rejected, "say what to do")
    history = bench.lab.procy("history").stdout
    assert f"{rejected.split(chr(10))[0][:60]}" in history, "and not what it became twice"
    assert f"{correction['id'][-6:]}   → Let words keep their apostrophes  (say what to do)" in history
    assert "Let words keep their apostrophes" in bench.evolve("status").stdout
    assert bench.evolve("decide", "--send", check=False).returncode == 1, "nothing waits any more"


def test_the_popup_shows_the_prompt_and_takes_a_key(bench: Bench) -> None:
    bench.begin()
    bench.evolve("1", "--ask", "--yes")
    prompt = str(waiting(bench, 1)["prompt"])
    window = bench.lab.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", f"{sys.executable} -m procy answer; sleep 60").strip()

    def screen() -> str:
        return bench.lab.tmux("capture-pane", "-p", "-J", "-t", window)

    wait_until(lambda: "enter send" in screen(), what="the popup")
    assert prompt.split("\n")[0][:60] in screen()
    assert "more lines" in screen()
    bench.lab.tmux("send-keys", "-t", window, "p")
    wait_until(lambda: "more lines" not in screen() and prompt[:40] in screen(), what="the pager")
    bench.lab.tmux("send-keys", "-t", window, "q")
    wait_until(lambda: "enter send" in screen(), what="the popup again")
    bench.lab.tmux("send-keys", "-t", window, "Enter")
    assert bench.until("done")["tries"][1]["verdict"] == "approved"


def test_here_works_in_the_pane_and_everything_can_be_had_back(bench: Bench) -> None:
    bench.begin()
    (bench.lab.work / "notes.txt").write_text("mine\n")
    (bench.lab.work / "staged.txt").write_text("staged\n")
    subprocess.run(["git", "add", "staged.txt"], cwd=bench.lab.work, check=True)
    before = bench.state()
    first = (bench.lab.work / "wordcount.py").read_text()
    bench.evolve("3", "--here", "--yes")
    run = bench.until("done")
    assert len({row["session_id"] for row in run["tries"][1:]}) == 1, "all in the one pane"
    best = next(row for row in run["tries"] if row["id"] == run["best_try_id"])
    assert best["seq"] > 0
    assert (bench.lab.work / "wordcount.py").read_text().rstrip("\n") == bench.repo.run(
        "show", f"{best['commit_sha']}:wordcount.py"
    )
    assert bench.repo.head() == bench.before.splitlines()[-1], "HEAD did not move"
    bench.evolve("reset", "--restore")
    assert (bench.lab.work / "wordcount.py").read_text() == first
    assert bench.state() == before
    assert (bench.lab.work / "notes.txt").read_text() == "mine\n"


def test_without_a_screen(bench: Bench) -> None:
    agent = [sys.executable, "-m", "procy.demo.agent", "--task", "wordcount", "--think", "0.05"]
    before = bench.state()
    done = bench.evolve("2", "--headless", "--yes", "--goal", "count better", "--", *agent)
    assert "done: all 2 tries are made" in done.stdout
    assert "evolve 2/2" in done.stderr
    run = bench.run()
    assert run["mode"] == "headless"
    assert {row["decision"] for row in run["tries"][1:]} <= {"kept", "reverted"}
    assert all(row["turn_id"] for row in run["tries"][1:])
    assert bench.state() == before
    socket = run["options"]["socket"]
    bench.evolve("resume", "--tries", "3")
    assert len(bench.until("done")["tries"]) == 4
    alive = ["tmux", "-S", socket, "list-sessions"]
    wait_until(lambda: subprocess.run(alive, capture_output=True, check=False).returncode != 0, what="the end of its server")
    sockets = list((bench.lab.root / "home" / "headless").iterdir())
    assert not [one for one in sockets if subprocess.run(["tmux", "-S", one, "ls"], capture_output=True).returncode == 0]


def test_four_lanes_at_once(bench: Bench) -> None:
    bench.begin("--think", "1")
    bench.evolve("8", "--lanes", "4", "--yes")
    wait_until(lambda: len(bench.lanes()) == 4, 60, "four panes")
    run = bench.until("done", 180)
    rows = run["tries"][1:]
    assert [row["seq"] for row in rows] == list(range(1, 9))
    assert {row["lane"] for row in rows} == {1, 2, 3, 4}
    assert all(row["step"] == "done" and row["turn_id"] for row in rows)
    assert len({row["turn_id"] for row in rows}) == 8
    assert not bench.lanes()
    assert bench.state() == bench.before


def test_a_corrections_worth_is_measured(bench: Bench) -> None:
    bench.begin()
    bench.evolve("1", "--yes")
    first = bench.until("done")["tries"][1]
    bench.lab.procy("correct", first["turn_id"], "--to", "Let words keep their apostrophes", inside=True)
    done = bench.lab.procy("replay", "--wait", "--yes", inside=True)
    assert done.stdout.startswith("replay ") and "· done" in done.stdout
    [row] = bench.lab.rows("SELECT * FROM corrections")
    outcome = json.loads(str(row["outcome"]))
    tries = {one["id"]: one for one in bench.lab.rows("SELECT * FROM tries WHERE run_id = ?", row["replay_id"])}
    rejected, chosen = tries[row["rejected_try_id"]], tries[row["chosen_try_id"]]
    assert (rejected["prompt"], chosen["prompt"]) == (row["rejected"], row["chosen"])
    assert rejected["parent_id"] == chosen["parent_id"]
    assert outcome["gain"] == chosen["score"] - rejected["score"]
    assert outcome["preferred"] == ("chosen" if outcome["gain"] > 0 else "rejected" if outcome["gain"] < 0 else None)
    words = {"chosen": "the corrected prompt (2) is better", "rejected": "the prompt that was sent (1) is better"}
    last = bench.evolve("status", str(row["replay_id"])[-6:]).stdout.splitlines()[-1]
    assert last.startswith(words.get(outcome["preferred"], "which of the two prompts is better cannot be told"))
    assert "best: " not in bench.evolve("status", str(row["replay_id"])).stdout, "there is nothing to apply"
    [pair] = bench.lab.rows("SELECT * FROM preferences WHERE source = 'replay'")
    assert (pair["chosen"], pair["gain"]) == (row["chosen"], outcome["gain"])
    assert bench.state() == bench.before


def test_siblings_make_pairs(bench: Bench) -> None:
    bench.begin()
    bench.evolve("5", "--strategy", "greedy", "--yes")
    tries = {row["id"]: row for row in bench.until("done")["tries"]}
    pairs = bench.lab.rows("SELECT * FROM preferences WHERE source = 'siblings'")
    wanted = [
        (one["id"], other["id"])
        for one in tries.values()
        for other in tries.values()
        if one["seq"] and one["parent_id"] == other["parent_id"] and one["decision"] == "kept" and other["decision"] == "reverted"
    ]
    assert sorted((pair["chosen_try_id"], pair["rejected_try_id"]) for pair in pairs) == sorted(wanted)
    assert all(pair["gain"] > 0 for pair in pairs)
