"""The scripted agent as the loop meets it: it works at a task, and goes on with conversations and copies of them."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from procy.demo.hunks import middle
from procy.demo.task import Temper, choose, load_task
from tests.conftest import Lab, wait_until

AGENT = [sys.executable, "-m", "procy.demo.agent"]
TASK = load_task("wordcount")


@pytest.fixture
def stage(lab: Lab) -> Lab:
    lab.environment["PROCY_DEMO_TRANSCRIPTS"] = str(lab.root / "conversations")
    (lab.work / TASK.path).write_text(TASK.program(()))
    lab.start()
    return lab


def start(stage: Lab, *options: str) -> None:
    stage.type(shlex.join([*AGENT, "--task", "wordcount", "--think", "0.1", *options]))
    stage.wait_for("ctrl-d leaves")


def ask(stage: Lab, prompt: str, patch: str) -> None:
    stage.type(prompt)
    stage.wait_for(f"Done: {patch}.")


def files(stage: Lab) -> list[Path]:
    return sorted((stage.root / "conversations").glob("*.jsonl"), key=lambda path: path.stat().st_ctime_ns)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def applied(stage: Lab) -> frozenset[str]:
    return TASK.applied(stage.work)


def test_it_does_what_the_prompt_asks_for_and_sees_what_is_there(stage: Lab) -> None:
    start(stage)
    ask(stage, "Fold upper and lower case as people do", "folding")
    assert applied(stage) == {"folding"}
    (stage.work / TASK.path).write_text(TASK.program(["composed letters"]))  # as a checkout beneath it does
    ask(stage, "go on", "apostrophes")
    assert applied(stage) == {"composed letters", "apostrophes"}


def test_a_copy_of_a_conversation_leaves_the_first_as_it_is(stage: Lab) -> None:
    start(stage)
    ask(stage, "Fold upper and lower case as people do", "folding")
    stage.press("C-d")
    stage.wait_for("bye")
    [first] = files(stage)
    before = lines(first)
    stage.type("clear")
    start(stage, "--resume", first.stem, "--fork-session")
    stage.wait_for("❯ Fold upper")
    ask(stage, "what about unicode?", "composed letters")
    _, copy = files(stage)
    assert lines(first) == before
    assert [line["uuid"] for line in lines(copy)][: len(before)] == [line["uuid"] for line in before]
    assert {line["sessionId"] for line in lines(copy)} == {copy.stem} != {first.stem}


def test_a_recorded_copy_is_a_child_whose_turns_are_its_own(stage: Lab) -> None:
    command = ["procy", "record", "--", *AGENT, "--task", "wordcount", "--think", "0.1"]
    stage.type(shlex.join(command))
    stage.wait_for("ctrl-d leaves")
    ask(stage, "apostrophes", "apostrophes")
    stage.until_turns(1)
    [conversation] = files(stage)
    window = stage.tmux("new-window", "-P", "-F", "#{pane_id}", "-c", str(stage.work), "bash --norc --noprofile").strip()
    parent, stage.pane = stage.pane, window
    stage.type(shlex.join([*command, "--resume", conversation.stem, "--fork-session"]))
    stage.wait_for("ctrl-d leaves")
    ask(stage, "unicode", "composed letters")
    turns = stage.until_turns(2)
    assert [turn["prompt"] for turn in turns] == ["apostrophes", "unicode"]
    sessions = {row["id"]: row["parent_id"] for row in stage.rows("SELECT id, parent_id FROM sessions")}
    assert sessions[turns[1]["session_id"]] == turns[0]["session_id"], "a fork of it"
    stage.pane = parent
    ask(stage, "casefold", "folding")
    first, second = (turn["session_id"] for turn in turns)
    assert [turn["session_id"] for turn in stage.until_turns(3)] == [first, second, first], "each pane has its own"


def test_what_it_cannot_go_on_with_is_said(stage: Lab) -> None:
    stage.type(shlex.join([*AGENT, "--resume", "nothing"]))
    wait_until(lambda: "no conversation nothing" in stage.screen(), what=stage.screen())


def test_its_mood_is_of_the_seed() -> None:
    prompts = [f"try {number}" for number in range(200)]
    temper = Temper("1", obey=0.7, breaks=0.1)
    picked = [choose(TASK, temper, f"casefold, {prompt}", ()) for prompt in prompts]
    assert picked == [choose(TASK, temper, f"casefold, {prompt}", ()) for prompt in prompts]
    broken = sum(one is not None and one.kind == "break" for one in picked)
    obeyed = sum(one is not None and one.name == "folding" for one in picked)
    assert 8 < broken < 36 and 120 < obeyed < 190
    assert choose(TASK, Temper("1"), "anything", [one.name for one in TASK.patches]) is None


@given(st.lists(st.sampled_from("abc\n"), max_size=12), st.lists(st.sampled_from("abc\n"), max_size=12))
@example([], ["a"])
@example(["a\n", "a\n", "a\n"], ["a\n", "a\n", "b\n"])
@example(["a", "\n", "a", "\n"], ["a", "\n", "b", "\n", "a", "\n"])
def test_an_edit_of_the_lines_that_differ_gives_the_file_that_is_wanted(before: list[str], after: list[str]) -> None:
    old, new = middle("".join(before), "".join(after))
    assert "".join(before).replace(old, new, 1) == "".join(after)


def test_what_is_told_of_earlier_tries_asks_for_nothing() -> None:
    told = "Tried and not kept; do not repeat it:\n- try 2, reverted: Prompt: casefold upper and lower, as strasse"
    chosen = choose(TASK, Temper("1"), f"Make it better.\n\n{told}\n\nThe evaluator says:\n  text: café", ())
    assert chosen is not None and chosen.name == "composed letters"
    chosen = choose(TASK, Temper("1"), "Look at upper case.\n\nThe evaluator says:\n  text: café, don't", ())
    assert chosen is not None and chosen.name == "folding", "what to do counts more than what is told"
