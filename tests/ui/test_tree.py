"""The lineage of a run: the way to the best in one row, nothing over anything else, and no try forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import pairwise

import pytest

from procy.ui.tree import BEFORE, BEHIND, LEAVES, ROOM, Tree, tree_of
from procy.ui.word_diff import two_sides

Given = Sequence[tuple[int | None, str | None]]


def rows_of(tries: Given) -> list[sqlite3.Row]:
    """(parent, decision) of each; a decision of None: under way."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.execute("CREATE TABLE tries (id, seq, parent_id, step, decision)")
    for seq, (parent, decision) in enumerate(tries):
        step = "done" if decision else "wait"
        connection.execute(
            "INSERT INTO tries VALUES (?, ?, ?, ?, ?)", (f"T{seq}", seq, None if parent is None else f"T{parent}", step, decision)
        )
    return connection.execute("SELECT * FROM tries ORDER BY seq").fetchall()


def tree(tries: Given, best: int | None = None, whole: bool = False) -> Tree:
    found = tree_of(rows_of(tries), None if best is None else f"T{best}", whole)
    assert found
    return found


def check(found: Tree, count: int) -> None:
    """Every try is a node or counted in one; nodes and the ways down to them do not touch."""
    assert sum(node.folded or 1 for node in found.nodes) == count
    assert sum(node.folded for node in found.nodes) == found.left_out
    assert len({(node.column, node.row) for node in found.nodes}) == len(found.nodes)
    downs: dict[int, list[tuple[int, int]]] = {}
    for node in found.nodes:
        if below := [child.row for child in node.children if child.row != node.row]:
            downs.setdefault(node.column, []).append((node.row, max(below)))
        assert all(child.column == node.column + 1 and child.row >= node.row for child in node.children)
        assert 0 < node.x < found.width and 0 < node.y < found.height
    for ways in downs.values():
        assert all(one[1] < other[0] for one, other in pairwise(sorted(ways)))


def test_the_way_to_the_best_is_the_first_row() -> None:
    tries = [(None, "kept"), (0, "reverted"), (0, "kept"), (2, "failed"), (2, "kept"), (0, "kept"), (5, None)]
    found = tree(tries, best=4)
    check(found, len(tries))
    assert [node.seq for node in found.nodes if node.row == 0] == [0, 2, 4]
    assert [node.seq for node in found.nodes if node.on_way] == [0, 2, 4]
    kinds = {node.seq: node.kind for node in found.nodes}
    assert kinds == {0: "start", 1: "reverted", 2: "kept", 3: "failed", 4: "kept", 5: "kept", 6: "open"}
    assert [node.seq for node in found.nodes if node.is_best] == [4]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("name", "parent"),
    [("a long way", lambda seq: (seq - 1) // 3 * 3), ("all from the start", lambda _: 0), ("bushy", lambda seq: seq // 2),
     ("one chain", lambda seq: seq - 1)],
)  # fmt: skip
def test_a_thousand_tries_are_few_nodes(name: str, parent, whole: bool) -> None:  # type: ignore[no-untyped-def]
    tries = [(None, "kept"), *((parent(seq), "kept" if seq % 3 == 0 else "reverted") for seq in range(1, 1000))]
    found = tree(tries, best=999, whole=whole)
    check(found, 1000)
    assert (found.left_out == 0) == whole
    if not whole:
        assert len(found.nodes) <= 2 * ROOM
        shown = {node.seq for node in found.nodes if not node.folded}
        assert {0, 999} <= shown and (name == "all from the start" or tries[999][0] in shown)


def test_of_a_long_way_the_middle_is_one_node() -> None:
    tries = [(None, "kept"), *((seq - 1, "kept") for seq in range(1, 100))]
    found = tree(tries, best=99)
    check(found, 100)
    assert [node.folded or 1 for node in found.nodes] == [1] * BEFORE + [100 - BEFORE - BEHIND] + [1] * BEHIND


def test_many_in_vain_from_one_try_are_one_node() -> None:
    tries = [(None, "kept"), *((0, "reverted") for _ in range(20)), (0, "kept")]
    found = tree(tries, best=21)
    check(found, 22)
    assert sorted(node.seq for node in found.nodes if node.kind == "reverted") == list(range(21 - LEAVES, 21))
    assert [node.folded for node in found.nodes if node.folded] == [20 - LEAVES]


def test_without_a_best_or_with_a_parent_that_is_gone_it_is_drawn() -> None:
    assert tree_of(rows_of([(None, "kept")]), None) is None
    check(tree([(None, "kept"), (77, "failed"), (2, "failed")]), 3)


def test_words_that_differ_are_marked() -> None:
    one, other = "Cache the names.\nMeasure it.", "Cache all the names.\n Measure it twice."
    left, right = two_sides(one, other)
    assert "".join(words for _, words in left) == one and "".join(words for _, words in right) == other
    assert [words for differs, words in right if differs] == ["all ", " ", " twice"]
    assert two_sides("same", "same") == ([(False, "same")], [(False, "same")])
    assert two_sides("", "new") == ([], [(True, "new")])
    long = two_sides("a b\n" * 900, "a b\n" * 899 + "c\n")
    assert [words for differs, words in long[1] if differs] == ["c"]
