"""The file gets smaller while others write, and an older database learns how."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from procy.errors import StoreError
from procy.store import compact
from procy.store.db import open_writer

ROWS, ROW_BYTES = 6_000, 4_000
FILL = (
    "WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < ?) INSERT INTO heavy SELECT zeroblob(?) FROM n"
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "procy.db")


@pytest.fixture
def connection(path: str) -> Iterator[sqlite3.Connection]:
    with closing(open_writer(path, busy_s=0.2)) as connection:
        yield connection


def fill_and_free(connection: sqlite3.Connection, path: str) -> None:
    connection.execute("CREATE TABLE heavy (bytes BLOB)")
    connection.execute(FILL, (ROWS, ROW_BYTES))
    connection.execute("DROP TABLE heavy")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert os.path.getsize(path) > ROWS * ROW_BYTES


def test_others_write_between_its_steps(connection: sqlite3.Connection, path: str) -> None:
    fill_and_free(connection, path)
    written = []
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:

        def at_each_statement(sql: str) -> None:
            if "incremental_vacuum" in sql:
                other.execute(
                    "INSERT INTO tags (what, target_id, tag, created_at) VALUES ('turn', ?, 't', 'now')", (len(written),)
                )
                written.append(sql)

        connection.set_trace_callback(at_each_statement)
        compact.give_back(connection, path)
        connection.set_trace_callback(None)
        assert len(written) >= 3 and other.execute("SELECT count(*) FROM tags").fetchone()[0] == len(written)
    assert os.path.getsize(path) < ROWS * ROW_BYTES / 10
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_database_from_before_is_written_anew_once(connection: sqlite3.Connection, path: str) -> None:
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("VACUUM")
    fill_and_free(connection, path)
    compact.give_back(connection, path)
    assert os.path.getsize(path) < ROWS * ROW_BYTES / 10
    assert connection.execute("PRAGMA auto_vacuum").fetchone()[0] == compact.INCREMENTAL


@pytest.mark.parametrize("how", [compact.compact, compact.give_back])
def test_one_that_is_in_use_is_said(connection: sqlite3.Connection, path: str, how) -> None:  # type: ignore[no-untyped-def]
    fill_and_free(connection, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="in use and keeps its size"):
            how(connection, path)
        other.execute("ROLLBACK")
    how(connection, path)
    assert os.path.getsize(path) < ROWS * ROW_BYTES / 10
