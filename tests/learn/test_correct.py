"""Keeping, replacing, deleting and restoring corrections."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

import pytest

from procy.errors import HandleError, ProcyError
from procy.learn.correct import Words, correct, delete, keep, restore
from procy.store import correction_pages, corrections
from procy.store.corrections import Pair, Prompt, link_try, standing
from procy.store.db import open_writer
from procy.store.write import transaction

NOW = 1_790_000_000_000_000_000
TURN = Prompt("T", None, "do it")
KEY = "sk-ant-" + "a" * 40


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    connection = open_writer(str(tmp_path / "procy.db"))
    connection.row_factory = sqlite3.Row
    return connection


def made(db: sqlite3.Connection, chosen: str, prompt: Prompt = TURN, at: int = 0, **more: str) -> str:
    with transaction(db):
        return correct(db, NOW + at, prompt, Words(chosen, more.get("note", "")), "me", more.get("over"))


def chain(db: sqlite3.Connection, turn: str | None = "T", attempt: str | None = None) -> list[tuple[str, str]]:
    """(corrected prompt, state), oldest first."""
    return [(row["chosen"], row["state"]) for row in correction_pages.of_prompt(db, turn, attempt)[::-1]]


def test_a_later_correction_replaces_an_earlier_one(db: sqlite3.Connection) -> None:
    first, second = made(db, "do it well"), made(db, "do it very well", note="how")
    assert chain(db) == [("do it well", "replaced"), ("do it very well", "standing")]
    assert standing(db, "T", None)["id"] == second and standing(db, "T", None)["rejected"] == "do it"
    assert db.execute("SELECT replaced_by FROM corrections WHERE id = ?", (first,)).fetchone()[0] == second


def test_deleting_the_newest_makes_the_one_before_it_count_again(db: sqlite3.Connection) -> None:
    first, second, third = (made(db, text) for text in ("a", "b", "c"))
    delete(db, NOW, third)
    assert chain(db) == [("a", "replaced"), ("b", "standing"), ("c", "deleted")]
    delete(db, NOW, second)
    delete(db, NOW + 10**9, second)  # twice: nothing more happens
    assert chain(db) == [("a", "standing"), ("b", "deleted"), ("c", "deleted")]
    assert len({row["deleted_at"] for row in correction_pages.of_prompt(db, "T", None)}) == 2
    delete(db, NOW, first)
    assert standing(db, "T", None) is None
    restore(db, second)
    assert chain(db) == [("a", "deleted"), ("b", "standing"), ("c", "deleted")]


def test_one_in_the_middle_leaves_and_comes_back_to_its_place(db: sqlite3.Connection) -> None:
    first, second, third = (made(db, text) for text in ("a", "b", "c"))
    replaced_by = lambda key: db.execute("SELECT replaced_by FROM corrections WHERE id = ?", (key,)).fetchone()[0]  # noqa: E731
    delete(db, NOW, second)
    assert (replaced_by(first), replaced_by(second)) == (third, None)
    restore(db, second)
    assert (replaced_by(first), replaced_by(second), replaced_by(third)) == (second, third, None)


def test_whatever_is_done_at_most_one_counts_and_the_rest_point_onwards(db: sqlite3.Connection) -> None:
    random, keys = Random(5), []
    for number in range(120):
        order = random.choice("kkdr")
        if order == "k" or not keys:
            keys.append(made(db, f"text {number}", at=-number * 10**9))  # a clock that goes backwards
        elif order == "d":
            delete(db, NOW, random.choice(keys))
        else:
            restore(db, random.choice(keys))
        rows = db.execute("SELECT id, replaced_by, deleted_at FROM corrections ORDER BY rowid").fetchall()
        alive = [row["id"] for row in rows if not row["deleted_at"]]
        assert {row["id"]: row["replaced_by"] for row in rows} == {
            **dict.fromkeys(keys), **dict(zip(alive, [*alive[1:], None], strict=False))
        }  # fmt: skip


def test_a_try_is_corrected_before_and_after_it_has_a_turn(db: sqlite3.Connection) -> None:
    with transaction(db):
        keep(db, NOW, Pair(None, "Y", "proposed", "edited", "", "me"))
        keep(db, NOW, Pair(None, "Y", "proposed", "edited again", "", "me"))
    assert chain(db, None, "Y") == [("edited", "replaced"), ("edited again", "standing")]
    made(db, "on the turn", Prompt("T", None, "edited again"))  # before the turn was known to be the try's
    link_try(db, "Y", None)
    assert len(chain(db, None, "Y")) == 2
    link_try(db, "Y", "T")
    assert chain(db) == [("edited", "replaced"), ("edited again", "replaced"), ("on the turn", "standing")]
    made(db, "by the try", Prompt("T", "Y", "edited again"))
    assert [state for _, state in chain(db, "T", "Y")] == ["replaced"] * 3 + ["standing"]


def test_what_stands_is_not_replaced_unseen(db: sqlite3.Connection) -> None:
    first = made(db, "mine", over="")
    with pytest.raises(ProcyError, match="corrected meanwhile by me"):
        made(db, "yours", over="")
    made(db, "yours", over=first)
    delete(db, NOW, standing(db, "T", None)["id"])
    delete(db, NOW, first)
    with pytest.raises(ProcyError, match="meanwhile, or its correction deleted"):
        made(db, "again", over=first)


@pytest.mark.parametrize(
    ("chosen", "note", "says"),
    [("", "", "empty"), (" \n", "", "empty"), ("do it\n", "", "as it was sent"), ("do it\n", "x", "as it was sent")],
)
def test_nothing_changed_is_nothing_kept(db: sqlite3.Connection, chosen: str, note: str, says: str) -> None:
    with pytest.raises(ProcyError, match=says):
        made(db, chosen, note=note)
    made(db, "better", note="why")
    with pytest.raises(ProcyError, match="nothing was changed"):
        made(db, "better ", note=" why")
    with pytest.raises(ProcyError, match=says) as found:
        made(db, chosen, note=note)
    assert "delete" in found.value.remedy or not chosen.strip()
    made(db, "better", note="for another reason")
    assert len(chain(db)) == 2


def test_a_new_note_on_what_was_corrected_before_it_was_sent_keeps_the_pair(db: sqlite3.Connection) -> None:
    keep(db, NOW, Pair("T", "Y", "proposed", "do it", "", "me"))
    made(db, "do it", Prompt("T", "Y", "do it"), note="too vague")
    newest = corrections.of_prompt(db, "T", "Y")[0]
    assert (newest["rejected"], newest["chosen"], newest["note"]) == ("proposed", "do it", "too vague")


def test_secrets_are_masked(db: sqlite3.Connection) -> None:
    made(db, f"use {KEY}", Prompt("T", None, f"use {KEY} please"), note=KEY)
    row = standing(db, "T", None)
    assert KEY not in row["rejected"] + row["chosen"] + row["note"] and "[redacted" in row["note"]


def test_what_is_not_there_is_said(db: sqlite3.Connection) -> None:
    for order in (lambda: delete(db, NOW, "X"), lambda: restore(db, "X")):
        with pytest.raises(HandleError, match="no correction 'X'"):
            order()


def test_words_once_kept_stay_as_they_are(db: sqlite3.Connection) -> None:
    made(db, "better")
    for column in ("rejected", "chosen", "note", "author", "created_at"):
        with pytest.raises(sqlite3.IntegrityError, match="never overwritten"):
            db.execute(f"UPDATE corrections SET {column} = 'x'")


def test_every_change_has_a_revision_of_its_own(db: sqlite3.Connection) -> None:
    seen = [correction_pages.revision(db)]
    first = made(db, "a")
    steps = (lambda: made(db, "b"), lambda: delete(db, NOW, first), lambda: restore(db, first), lambda: link_try(db, "Y", "T"))
    for step in steps[:3]:
        step()
        seen.append(correction_pages.revision(db))
    assert seen == sorted(set(seen))
    changed = correction_pages.changed(db, seen[-2], 10)
    assert [row["id"] for row in changed] == [first]


def test_pairs_of_before_that_all_counted_are_put_in_order(tmp_path: Path) -> None:
    """A try's prompt that was edited twice left two that counted."""
    connection = open_writer(str(tmp_path / "procy.db"))
    for key, turn, attempt in (("A", None, "Y"), ("B", None, "Y"), ("C", "T", None), ("D", "T", None), ("E", None, None)):
        connection.execute(
            "INSERT INTO corrections (id, turn_id, try_id, rejected, chosen, created_at) VALUES (?, ?, ?, '', '', '')",
            (key, turn, attempt),
        )
    from procy.store.db import schema_files

    script = next(text for name, text in schema_files() if name == "0007_corrections")
    connection.executescript(script[script.index("UPDATE corrections") : script.index("CREATE TRIGGER")])
    rows = connection.execute("SELECT id, replaced_by FROM corrections ORDER BY id").fetchall()
    assert rows == [("A", "B"), ("B", None), ("C", "D"), ("D", None), ("E", None)]
