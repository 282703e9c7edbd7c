"""A damaged database: every row that no bad page holds comes over, with indexes and sums that fit."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from procy.parse.redact import mask
from procy.store import write
from procy.store.db import open_reader, open_writer
from procy.store.salvage import salvage
from tests.store.test_store import NOW, turn

PAGE = 4096
TURNS = 400


@pytest.fixture
def full(tmp_path: Path) -> Path:
    path = tmp_path / "procy.db"
    with closing(open_writer(str(path))) as connection, write.transaction(connection):
        write.put_session(connection, "S" * 26, {"agent": "codex", "started_at": "2026-11-20T12:00:00.000Z"})
        for number in range(TURNS):
            one = turn(key=f"T{number}", prompt=f"question {number} " + "words " * 40, started_ns=NOW + number * 10**9)
            write.put_turn(connection, "S" * 26, one, mask, 0.01)

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def pages_of(path: Path, table: str) -> list[int]:
    """Numbers of the table's leaf pages."""
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'").fetchone():
            pytest.skip("this SQLite does not tell which page is whose")
        return [row[0] for row in connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,))]


def spoil(path: Path, *pages: int) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)


def count(path: Path, what: str) -> int:
    with closing(open_reader(str(path))) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def test_a_whole_one_comes_over_whole(full: Path, tmp_path: Path) -> None:
    found = salvage(str(full), str(tmp_path / "new.db"))
    assert found.damaged == [] and found.rows["turns"] == TURNS
    for what in ("turns", "sessions", "turns_fts WHERE turns_fts MATCH 'question'"):
        assert count(tmp_path / "new.db", what) == count(full, what)
    with closing(open_reader(str(tmp_path / "new.db"))) as new, closing(open_reader(str(full))) as old:
        for query in (
            "SELECT * FROM turns ORDER BY n",
            "SELECT * FROM activity",
            "SELECT name, sql FROM sqlite_master ORDER BY name",
        ):
            assert [tuple(row) for row in new.execute(query)] == [tuple(row) for row in old.execute(query)]


def test_what_two_bad_pages_do_not_hold_comes_over(full: Path, tmp_path: Path) -> None:
    leaves = pages_of(full, "turns")
    assert len(leaves) > 10
    spoil(full, leaves[len(leaves) // 3], leaves[2 * len(leaves) // 3])
    with pytest.raises(sqlite3.DatabaseError), closing(sqlite3.connect(full)) as connection:
        connection.execute("SELECT count(prompt) FROM turns").fetchone()
    found = salvage(str(full), str(tmp_path / "new.db"))
    most = 2 * (TURNS // len(leaves) + 8)
    assert found.damaged == ["turns"]
    assert TURNS - most <= count(tmp_path / "new.db", "turns") < TURNS
    assert count(tmp_path / "new.db", "turns_fts WHERE turns_fts MATCH 'question'") == found.rows["turns"]
    with closing(open_reader(str(tmp_path / "new.db"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("SELECT sum(turns) FROM activity").fetchone()[0] == found.rows["turns"]


def test_a_session_whose_row_is_lost_is_there_for_its_turns(full: Path, tmp_path: Path) -> None:
    spoil(full, *pages_of(full, "sessions"))
    salvage(str(full), str(tmp_path / "new.db"))
    with closing(open_reader(str(tmp_path / "new.db"))) as connection:
        row = connection.execute("SELECT id, status, name FROM sessions").fetchone()
        assert tuple(row) == ("S" * 26, "lost", "found in a damaged database")
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert count(tmp_path / "new.db", "turns") == TURNS
