"""Several sources of one turn make one turn, whichever comes first."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procy.store import corrections, tags, turn_sources, write
from procy.store.db import Writer, iso, open_writer, set_pragmas
from procy.store.exchanges import put_exchange
from procy.types import ToolCall, Turn, Usage

S = 10**9
NOW = 1_795_000_000 * S
SESSION = "01SESSION0000000000000000A"


def told(source: str, begin: float, end: float | None, key: str = "", **more: Any) -> Turn:
    """A turn as one source tells it, in seconds."""
    place = {"terminal_from": int(begin * 10), "terminal_to": int(begin * 10) + 5} if source == "screen" else {}
    usage = Usage(input=10, output=5) if source in ("transcript", "stream") else Usage()
    values = {"prompt": f"{source} prompt {begin}", "response": f"{source} answer", "usage": usage, **place, **more}
    ended = None if end is None else NOW + int(end * S)
    status = "open" if end is None else "done"
    return Turn(
        key=key or f"{source}:{begin}", source=source, started_ns=NOW + int(begin * S), ended_ns=ended, status=status, **values
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> sqlite3.Connection:
    """In memory: what is tested here is no file."""
    made = open_writer(str(tmp_path_factory.mktemp("db") / "procy.db"))
    memory = sqlite3.connect(":memory:", isolation_level=None, factory=Writer)
    made.backup(memory)
    made.close()
    set_pragmas(memory)
    return memory


@pytest.fixture
def db(template):
    yield fresh(template)
    template.execute("DELETE FROM sessions")


def fresh(connection: sqlite3.Connection) -> sqlite3.Connection:
    for table in ("corrections", "tags", "marks", "injections", "exchanges", "forgotten", "sessions"):
        connection.execute(f"DELETE FROM {table}")
    write.put_session(connection, SESSION, {"agent": "claude-code", "started_at": iso(NOW), "status": "ended"})
    return connection


def put(connection: sqlite3.Connection, *turns: Turn) -> None:
    for turn in turns:
        write.put_turn(connection, SESSION, turn, str, None)


FIELDS = (
    "seq, prompt, response, source, status, started_at, ended_at, terminal_from, terminal_to, model, input_tokens, output_tokens"
)


def rows(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """All about the turns but their ids, with who told of each."""
    found = connection.execute(f"SELECT id, {FIELDS} FROM turns ORDER BY seq").fetchall()
    sources = turn_sources.of_turns(connection, [row[0] for row in found])
    return [(*row[1:], tuple((one[1], one[2]) for one in sources[row[0]])) for row in found]


def ids(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT id FROM turns ORDER BY seq")]


def chosen(connection: sqlite3.Connection, turn_id: str) -> str:
    """The prompt of the turn's correction that counts."""
    query = "SELECT chosen FROM corrections WHERE turn_id = ? AND replaced_by IS NULL AND deleted_at IS NULL"
    return connection.execute(query, (turn_id,)).fetchone()[0]


def rebuilt(connection: sqlite3.Connection, turns: Sequence[Turn]) -> None:
    write.forget_derived(connection, SESSION, ["transcript", "stream", "wire", "screen"])
    put(connection, *sorted(turns, key=lambda turn: (-turn_sources.RANKS[turn.source], turn.started_ns)))


# -- one turn -----------------------------------------------------------------------------------------------------------


def test_a_transcript_upgrades_what_the_screen_showed_in_place(db):
    put(db, told("screen", 10.2, 15))
    (before,) = ids(db)
    corrections.add(db, "c1", NOW, corrections.Pair(before, None, "worse", "better", "", "me"))
    tags.add(db, "turn", before, "good", SESSION, NOW)
    call = ToolCall(key="t", name="Bash", input="{}")
    put(db, told("transcript", 10, 14.9, tool_calls=(call,), model="claude-opus-5-5"))
    assert ids(db) == [before]
    (row,) = rows(db)
    assert row[1:4] == ("transcript prompt 10", "transcript answer", "transcript")
    assert (row[7], row[8]) == (102, 107), "the place in the terminal is the screen's"
    assert [source for source, _ in row[-1]] == ["transcript", "screen"]
    assert chosen(db, before) == "better"
    assert tags.of(db, "turn", [before]) == {before: ["good"]}
    put(db, told("screen", 10.2, 15, response="drawn anew"))
    assert rows(db)[0][2] == "transcript answer", "a lesser source does not take anything away"


def test_two_pieces_of_the_screen_are_one_turn_and_what_points_to_them_is_kept(db):
    put(db, told("screen", 10.2, 12), told("screen", 13, 15), told("screen", 30, 31))
    first, second, third = ids(db)
    corrections.add(db, "c1", NOW, corrections.Pair(second, None, "worse", "better", "", "me"))
    put(db, told("transcript", 10, 15))
    assert ids(db) == [first, third]
    assert [row[0] for row in rows(db)] == [1, 2]
    assert chosen(db, first) == "better"


def test_the_screen_after_a_turn_or_of_another_conversation_is_its_own(db):
    put(db, told("transcript", 10, 15, agent_session_id="a"), told("screen", 20, 21), told("screen", 8.5, 9))
    assert [row[3] for row in rows(db)] == ["transcript", "screen"], "8.5 is within what clocks may differ"
    put(db, told("wire", 12, 13, agent_session_id="b"))
    assert [row[3] for row in rows(db)] == ["transcript", "wire", "screen"]


def test_a_turn_that_is_found_later_takes_its_sources_along(db):
    put(db, told("transcript", 10, None), told("screen", 20.1, 21))
    assert len(ids(db)) == 1
    put(db, told("transcript", 10, 15), told("transcript", 20, 21))
    assert [row[-1] for row in rows(db)] == [
        (("transcript", turn_sources.natural_id(SESSION, told("transcript", 10, 15))),),
        (("transcript", turn_sources.natural_id(SESSION, told("transcript", 20, 21))),
         ("screen", turn_sources.natural_id(SESSION, told("screen", 20.1, 21)))),
    ]  # fmt: skip


def test_an_upgraded_turn_is_known_in_a_session_that_goes_on_from_it(db):
    put(db, told("screen", 10.2, 15), told("transcript", 10, 15))
    write.put_session(db, "01SESSION0000000000000000B", {"agent": "claude-code", "started_at": iso(NOW + 60 * S)})
    write.put_turn(db, "01SESSION0000000000000000B", told("transcript", 10, 15), str, None)
    assert len(ids(db)) == 1
    parent = db.execute("SELECT parent_id FROM sessions WHERE id = '01SESSION0000000000000000B'").fetchone()
    assert parent == (SESSION,)


def test_a_forgotten_turn_stays_so_under_every_id_that_it_had(db):
    from procy.store.forgotten import note_turns

    screen, transcript = told("screen", 10.2, 15), told("transcript", 10, 15)
    put(db, screen, transcript)
    note_turns(db, "id = ?", ids(db)[0], NOW)
    db.execute("DELETE FROM turns")
    put(db, screen, transcript)
    assert ids(db) == []
    db.execute("DELETE FROM sessions")
    write.put_session(db, "01SESSION0000000000000000B", {"agent": "claude-code", "started_at": iso(NOW)})
    write.put_turn(db, "01SESSION0000000000000000B", transcript, str, None)
    assert ids(db) == []


def test_tokens_and_model_come_from_the_wire_where_nobody_else_tells(db):
    def exchange(key: str, begin: float, tokens: int) -> None:
        values = {"service": "claude", "method": "POST", "path": "/v1/messages", "session_id": SESSION,
                  "started_at": iso(NOW + int(begin * S)), "model": "claude-opus-5-5", "outcome": "ok",
                  "input_tokens": tokens, "output_tokens": 1, "cost_usd": 0.5}  # fmt: skip
        put_exchange(db, key, values)

    exchange("e1", 10.5, 100)
    put(db, told("screen", 10.2, None))
    exchange("e2", 11, 50)
    put(db, told("screen", 10.2, 15))
    query = "SELECT model, input_tokens, output_tokens, cost_usd, usage_from FROM turns"
    assert db.execute(query).fetchall() == [("claude-opus-5-5", 150, 2, 1.0, "wire")]
    put(db, told("transcript", 10, 15, model="claude-haiku"))
    exchange("e3", 12, 7)
    assert db.execute(query).fetchall() == [("claude-haiku", 10, 5, None, "transcript")]


# -- any order ----------------------------------------------------------------------------------------------------------

TIMES = st.lists(st.integers(0, 400), min_size=1, max_size=7, unique=True)


@st.composite
def stories(draw) -> list[Turn]:
    """What several sources tell of one session, each without overlap in itself, all begun at different times."""
    starts = draw(TIMES)
    kinds = draw(
        st.lists(st.sampled_from(["transcript", "screen", "wire", "screen"]), min_size=len(starts), max_size=len(starts))
    )
    turns: list[Turn] = []
    for source in ("transcript", "wire", "screen"):
        own = sorted(start for start, kind in zip(starts, kinds, strict=True) if kind == source)
        for begin, following in zip(own, [*own, 500][1:], strict=True):
            long = draw(st.integers(1, 60))
            turns.append(told(source, begin / 10, min(begin + long, following) / 10))
    return draw(st.permutations(turns))


@settings(max_examples=80)
@given(stories())
def test_sources_in_any_order_give_the_same_turns(template, turns):
    first = fresh(template)
    put(first, *sorted(turns, key=lambda turn: turn.started_ns))
    expected = rows(first)
    put(fresh(template), *turns)
    assert rows(template) == expected
    known = ids(template)
    rebuilt(template, turns)
    assert (rows(template), ids(template)) == (expected, known)
    put(template, *reversed(turns))
    assert (rows(template), ids(template)) == (expected, known)


def test_every_order_of_three_sources_gives_one_turn(template):
    sources = [told("transcript", 10, 15), told("wire", 10.1, 14.8), told("screen", 10.3, 15.1)]
    seen = set()
    for order in permutations(sources):
        put(fresh(template), *order)
        seen.add(json.dumps(rows(template)))
        (one,) = ids(template)
        assert one == turn_sources.natural_id(SESSION, order[0]), "the id by which it was known first"
    assert len(seen) == 1


def test_turns_of_one_millisecond_keep_their_numbers_around_a_forgotten_one(db):
    from procy.store.forgotten import note_turns

    three = [told("transcript", 10, 10, key=name) for name in "abc"]
    put(db, *three)
    before = db.execute("SELECT id, seq FROM turns ORDER BY seq").fetchall()
    for number in (1, 0):
        note_turns(db, "id = ?", before[number][0], NOW)
        rebuilt(db, three)
        kept = [row for row in before if row[0] not in {key for (key,) in db.execute("SELECT id FROM forgotten")}]
        assert db.execute("SELECT id, seq FROM turns ORDER BY seq").fetchall() == kept
