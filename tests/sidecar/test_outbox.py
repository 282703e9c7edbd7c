"""Writes that wait: a mistake in one does not stop the others, and a database that cannot be written keeps them all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from procy.sidecar.outbox import Outbox


@pytest.fixture
def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (n INTEGER UNIQUE)")
    return connection


def insert(number: object) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.execute("INSERT INTO t VALUES (?)", (number,))


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]


@pytest.mark.parametrize("mistake", [insert(1), insert("\ud800"), insert(object()), lambda connection: {}["nothing"]])
def test_one_that_cannot_be_written_is_left_out(database: sqlite3.Connection, mistake: Callable[..., object]) -> None:
    outbox, done = Outbox(), []
    for write in (insert(1), insert(2), mistake, insert(3)):
        outbox.put(write)
    outbox.after(lambda: done.append("done"))
    outbox.send(database)
    assert numbers(database) == [1, 2, 3] and done == ["done"] and outbox.writes == []
    outbox.send(database)
    assert numbers(database) == [1, 2, 3] and done == ["done"]


@pytest.mark.parametrize("mistakes", [0, 1])
@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("database is locked"), sqlite3.DatabaseError("database disk image is malformed")]
)
def test_all_are_kept_while_the_database_cannot_be_written(
    database: sqlite3.Connection, error: sqlite3.DatabaseError, mistakes: int
) -> None:
    outbox, done, locked = Outbox(), [], [True]

    def refuse(connection: sqlite3.Connection) -> None:
        if locked:
            raise error

    for write in (*[insert(object())] * mistakes, insert(1), refuse, insert(2)):
        outbox.put(write)
    outbox.after(lambda: done.append("done"))
    for _ in range(2):
        with pytest.raises(type(error)):
            outbox.send(database)
        assert not done
    locked.clear()
    outbox.send(database)
    assert numbers(database) == [1, 2] and done == ["done"]


def test_each_is_done_once(database: sqlite3.Connection) -> None:
    outbox, ran = Outbox(), []
    outbox.put(lambda connection: ran.append("ran"))
    outbox.send(database)
    assert ran == ["ran"]
