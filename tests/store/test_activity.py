"""The sums that the overview reads are those of the turns and tool calls that there are, whatever was done to them."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from procy.store import write
from procy.store.db import iso, open_writer, schema_files
from procy.store.turn_sources import natural_id
from procy.types import ToolCall, Turn, Usage

NOW = 1_795_000_000_000_000_000
HOUR = 3600 * 10**9
HALF = "substr(turns.started_at, 1, 14) || iif(substr(turns.started_at, 15, 2) < '30', '00', '30')"
SUMS = {
    "activity": f"""
        SELECT {HALF}, session_id, origin, coalesce(model, ''), count(*), sum(status = 'error'), total(input_tokens),
               total(output_tokens), total(cache_read_tokens), total(cache_write_tokens), count(cost_usd),
               round(total(cost_usd) * 1e9) FROM turns GROUP BY 1, 2, 3, 4""",
    "tool_activity": f"""
        SELECT {HALF}, name, count(*), sum(tool_calls.status = 'ok'), sum(tool_calls.status = 'error'),
               sum(tool_calls.status = 'denied'), count(tool_calls.duration_ms), total(tool_calls.duration_ms)
        FROM tool_calls JOIN turns ON turns.id = turn_id GROUP BY 1, 2""",
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    open_writer(str(tmp_path / "procy.db")).close()  # sqlite-utils leaves recursive triggers on where it migrated
    connection = open_writer(str(tmp_path / "procy.db"))
    for name in ("first", "second"):
        write.put_session(connection, name, {"agent": "codex", "started_at": iso(NOW)})
    yield connection
    connection.close()


def call(key: str, name: str = "Bash", status: str = "ok", ms: int | None = 7) -> ToolCall:
    return ToolCall(key=key, name=name, input="{}", result="x", status=status, duration_ms=ms)  # type: ignore[arg-type]


def turn(number: int, *calls: ToolCall, **more: object) -> Turn:
    at = NOW + number * HOUR // 6
    plain = Turn(key=f"t{number}", prompt=f"prompt {number}", response="", status="done", started_ns=at, ended_ns=at + 10**9,
                 model="big", usage=Usage(input=10, output=5), tool_calls=calls)  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


def put(db: sqlite3.Connection, *turns: Turn, session: str = "first", cost: float | None = 0.1) -> None:
    with write.transaction(db):
        for one in turns:
            write.put_turn(db, session, one, mask=str, cost=cost)


def check(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Both tables are what their sources sum up to. Returns them."""
    found = {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4").fetchall() for table in SUMS}
    for table, sql in SUMS.items():
        assert found[table] == db.execute(f"{sql} ORDER BY 1, 2, 3, 4").fetchall(), table
    return found


def test_a_turn_that_grows_is_counted_once(db: sqlite3.Connection) -> None:
    put(db, turn(1, call("a", status="unknown", ms=None), status="open", ended_ns=None, usage=Usage(), model=None), cost=None)
    put(db, turn(1, call("a"), call("b", "Read", "error"), usage=Usage(input=20, output=9, cache_read=3)), cost=0.1)
    found = check(db)
    assert [row[4] for row in found["activity"]] == [1]
    assert [row[1:6] for row in found["tool_activity"]] == [("Bash", 1, 1, 0, 0), ("Read", 1, 0, 1, 0)]


def test_calls_that_change_places_or_go_are_counted_once(db: sqlite3.Connection) -> None:
    put(db, turn(1, call("a"), call("b", "Read"), call("c", "Edit")))
    put(db, turn(1, call("c", "Edit"), call("a"), call("d", "Grep")))
    assert [row[1] for row in check(db)["tool_activity"]] == ["Bash", "Edit", "Grep"]
    assert [tuple(row) for row in db.execute("SELECT seq, name FROM tool_calls ORDER BY seq")] == [
        (1, "Edit"), (2, "Bash"), (3, "Grep"),
    ]  # fmt: skip
    put(db, turn(1))
    assert check(db)["tool_activity"] == []


def test_what_is_taken_out_is_taken_off(db: sqlite3.Connection) -> None:
    put(db, turn(1, call("a")), turn(2, call("b")), turn(9, call("c", status="denied")))
    put(db, turn(3, call("d")), session="second")
    db.execute("DELETE FROM turns WHERE session_id = 'first' AND seq = 1")
    assert sum(row[4] for row in check(db)["activity"]) == 3
    db.execute("DELETE FROM sessions WHERE id = 'first'")  # as `procy forget` does
    assert [row[1] for row in check(db)["activity"]] == ["second"]
    db.execute("DELETE FROM sessions")
    assert check(db) == {"activity": [], "tool_activity": []}


def test_derived_again_they_are_the_same(db: sqlite3.Connection) -> None:
    turns = [turn(n, call(f"c{n}", ms=n)) for n in range(40)]
    put(db, *turns, cost=0.1)
    before = check(db)
    with write.transaction(db):
        write.forget_derived(db, "first", ["transcript", "screen"])
    assert check(db) == {"activity": [], "tool_activity": []}
    put(db, *reversed(turns), cost=0.1)
    assert check(db) == before


def test_whatever_happens_they_agree(db: sqlite3.Connection) -> None:
    chance = random.Random(5)
    for _ in range(150):
        number = chance.randrange(20)
        calls = [call(key, chance.choice(("Bash", "Read")), chance.choice(("ok", "error", "denied", "unknown")),
                      chance.choice((None, 3, 9))) for key in chance.sample("abcdef", chance.randrange(5))]  # fmt: skip
        changed = turn(number, *calls, status=chance.choice(("done", "error")), model=chance.choice(("big", "small", None)),
                       usage=Usage(input=chance.choice((None, 5, 70))))  # fmt: skip
        put(db, changed, session=chance.choice(("first", "second")), cost=chance.choice((None, 0.1, 0.0123)))
        if chance.random() < 0.15:
            db.execute("DELETE FROM turns WHERE id = (SELECT id FROM turns ORDER BY random() LIMIT 1)")
        if chance.random() < 0.2:
            db.execute("UPDATE turns SET origin = iif(origin = 'human', 'procy', 'human') WHERE seq = 3")
    check(db)


def test_a_database_from_before_is_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from procy.store import db as module

    path = str(tmp_path / "old.db")
    monkeypatch.setattr(module, "schema_files", lambda: [one for one in schema_files() if one[0] < "0007"])
    monkeypatch.setattr(module, "schema_version", lambda: 6)
    old = open_writer(path)
    write.put_session(old, "first", {"agent": "codex", "started_at": iso(NOW)})
    calls = {1: (call("a"), call("b", status="error")), 2: (), 5: (call("a"),)}
    for seq, number in enumerate(calls, 1):  # as that version wrote them
        one = turn(number, *calls[number], model=None if number == 5 else "big")
        key, times = natural_id("first", one), (iso(one.started_ns), iso(one.started_ns + 10**9))
        old.execute(
            "INSERT INTO turns (id, session_id, seq, prompt, status, source, model, started_at, ended_at, input_tokens, "
            "output_tokens, cost_usd) VALUES (?, 'first', ?, '', 'done', 'transcript', ?, ?, ?, 10, 5, 0.01)",
            (key, seq, one.model, *times),
        )
        for place, used in enumerate(one.tool_calls, 1):
            write.put_tool_call(old, key, place, used, str)
    old.close()
    monkeypatch.undo()
    new = open_writer(path)
    assert [row[4] for row in check(new)["activity"]] == [2, 1]
    assert new.execute("SELECT DISTINCT duration_ms FROM turns").fetchall() == [(1000,)]
    put(new, turn(2, status="error"))
    check(new)
