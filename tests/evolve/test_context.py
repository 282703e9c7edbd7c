"""What proposers are told: true figures, whole words, and never more than there is room for."""

from __future__ import annotations

import string
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procy.evolve.context import Context, context_of
from procy.evolve.feedback import blocks
from procy.evolve.words import change, cleaned, number, shorten
from procy.tries import Brief, CorrectionView, MetricView, Outcome
from tests.evolve.briefs import BROKEN, CORRECTION, CRASHED, FEEDBACK, GOAL, KEPT, START, brief, first_brief

PLENTY = 100_000


def told(context: Context) -> list[str]:
    parts = ("metrics", "standing", "lineage", "kept", "failed", "feedback", "corrections", "inspirations")
    return [context.goal, context.evaluator, *(text for part in parts for text in getattr(context, part))]


# -- figures ----------------------------------------------------------------------------------------------------------


def test_standing_compares_with_start_and_best() -> None:
    later = replace(KEPT, id="e", seq=5, parent_id="b", score=140.0, metrics={"qps": 140.0, "recall": 0.96, "memory": 512.1})
    context = context_of(brief(parent=later), PLENTY)
    assert context.standing == (
        "qps: 100 1/s at the start, 150 1/s at best (+50 %, better than the start), 140 1/s here (+40 %, better than the start)"
        " (-6.67 %, worse than the best)",
        "recall: 0.97 at the start, 0.96 at best (-1.03 %, worse than the start), 0.96 here (-1.03 %, worse than the start)"
        " (same as the best)",
        "memory: 512 MB at the start, 700 MB at best (+36.7 %, worse than the start), 512.1 MB here (same as the start)"
        " (-26.8 %, better than the best)",
    )
    assert not context.is_best and context.parent == "try 5"


def test_at_the_start_there_is_one_figure_each() -> None:
    context = context_of(first_brief(), PLENTY)
    assert context.standing[0] == "qps: 100 1/s at the start"
    assert context.is_start and context.lineage == context.kept == context.failed == ()


def test_tries_say_what_came_of_them_against_their_parent() -> None:
    context = context_of(brief(), PLENTY)
    assert context.lineage == (
        "try 1, kept, from the start: qps 150 1/s (+50 %, better), recall 0.96 (-1.03 %, worse), memory 700 MB (+36.7 %, worse)."
        " Gain of score 50 (between 40 and 60). Changed search.py. Prompt: Use an inverted index with bitmaps.",
    )
    broken, crashed = context.failed
    assert "recall 0.91 (-5.21 %, worse), too low: at least 0.95 is demanded" in broken
    assert crashed == (
        "try 2, crash, from try 1: not measured. IndexError: index 12 is out of bounds. Prompt: Rewrite the scorer in numpy."
    )
    assert context.metrics == (
        "qps in 1/s: larger is better, the objective",
        "recall: larger is better, must be at least 0.95",
        "memory in MB: smaller is better",
    )


def test_without_metrics_the_score_stands_for_them() -> None:
    context = context_of(brief(metrics=()), PLENTY)
    assert context.objective == "score (larger is better)"
    assert context.standing == ("score: 100 at the start, 150 here (+50 %, better than the start)",)


def test_inspirations_are_told_once() -> None:
    context = context_of(brief(inspirations=(BROKEN, KEPT)), PLENTY)
    assert [text[:5] for text in context.inspirations] == ["try 3"]
    assert [text[:5] for text in context.failed] == ["try 2"] and len(context.lineage) == 1


def test_what_is_not_known_is_said_so() -> None:
    start = replace(START, score=None, metrics={"qps": None, "recall": float("nan"), "memory": float("inf")})
    context = context_of(brief(start=start), PLENTY)
    assert [text.partition(" (")[0] for text in context.standing] == [
        "qps: unknown at the start, 150 1/s here",
        "recall: unknown at the start, 0.96 here",
        "memory: unknown at the start, 700 MB here",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.951234, "0.9512"),
        (100.0, "100"),
        (-0.0, "0"),
        (12345.678, "12,346"),
        (1_000_000, "1,000,000"),
        (1e20, "1e+20"),
        (0.0000123456, "1.235e-05"),
        (None, "unknown"),
        (True, "unknown"),
        (float("nan"), "unknown"),
    ],
)
def test_numbers_have_four_digits(value: object, text: str) -> None:
    assert number(value) == text
    assert number(value, "ms") == (f"{text} ms" if text != "unknown" else text)


def test_changes_know_which_way_is_better() -> None:
    less = MetricView(name="time", direction="minimize")
    more = MetricView(name="qps", direction="maximize")
    assert change(less, 50.0, 100.0) == "-50 %, better" and change(more, 50.0, 100.0) == "-50 %, worse"
    assert change(more, 0.2, 0.0) == "+0.2, better"
    assert change(more, 100.0, 100.0) == change(more, 0.0, 0.0) == "same"
    assert change(more, -90.0, -100.0) == "+10 %, better"
    assert change(more, None, 1.0) == change(more, 1.0, float("nan")) == ""


# -- the evaluator's feedback -----------------------------------------------------------------------------------------


def test_the_performance_interface_reads_as_text() -> None:
    assert blocks(FEEDBACK) == [
        "bottleneck: score() in search.py",
        "critical path: tokenise → lookup → score → sort",
        "deltas: qps +0.5, recall -0.01",
        "profile:\n  - function: score, share: 0.61\n  - function: sort, share: 0.2",
        "hidden queries are 20 % longer",
    ]


def test_feedback_of_any_nesting_is_readable() -> None:
    value = {"stages": {"parse": {"ms": 12.3456789, "calls": {"inner": [1, 2, {"deep": None, "ok": True}]}}}, "log": "a\nb"}
    assert blocks([value]) == [
        "stages:\n  parse:\n    ms: 12.35\n    calls:\n      inner:\n        - 1\n        - 2\n        - deep: none, ok: yes",
        "log:\n  a\n  b",
    ]
    assert blocks([[], {}, "", None]) == ["none", "none"]


def test_feedback_has_an_end() -> None:
    deep: object = "bottom"
    for _ in range(900):
        deep = {"a": [deep]}
    assert blocks([deep])[0].endswith("…") and len(blocks([deep])[0]) < 500
    assert blocks([list(range(1000))])[0].splitlines()[-1] == "- and 980 more"
    wide = blocks([{"all": {f"k{place}": place for place in range(100)}}])[0]
    assert wide.splitlines()[-1] == "  and 80 more"


SCALARS = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_no_feedback_is_too_odd(value: object) -> None:
    for block in blocks([value]):
        block.encode()  # no half pairs
        assert not {one for one in block if unicodedata.category(one) == "Cc"} - {"\n", "\t"}


def test_feedback_of_the_parent_comes_first_then_that_of_the_last_failure() -> None:
    context = context_of(brief(outcomes=(KEPT, CRASHED, replace(BROKEN, feedback=()))), PLENTY)
    assert context.feedback[0].startswith("bottleneck") and context.feedback[-1] == "try 2, failed: crashed at query 7"


# -- corrections ------------------------------------------------------------------------------------------------------


def test_similar_corrections_come_first_and_worse_ones_last() -> None:
    far = CorrectionView(rejected="Translate the manual.", chosen="Translate the manual into plain French.")
    worse = CorrectionView(rejected=GOAL, chosen="Do nothing.", gain=-3.0)
    context = context_of(brief(corrections=(worse, far, CORRECTION)), PLENTY)
    assert [text.partition("\n")[0] for text in context.corrections] == [
        "Instead of: Make the index faster.",
        "Instead of: Translate the manual.",
        f"Instead of: {GOAL}",
    ]
    assert context.corrections[0].endswith("because: memory counts\n  measured: +12 of score")
    assert context.corrections[2].endswith("measured: -3 of score")


# -- texts ------------------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(), max_size=400), st.integers(0, 420))
@settings(max_examples=300)
def test_shortening_never_cuts_a_word(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    if short != text:
        assert short == "" or short.endswith("…")
        kept = short.removesuffix("…").removesuffix(" ")
        assert text.startswith(kept)
        rest = text[len(kept) :]
        assert not kept or rest[0].isspace() or not (kept[-1].isascii() and rest[0].isascii()), "the cut is between words"


def test_texts_without_spaces_are_shortened_too() -> None:
    assert shorten("搜索速度应当尽可能快而不降低召回率", 8) == "搜索速度应当 …"
    assert shorten("x" * 50 + " b", 20) == "…"


def test_controls_escapes_and_secrets_are_taken_out() -> None:
    text = "a\x1b[31mred\x1b[0m\x00b\r\nc\ud83d\ude00d\ud800e\u202ef \x1b]0;title\x07g"
    assert cleaned(text) == "aredb\nc😀d\ufffdef g"
    assert "ghp_" not in cleaned("the token ghp_" + "a1" * 18)
    assert len(cleaned("word " * 1_000_000)) <= 100_000


# -- the budget -------------------------------------------------------------------------------------------------------

WORDS = st.lists(st.text(string.ascii_letters + string.digits, min_size=1, max_size=12), max_size=60).map(" ".join)
NUMBERS = st.none() | st.floats(allow_nan=True) | st.integers(-(10**6), 10**6)


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[Outcome, ...]:
    count = draw(st.integers(0, 12))
    found = []
    for seq in range(1, count + 1):
        decision = draw(st.sampled_from(["kept", "reverted", "failed"]))
        found.append(
            Outcome(
                id=str(seq), seq=seq, parent_id=draw(st.sampled_from(["a", *(str(one) for one in range(1, seq))])), status="ok",
                decision=decision, score=draw(st.none() | st.floats(-9, 9)), metrics={"qps": draw(NUMBERS)}, prompt=draw(WORDS),
                reason=draw(WORDS), feedback=tuple(draw(st.lists(WORDS, max_size=2))),
            )
        )  # fmt: skip
    return tuple(found)


CORRECTIONS = st.lists(st.builds(CorrectionView, rejected=WORDS, chosen=WORDS, note=WORDS), max_size=4)


@st.composite
def briefs(draw: st.DrawFn) -> Brief:
    tries = draw(outcomes())
    parent = draw(st.sampled_from([START, *tries]))
    return brief(goal=draw(WORDS), outcomes=tries, parent=parent, best=START, corrections=tuple(draw(CORRECTIONS)))


@given(briefs(), st.integers(0, 6000))
@settings(max_examples=100, deadline=None)
def test_a_context_fits_and_has_whole_words_only(one: Brief, room: int) -> None:
    context = context_of(one, room)
    assert context.characters <= room
    whole = {word for text in told(context_of(one, 10**7)) for word in text.split()}
    assert {word for text in told(context) for word in text.split()} <= whole | {"…"}
    assert all(told(context)[2:]), "no text is empty"


def test_the_oldest_failed_tries_go_first() -> None:
    old = tuple(replace(BROKEN, id=f"o{seq}", seq=seq, prompt=f"Old idea {seq} of many.") for seq in range(10, 40))
    one = brief(outcomes=(KEPT, *old))
    all_of_it = context_of(one, PLENTY)
    less = context_of(one, all_of_it.characters - 500)
    assert less.failed == all_of_it.failed[: len(less.failed)] and 2 < len(less.failed) < 30
    assert replace(less, failed=()) == replace(all_of_it, failed=()), "everything else is as it was"


def test_a_goal_is_shortened_last_of_all() -> None:
    context = context_of(brief(goal="goal " * 100), 900)
    assert context.goal == ("goal " * 100).strip()
    assert context.characters <= 900
    assert context_of(brief(goal="goal " * 1000), 900).goal.endswith("goal …")


def test_one_huge_text_leaves_room_for_the_others() -> None:
    huge = replace(CRASHED, prompt="word " * 100_000, reason="because " * 100_000, feedback=("x y " * 100_000,))
    context = context_of(brief(outcomes=(KEPT, huge, BROKEN)), 6000)
    assert context.characters <= 6000 and len(context.failed) == 2 and len(context.standing) == 3
    assert context.failed[1].endswith("word …")
