"""Whole runs with the scripted agent in real panes: what is kept, what is claimed, and what of the user's stays untouched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from procy.evaluate.contract import Metric, Stage
from procy.evaluate.register import register
from procy.git import find_repo
from tests.evolve.conftest import Bench, contract

SAME = """echo "{\\"same\\": 1, \\"lines\\": $(wc -l < wordcount.py)}" """


def test_a_run_keeps_what_is_better_and_touches_nothing(bench: Bench) -> None:
    bench.begin()
    bench.evolve("4", "--goal", "count better", "--yes")
    bench.until_step("wait", 2)
    assert bench.shown().startswith("evolve 1/4")
    run = bench.until("done")
    start, *tries = run["tries"]
    assert start["metrics"]["correct"] == 7.0
    assert [row["seq"] for row in tries] == [1, 2, 3, 4]
    assert {row["decision"] for row in tries} == {"kept", "reverted"}
    best = max(tries, key=lambda row: row["score"])
    assert run["best_try_id"] == best["id"]
    assert run["claim"]["gain"] == run["claim"]["low"] == best["score"] - 7.0
    assert bench.state() == bench.before
    assert not bench.lanes()
    assert "lanes" not in bench.repo.run("worktree", "list")
    assert bench.shown() == ""
    for row in tries:
        assert bench.repo.refs("refs/procy")[f"refs/procy/{run['id'].lower()}/try/{row['seq']}"] == row["commit_sha"]
    check_turns(bench, tries)
    check_conversations(bench, run["tries"])
    check_history(bench, run)
    check_words(bench, run)


def test_what_git_ignores_is_lent_to_lanes(bench: Bench) -> None:
    (bench.lab.work / ".gitignore").write_text("packages/\n")
    (bench.lab.work / "packages").mkdir()
    (bench.lab.work / "packages" / "one.txt").write_text("here\n")
    bench.begin(hold=True)
    refused = bench.evolve("1", "--yes", "--link", "../elsewhere", check=False)
    assert "'../elsewhere' is not below the work tree" in refused.stderr
    bench.evolve("1", "--yes", "--link", "packages", "--link", "wordcount.py", "--link", "nowhere")
    bench.until_step("wait")
    [tree] = [Path(line.split()[0]) for line in bench.repo.run("worktree", "list").splitlines() if "/lanes/" in line]
    assert (tree / "packages" / "one.txt").read_text() == "here\n"
    assert not (tree / "wordcount.py").is_symlink() and not (tree / "nowhere").is_symlink()
    bench.let_go()
    run = bench.until("done")
    assert "packages" not in bench.repo.run("ls-tree", "-r", "--name-only", run["tries"][1]["commit_sha"]).split("\n")
    assert (bench.lab.work / "packages" / "one.txt").exists() and bench.state() == bench.before


def check_history(bench: Bench, run: dict[str, Any]) -> None:
    """What the run measured is told apart from what somebody measures by hand."""
    bench.lab.procy("eval", "run")
    shown = bench.lab.procy("eval", "metrics", "--limit", "100").stdout
    assert f"{run['id'][-6:]} try 1" in shown
    table, _, trends = shown.partition("\n\n")
    assert "try" not in table.splitlines()[-1]
    assert [line.split()[2] for line in trends.splitlines() if line.startswith("correct")] == ["▄"]


def check_turns(bench: Bench, tries: list[dict[str, Any]]) -> None:
    """A try is a turn of a recorded session of its own."""
    for row in tries:
        turn = bench.lab.rows("SELECT * FROM turns WHERE id = ?", row["turn_id"])[0]
        wanted = (row["id"], "procy", row["session_id"], row["prompt"].strip())
        assert (turn["try_id"], turn["origin"], turn["session_id"], turn["prompt"]) == wanted
    assert len({row["session_id"] for row in tries}) == len(tries)


def check_conversations(bench: Bench, tries: list[dict[str, Any]]) -> None:
    """A child remembers its parent's conversation, and no other."""
    by_id = {row["id"]: row for row in tries}
    for row in tries[1:]:
        prompts = said(bench.lab.root / "conversations" / f"{row['conversation']}.jsonl")
        lineage = []
        while row["seq"]:
            lineage.append(row["prompt"].strip())
            row = by_id[row["parent_id"]]
        assert prompts == lineage[::-1]


def check_words(bench: Bench, run: dict[str, Any]) -> None:
    """What ``status`` and ``compare`` say."""
    assert json.loads(bench.evolve("status", "--json").stdout)["tries"] == run["tries"]
    text = bench.evolve("status").stdout
    assert "done: all 4 tries are made" in text
    assert "kept: better than the start" in text
    found = json.loads(bench.evolve("compare", "1", "2", "--json").stdout)
    assert [row["seq"] for row in found["tries"]] == [1, 2]
    assert found["metrics"]["correct"]["one"] == run["tries"][1]["metrics"]["correct"]
    assert found["parted"] in (0, 1)
    assert "wordcount.py" in found["diff"]


def said(path: Path) -> list[str]:
    """The prompts of a conversation."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        line["message"]["content"] for line in lines if line["type"] == "user" and isinstance(line["message"]["content"], str)
    ]


def test_apply_as_a_branch_to_the_files_and_as_a_commit(bench: Bench) -> None:
    bench.begin()
    bench.evolve("1", "--yes")
    run = bench.until("done")
    best = next(row for row in run["tries"] if row["id"] == run["best_try_id"])
    bench.evolve("apply", "1", "--branch", "tried")
    assert bench.repo.resolve("tried") == run["tries"][1]["commit_sha"]
    head = bench.repo.head()
    bench.evolve("apply", "best")
    assert bench.repo.head() == head
    assert bench.repo.run("status", "--porcelain").strip() == "M wordcount.py"
    assert (bench.repo.root / "wordcount.py").read_text().rstrip("\n") == bench.repo.run(
        "show", f"{best['commit_sha']}:wordcount.py"
    )
    again = bench.evolve("apply", "best", check=False)
    assert (again.returncode, "the work tree has try 1 already" in again.stderr) == (1, True)
    (bench.repo.root / "wordcount.py").write_text("another\n")
    other = bench.evolve("apply", "best", check=False)
    assert (other.returncode, "does not fit the work tree" in other.stderr) == (1, True)
    taken = bench.evolve("apply", "best", "--branch", "tried", check=False)
    assert (taken.returncode, "there is a branch tried already. Choose another name" in taken.stderr) == (1, True)
    nothing = bench.evolve("apply", "0", check=False)
    assert (nothing.returncode, "nothing better than the start was kept" in nothing.stderr) == (1, True)
    bench.repo.run("checkout", "--", "wordcount.py")
    bench.evolve("apply", "best", "--commit")
    assert bench.repo.run("status", "--porcelain") == ""
    last = bench.repo.run("log", "-1", "--format=%an %(trailers:key=Procy-Try,valueonly)")
    assert last.split() == ["somebody", best["id"]]


def test_a_target_ends_a_run_early(bench: Bench) -> None:
    bench.begin()
    bench.evolve("9", "--target", "9", "--yes")
    run = bench.until("done")
    assert run["reason"] == "the target is reached"
    assert len(run["tries"]) < 9


def test_of_equal_scores_the_tie_decides(bench: Bench) -> None:
    """Everything scores the same; the longer program is kept."""
    judge = contract(
        objective="same", ties=("lines",), metrics=(Metric(name="same"), Metric(name="lines", direction="maximize")),
        stages=(Stage(name="full", command=("sh", "-c", SAME)),),
    )  # fmt: skip
    register(bench.lab.places, bench.repo, judge, {})
    bench.begin()
    bench.evolve("2", "--yes")
    start, *tries = bench.until("done")["tries"]
    best = start
    for row in tries:
        assert row["score"] == start["score"] == 1.0
        longer = row["metrics"]["lines"] > best["metrics"]["lines"]
        assert row["decision"] == ("kept" if longer else "reverted")
        best = row if longer else best
    assert best["reason"].endswith("and better where that decides")


def test_a_directory_without_git_evolves_too(bench: Bench) -> None:
    shutil.rmtree(bench.lab.work / ".git")
    bench.repo = find_repo(bench.lab.work, Path(bench.lab.places.home) / "shadows")
    register(bench.lab.places, bench.repo, contract(), {"evaluate.py": bench.lab.work / "evaluate.py"})
    before = (bench.lab.work / "wordcount.py").read_text()
    bench.begin()
    bench.evolve("1", "--yes")
    bench.until("done")
    assert (bench.lab.work / "wordcount.py").read_text() == before
    assert not (bench.lab.work / ".git").exists()
    bench.evolve("apply", "best")
    assert (bench.lab.work / "wordcount.py").read_text() != before
