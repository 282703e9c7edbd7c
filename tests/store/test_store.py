"""The database: schema, raw that stays raw, rows that are renewed in place, and errors in words."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from procy.errors import HandleError, StoreError
from procy.parse.redact import mask
from procy.store import read, runs, write
from procy.store.blobs import pack_block, unpack_block
from procy.store.db import from_iso, iso, open_reader, open_writer, schema_version
from procy.types import FileChange, PaneEvent, Picture, Read, ToolCall, Turn, Usage

NOW = 1_795_000_000_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "procy.db")


@pytest.fixture
def db(path: str) -> sqlite3.Connection:
    connection = open_writer(path)
    with write.transaction(connection):
        write.put_session(connection, "S" * 26, {"agent": "generic", "started_at": iso(NOW), "name": "first"})
    return connection


def turn(key: str = "one", after_s: int = 0, **changes: object) -> Turn:
    plain = Turn(
        key=key,
        prompt="write a test",
        response="Here it is.\n\nDone.",
        status="done",
        started_ns=NOW + after_s * 1_000_000_000,
        ended_ns=NOW + (after_s + 1) * 1_000_000_000,
        usage=Usage(input=10, output=5),
        tool_calls=(ToolCall(key="c1", name="Bash", input='{"command": "make"}', result="ok", status="ok", response_at=11),),
        files=(FileChange(path="a.py", change="added", diff="+x\n"),),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def put(db: sqlite3.Connection, *turns: Turn, session: str = "S" * 26) -> None:
    with write.transaction(db):
        for one in turns:
            write.put_turn(db, session, one, mask, None)


def test_new_database_has_the_newest_schema_and_is_private(db: sqlite3.Connection, path: str) -> None:
    assert db.execute("PRAGMA user_version").fetchone()[0] == schema_version()
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 1
    assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_where_nothing_was_recorded_it_is_said_how_to_begin(path: str, db: sqlite3.Connection) -> None:
    with pytest.raises(HandleError, match="no session 'nobody'"):
        read.find_session(db, "nobody")
    db.execute("DELETE FROM sessions")
    with pytest.raises(HandleError, match="nothing was recorded yet"):
        read.find_session(db, "last")


def test_many_openers_at_once_migrate_once(path: str) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            open_writer(path).close()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_failing_migration_leaves_nothing_behind(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from procy.store import db as module

    files = [*module.schema_files(), ("0002_broken", "CREATE TABLE fine (x); CREATE TABLE broken (;")]
    monkeypatch.setattr(module, "schema_files", lambda: files)
    with pytest.raises(StoreError):
        open_writer(path)
    tables = [row[0] for row in sqlite3.connect(path).execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert "fine" not in tables


def test_a_newer_database_is_refused_with_the_remedy(db: sqlite3.Connection, path: str) -> None:
    db.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match=r"made by a newer procy.*Upgrade"):
        open_writer(path)
    with pytest.raises(StoreError, match="newer"):
        open_reader(path)


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("UPDATE transcript_lines SET line = 'x'", "transcript_lines"),
        ("UPDATE terminal_blocks SET bytes = x'00'", "terminal_blocks"),
        ("UPDATE hook_events SET payload = '{}'", "hook_events"),
        ("UPDATE pane_events SET detail = '{}'", "pane_events"),
        ("UPDATE transcript_files SET content = x'00'", "transcript_files"),
    ],
)
def test_raw_is_written_once(db: sqlite3.Connection, sql: str, table: str) -> None:
    session = "S" * 26
    with write.transaction(db):
        write.put_transcript(db, session, "claude-code", "A", "/x.jsonl", NOW)
        key = write.transcript_id("claude-code", "A", "/x.jsonl")
        write.add_transcript_lines(db, key, [(0, b"{}"), (3, b"\xff\xfe")], 6)
        write.add_transcript_file(db, key, "/big.txt", b"content")
        write.add_block(db, session, pack_block([Read(NOW, 0, 80, 24, b"hello")], Picture(80, 24, b"")))
        write.add_hook_event(db, session, NOW, "Stop", '{"a": 1}')
        write.add_pane_event(db, session, PaneEvent(NOW, 0, "attach", {"columns": 80, "rows": 24}, Picture(80, 24, b"x")))
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        db.execute(sql)


def test_blocks_give_back_every_read(db: sqlite3.Connection) -> None:
    reads = [Read(NOW + n * 1000, sum(range(n)), 80 + n, 24, bytes([n]) * n) for n in range(1, 50)]
    block = pack_block(reads, Picture(80, 24, b"\x1b[H"))
    assert list(unpack_block(block.start, block.started_ns, block.data, block.reads)) == reads


def test_a_turn_is_renewed_in_place(db: sqlite3.Connection) -> None:
    put(db, turn(status="open", ended_ns=None, response="Here", tool_calls=(), files=()))
    before = db.execute("SELECT n, id FROM turns").fetchall()
    put(db, turn())
    assert db.execute("SELECT n, id FROM turns").fetchall() == before
    assert db.execute("SELECT response, status, tool_count FROM turns").fetchone() == ("Here it is.\n\nDone.", "done", 1)
    assert db.execute("SELECT count(*) FROM turns_fts WHERE turns_fts MATCH 'done'").fetchone()[0] == 1
    assert db.execute("SELECT count(*) FROM turns_fts").fetchone()[0] == 1
    put(db, turn(tool_calls=()))
    assert db.execute("SELECT count(*) FROM tool_calls").fetchone()[0] == 0


def test_a_turn_learned_late_takes_its_place_in_time(db: sqlite3.Connection) -> None:
    put(db, turn("a", 0), turn("c", 20), turn("b", 10))
    rows = db.execute("SELECT seq, started_at FROM turns ORDER BY seq").fetchall()
    assert [row[0] for row in rows] == [1, 2, 3]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)


def test_screens_stay_where_turns_begin_and_end(db: sqlite3.Connection) -> None:
    def offsets() -> list[int]:
        return [row[0] for row in db.execute("SELECT offset FROM keyframes ORDER BY offset")]

    put(db, turn("one", terminal_from=10, terminal_to=20), turn("two", after_s=5, terminal_from=20, terminal_to=40))
    for offset in (10, 20, 40):
        write.put_keyframe(db, "S" * 26, offset, Picture(80, 24, b""))
    put(db, turn("two", after_s=5, terminal_from=30, terminal_to=None))
    assert offsets() == [10, 20], "one ends at 20 still; two is open again"
    put(db, turn("one", terminal_from=10, terminal_to=30))
    assert offsets() == [10]


def test_a_turn_of_a_forked_conversation_stays_where_it_is(db: sqlite3.Connection) -> None:
    other = "T" * 26
    with write.transaction(db):
        write.put_session(db, other, {"agent": "claude-code", "started_at": iso(NOW)})
    put(db, turn("shared"))
    put(db, turn("shared"), turn("own", 5), session=other)
    assert db.execute("SELECT session_id FROM turns ORDER BY seq, started_at").fetchall() == [("S" * 26,), (other,)]
    put(db, turn("screen:1", 9, source="screen"))
    put(db, turn("screen:1", 9, source="screen"), session=other)
    assert db.execute("SELECT count(*) FROM turns").fetchone()[0] == 4, "two screens may read alike"


def test_what_goes_on_from_another_session_is_its_child(db: sqlite3.Connection) -> None:
    parents = "SELECT id, parent_id FROM sessions ORDER BY id"
    with write.transaction(db):
        for place, letter in enumerate("ABC"):
            write.put_session(db, letter * 26, {"agent": "codex", "started_at": iso(NOW + place * 10**9)})
        write.put_transcript(db, "A" * 26, "codex", "thread-a", "/a.jsonl", NOW)
        write.put_fork(db, "C" * 26, "thread-a")
        write.put_fork(db, "C" * 26, "thread-unknown")
    put(db, turn(), session="A" * 26)
    put(db, turn(), session="B" * 26)
    put(db, turn("two"), session="B" * 26)
    put(db, turn("two"), session="A" * 26)
    found = {row[0][0]: row[1] and row[1][0] for row in db.execute(parents) if row[0][0] in "ABC"}
    assert found == {"A": None, "B": "A", "C": "A"}, "and no circle"


def test_transcripts_go_with_the_last_session_that_wrote_them(db: sqlite3.Connection) -> None:
    with write.transaction(db):
        for letter in "AB":
            write.put_session(db, letter * 26, {"agent": "codex", "started_at": iso(NOW)})
            write.put_transcript(db, letter * 26, "codex", "thread", "/a.jsonl", NOW)
        write.add_transcript_lines(db, write.transcript_id("codex", "thread", "/a.jsonl"), [(0, b"{}")], 3)
    for letter, left in (("A", 1), ("B", 0)):
        db.execute("DELETE FROM sessions WHERE id = ?", (letter * 26,))
        assert db.execute("SELECT count(*) FROM transcript_lines").fetchone()[0] == left


def test_secrets_do_not_enter_derived_rows(db: sqlite3.Connection) -> None:
    secret = "sk-ant-api03-" + "a1B2" * 10
    call = ToolCall(key="c", name="Bash", input=f'{{"command": "curl {secret}"}}', result=f"got {secret}", status="ok")
    put(
        db,
        turn(
            prompt=f"use {secret}",
            response=f"I used {secret}",
            tool_calls=(call,),
            files=(FileChange(path="x", change="added", diff=secret),),
        ),
    )
    with write.transaction(db):
        write.add_terminal_text(db, "S" * 26, 10, f"export KEY={secret}", mask)
    for table in ("turns", "tool_calls", "turn_files", "turns_fts", "terminal_texts"):
        assert secret not in str([tuple(row) for row in db.execute(f"SELECT * FROM {table}")]), table
    assert "[redacted:anthropic-key]" in db.execute("SELECT prompt FROM turns").fetchone()[0]


def test_handles(db: sqlite3.Connection, path: str) -> None:
    for number, letter in enumerate("ABC"):
        with write.transaction(db):
            values = {
                "agent": "generic",
                "started_at": iso(NOW + number * 10**9),
                "pane_id": f"%{number}",
                "name": f"name {letter}",
            }
            write.put_session(db, "0" * 20 + letter * 6, values)
    with open_reader(path) as connection:
        assert read.find_session(connection, "last")["name"] == "name C"
        assert read.find_session(connection, "-1")["name"] == "name C"
        assert read.find_session(connection, "-2")["name"] == "name B"
        assert read.find_session(connection, "%1")["name"] == "name B"
        assert read.find_session(connection, "name A")["name"] == "name A"
        assert read.find_session(connection, "aaaaaa")["name"] == "name A"
        assert read.find_session(connection, "SSS")["name"] == "first"
        with pytest.raises(HandleError, match="procy record -t %9"):
            read.find_session(connection, "%9")
        for handle in ("nothing", "-99", "x'; DROP TABLE sessions; --"):
            with pytest.raises(HandleError, match="procy sessions"):
                read.find_session(connection, handle)
        with pytest.raises(HandleError, match="may be 3 sessions"):
            read.find_session(connection, "0000")


def test_turn_handles(db: sqlite3.Connection, path: str) -> None:
    put(db, turn("a", 0, prompt="one"), turn("b", 5, prompt="two"), turn("c", 9, prompt="three"))
    with open_reader(path) as connection:
        assert read.find_turn(connection, "last:2")["prompt"] == "two"
        assert read.find_turn(connection, "first:-1")["prompt"] == "three"
        assert read.find_turn(connection, read.find_turn(connection, "last:1")["id"][-8:])["prompt"] == "one"
        for handle in ("last:99", "nobody:1", "zzzz", "last:x"):
            with pytest.raises(HandleError):
                read.find_turn(connection, handle)


def test_search_takes_what_people_type(db: sqlite3.Connection, path: str) -> None:
    put(db, turn("a", prompt="fix the Größe of café tables", response=""), turn("b", 5, prompt="other", response="make table"))
    with open_reader(path) as connection:
        for query, count in {
            "grosse": 0, "größe": 1, "cafe": 1, "tab*": 2, '"café tables"': 1, '"tables café"': 0, "make": 2, "other make": 1,
            "AND OR NOT": 0, "(": 0, '"': 0, "*": 0, "a:b": 0, "- fix": 1, "": 0, "NEAR(": 0,
        }.items():  # fmt: skip
            assert len(read.search_turns(connection, query)) == count, query
        (row,) = read.search_turns(connection, "café")
        assert "\x01café\x02" in row["snippet"]


def test_what_is_no_character_is_stored_as_one(db: sqlite3.Connection) -> None:
    with write.transaction(db):
        write.put_session(db, "U" * 26, {"agent": "generic", "started_at": iso(NOW), "cwd": "/caf\udce9"})
        db.execute("UPDATE sessions SET name = :name WHERE id = :id", {"name": "half \ud83d", "id": "U" * 26})
    put(db, turn(files=(FileChange(path="a\udce9", change="added"),)), session="U" * 26)
    assert db.execute("SELECT cwd, name FROM sessions WHERE id = ?", ("U" * 26,)).fetchone() == ("/caf\ufffd", "half \ufffd")
    assert db.execute("SELECT path FROM turn_files").fetchone() == ("a\ufffd",)


def test_times_go_there_and_back() -> None:
    assert iso(NOW) == "2026-11-18T11:06:40.000Z"
    assert from_iso(iso(NOW + 123_456_789)) == NOW + 123_000_000


def test_errors_say_what_to_do(tmp_path: Path, db: sqlite3.Connection, path: str) -> None:
    with pytest.raises(StoreError, match=r"no database at .* procy record"):
        open_reader(str(tmp_path / "none.db"))
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError, match="damaged"):
        open_writer(str(garbage))
    with pytest.raises(StoreError, match="damaged"):
        open_reader(str(garbage))
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    db.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(sqlite3.OperationalError, match="locked"), write.transaction(db):
        pass
    other.rollback()


def test_derived_rows_go_and_raw_rows_stay_when_rebuilt(db: sqlite3.Connection) -> None:
    put(db, turn())
    with write.transaction(db):
        write.add_hook_event(db, "S" * 26, NOW, "Stop", "{}")
        write.forget_derived(db, "S" * 26, ["transcript", "screen"])
    assert db.execute("SELECT count(*) FROM turns").fetchone()[0] == 0
    assert db.execute("SELECT count(*) FROM tool_calls").fetchone()[0] == 0
    assert db.execute("SELECT count(*) FROM turns_fts").fetchone()[0] == 0
    assert db.execute("SELECT count(*) FROM hook_events").fetchone()[0] == 1


def test_the_last_run_is_that_of_the_work_tree_around(db: sqlite3.Connection) -> None:
    db.row_factory = sqlite3.Row
    with pytest.raises(HandleError, match=r"there is no run yet\. Begin one: procy evolve 5"):
        runs.find_run(db)
    with write.transaction(db):
        columns = "id, name, root, definition, files, sha256, created_at"
        db.execute(f"INSERT INTO evaluators ({columns}) VALUES ('E', '', '', '{{}}', '{{}}', '', '')")
        for place, (root, kind) in enumerate((("/srv/one", "evolve"), ("/srv/other", "evolve"), ("/srv/one", "replay"))):
            values = {"evaluator_id": "E", "kind": kind, "mode": "lanes", "strategy": "greedy", "proposer": "template",
                      "goal": "", "budget": {}, "options": {}, "root": root, "base_sha": "", "status": "done"}  # fmt: skip
            runs.add_run(db, f"RUN{place}".rjust(26, "0"), NOW + place, values)
    assert [runs.find_run(db, cwd=cwd)["id"][-4:] for cwd in ("/srv/one/part", "/srv/other", "/srv", "")] == [
        "RUN0", "RUN1", "RUN1", "RUN1",
    ]  # fmt: skip
    assert runs.find_run(db, "RUN2", cwd="/srv/other")["kind"] == "replay", "by its name whatever it is"
