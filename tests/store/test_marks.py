"""Tags, bookmarks, how far a session was read, and saved filters."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from procy.store import db as module
from procy.store import filters, marks, tags, write
from procy.store.db import iso, open_reader, open_writer
from procy.types import Turn

NOW = 1_795_000_000_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "procy.db")


@pytest.fixture
def db(path: str) -> sqlite3.Connection:
    connection = open_writer(path)
    with write.transaction(connection):
        write.put_session(connection, "S", {"agent": "generic", "started_at": iso(NOW)})
        put_turns(connection, 5)
    return connection


def put_turns(connection: sqlite3.Connection, count: int) -> None:
    for number in range(1, count + 1):
        one = Turn(key=f"k{number}", prompt=f"p{number}", response="", status="done", started_ns=NOW + number * 10**9,
                   ended_ns=NOW + number * 10**9)  # fmt: skip
        write.put_turn(connection, "S", one, str, None)


def ids(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT id FROM turns ORDER BY seq")]


def test_a_tag_is_put_on_once_and_taken_off(db: sqlite3.Connection) -> None:
    one, two, *_ = ids(db)
    for target, tag in ((one, "slow"), (one, "good"), (one, "slow"), (two, "slow")):
        tags.add(db, "turn", target, tag, "S", NOW)
    tags.add(db, "session", "S", "mine", "S", NOW)
    assert tags.of(db, "turn", [one, two]) == {one: ["good", "slow"], two: ["slow"]}
    assert tags.known(db) == ["slow", "good", "mine"]
    tags.remove(db, "turn", one, "slow")
    assert tags.of(db, "turn", [one, two]) == {one: ["good"], two: ["slow"]}
    tags.forget_turn(db, two)
    assert tags.known(db) == ["good", "mine"]
    tags.forget_session(db, "S")
    assert tags.known(db) == []


def test_bookmarks_come_in_the_order_of_their_turns(db: sqlite3.Connection, path: str) -> None:
    turns = ids(db)
    for target in (turns[3], turns[1], turns[1]):
        marks.bookmark(db, "turn", target, "S", NOW)
    reader = open_reader(path)
    assert [row["seq"] for row in marks.bookmarks_of(reader, "S")] == [2, 4]
    assert marks.bookmarked(db, "turn", turns) == {turns[1], turns[3]}
    marks.unmark(db, "turn", turns[1])
    assert [row["seq"] for row in marks.bookmarks_of(reader, "S")] == [4]


def test_how_far_one_has_read_only_moves_on(db: sqlite3.Connection, path: str) -> None:
    reader = open_reader(path)
    assert marks.seen_of(reader, "S") is None
    for seq, wanted in ((2, (2, 3, 3)), (4, (4, 5, 1)), (1, (4, 5, 1)), (5, (5, None, 0))):
        marks.seen(db, "S", seq, NOW)
        found = marks.seen_of(reader, "S")
        assert found and (found["seq"], found["first"], found["turns"]) == wanted


def test_they_stay_when_turns_are_derived_again(db: sqlite3.Connection, path: str) -> None:
    before = ids(db)
    tags.add(db, "turn", before[2], "kept", "S", NOW)
    marks.bookmark(db, "turn", before[2], "S", NOW)
    marks.seen(db, "S", 3, NOW)
    with write.transaction(db):
        write.forget_derived(db, "S", ["transcript", "screen"])
        assert not ids(db)
        put_turns(db, 5)
    assert ids(db) == before
    assert tags.of(db, "turn", before[2:3]) == {before[2]: ["kept"]}
    reader = open_reader(path)
    seen = marks.seen_of(reader, "S")
    assert [row["seq"] for row in marks.bookmarks_of(reader, "S")] == [3] and seen and seen["turns"] == 2


def test_a_filter_is_saved_replaced_and_dropped(db: sqlite3.Connection, path: str) -> None:
    filters.save(db, "mine", "tag=mine", NOW)
    filters.save(db, "codex", "agent=codex", NOW + 10**9)
    filters.save(db, "mine", "tag=mine&since=7d", NOW)
    reader = open_reader(path)
    assert [tuple(row) for row in filters.saved(reader)] == [("mine", "tag=mine&since=7d"), ("codex", "agent=codex")]
    filters.drop(db, "mine")
    assert [row["name"] for row in filters.saved(reader)] == ["codex"]


def test_exports_that_were_noted_before_stay_noted(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = module.schema_files()
    with monkeypatch.context() as old:
        old.setattr(module, "schema_files", lambda: [one for one in every if one[0] < "0008"])
        old.setattr(module, "schema_version", lambda: 7)
        connection = open_writer(path)
        connection.execute("INSERT INTO exports VALUES ('1', 'S', NULL, 'md', '/x.md', '2026', 'abc')")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO exports VALUES ('2', 'S', NULL, 'html', NULL, '2026', 'abc')")
        connection.close()
    connection = open_writer(path)
    connection.execute("INSERT INTO exports VALUES ('2', 'S', NULL, 'html', NULL, '2026', 'abc')")
    assert [row[0] for row in connection.execute("SELECT kind FROM exports ORDER BY id")] == ["md", "html"]
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO exports VALUES ('3', 'S', NULL, 'pdf', NULL, '2026', 'abc')")
