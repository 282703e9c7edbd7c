"""How a text became another, word by word."""

from __future__ import annotations

import time
from itertools import pairwise
from random import Random

import pytest

from procy.ui.word_diff import STEPS, Piece, brief, word_diff

WORDS = ["the", "a", "fix", "parser", "test,", "and\n", "", ".", "größe", "日本", "x=1", "\t"]
PLAIN = "Keep the current approach, and reduce the allocations."


def told(old: str, new: str) -> str:
    marks = {"same": "{}", "del": "[-{}]", "ins": "[+{}]"}
    return "".join(marks[kind].format(text) for kind, text in word_diff(old, new))


def check(old: str, new: str) -> list[Piece]:
    pieces = word_diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "ins") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "del") == new
    assert all(piece.text for piece in pieces)
    assert all(one.kind != other.kind for one, other in pairwise(pieces))
    return pieces


@pytest.mark.parametrize(
    ("new", "wanted"),
    [
        (PLAIN, PLAIN),
        ("Keep the new approach, and reduce the allocations.",
         "Keep the [-current][+new] approach, and reduce the allocations."),
        ("Keep the approach of try 1, and reduce all allocations in parse().",
         "Keep the [-current ]approach[+ of try 1], and reduce [-the][+all] allocations[+ in parse()]."),
        ("", f"[-{PLAIN}]"),
        (PLAIN.replace("current", "currently"), PLAIN.replace("current", "[-current][+currently]")),
    ],
)  # fmt: skip
def test_words_that_went_and_came(new: str, wanted: str) -> None:
    assert told(PLAIN, new) == wanted


def test_single_blanks_between_two_changes_are_part_of_the_change() -> None:
    assert told("make it fast", "write two tests") == "[-make it fast][+write two tests]"


def test_both_texts_can_be_made_from_the_pieces() -> None:
    random = Random(3)
    for _ in range(3000):
        old = [random.choice(WORDS) for _ in range(random.randrange(12))]
        new = list(old)
        for _ in range(random.randrange(4)):
            at = random.randrange(len(new) + 1)
            new[at : at + random.randrange(3)] = [random.choice(WORDS)] * random.randrange(3)
        check(" ".join(old), " ".join(new))


def test_long_texts_take_no_time() -> None:
    random = Random(4)
    prompt = " ".join(random.choice(("alpha", "beta", "gamma", "delta")) for _ in range(3500))
    log = ("word " * 40 + "\n") * 1000
    lines = "\n".join(line if number % 7 else f"{line} new" for number, line in enumerate(log.split("\n")))
    began = time.monotonic()
    check(prompt, prompt[::-1])
    check(log, log.replace("word", "wurd", 3))
    check("a" * 200_000, "a" * 100_000 + "b" * 100_000)
    assert len(check(log, lines)) > 200  # by lines, and of those by words
    assert sum(piece.kind == "ins" for piece in check(log, "x" + log + "y")) == 2
    assert time.monotonic() - began < 60, "not minutes, as word by word"


def test_texts_that_differ_too_much_are_compared_by_lines() -> None:
    old = "\n".join(f"old{number} {number}" for number in range(STEPS))
    pieces = check(f"same\n{old}\nlast", f"same\n{old.replace('old', 'new')}\nlast")
    assert [piece.kind for piece in pieces] == ["same", "del", "ins", "same"]


def test_most_of_what_is_the_same_is_left_out() -> None:
    old = "begin " + "word " * 400 + "end"
    pieces = brief(word_diff(old, old.replace("begin", "Begin").replace("end", "End")))
    assert [piece.kind for piece in pieces] == ["del", "ins", "same", "gap", "same", "del", "ins"]
    left_out = next(int(piece.text) for piece in pieces if piece.kind == "gap")
    assert left_out + sum(len(piece.text) for piece in pieces if piece.kind in ("same", "del")) == len(old)
    assert brief(word_diff("a b", "a c")) == word_diff("a b", "a c")
