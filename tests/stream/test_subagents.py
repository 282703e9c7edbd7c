"""Sub-agents of a stream: sessions below it with turns of their own, whenever the sidecar is killed, and derived again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from procy.capture.lines import LineSpool, StreamMeta
from procy.capture.locks import take_lock
from procy.recording.forget import forget_turn
from procy.recording.rebuild import rebuild
from procy.settings import load_settings
from procy.sidecar.changes import Changes
from procy.sidecar.outbox import Outbox
from procy.sidecar.streams import StreamFollower
from procy.store.db import open_writer
from procy.stream.record import Recorder
from tests.conftest import Lab, empty_database
from tests.stream.conftest import message


def line(kind: str, parent: str | None, *content: dict[str, object], **more: object) -> bytes:
    return (
        json.dumps({"type": kind, "message": {"role": kind, "content": content}, "parent_tool_use_id": parent, **more}).encode()
        + b"\n"
    )


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def call(key: str, name: str, **given: object) -> dict[str, object]:
    return {"type": "tool_use", "id": key, "name": name, "input": given}


def answer(key: str, words: str) -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": key, "content": words}


def system(subtype: str, **more: object) -> bytes:
    return json.dumps({"type": "system", "subtype": subtype, **more}).encode() + b"\n"


RESULT = b'{"type":"result","subtype":"success"}\n'
SAID = [
    system("init", session_id="s", model="m"),
    line("assistant", None, call("t1", "Agent", prompt="look below")),
    line("user", "t1", text("look below")),
    line("assistant", "t1", text("I look"), call("b1", "Bash", command="ls")),
    line("user", "t1", answer("b1", "a file")),
    line("assistant", "t1", text("one file")),
    line("user", None, answer("t1", "one file")),
    line("assistant", None, call("t2", "Agent", prompt="and beside")),
    system("task_started", tool_use_id="t2", task_type="local_agent", prompt="and beside"),
    line("user", None, answer("t2", "launched"), tool_use_result={"isAsync": True}),
    line("assistant", None, text("they are on it")),
    line("assistant", "t2", text("beside is nothing")),
    system("task_notification", tool_use_id="t2", status="failed"),
    RESULT,
]


@pytest.fixture
def connection(lab: Lab) -> Iterator[sqlite3.Connection]:
    shutil.copy(empty_database(), lab.places.db)
    connection = open_writer(lab.places.db)
    yield connection
    connection.close()


def followed(
    lab: Lab, connection: sqlite3.Connection, name: str, cuts: Sequence[int] = ()
) -> dict[str, list[tuple[object, ...]]]:
    """The turns of each session below the stream ``name``, and its own, where the sidecar begins anew after so many lines."""
    spool = LineSpool(Path(lab.places.spool) / name)
    spool.create(StreamMeta(session_id=name, agent="claude-code", command=("claude",), cwd="/", started_ns=10**9, pid=1))
    lock = take_lock(spool.lock)
    assert lock
    recorder = Recorder(spool, lambda: (2 + len(cuts) + sum(cuts)) * 10**9, pytest.fail)  # no two streams with the same stamps

    settings = load_settings(lab.places)

    def follow() -> None:
        outbox = Outbox()
        follower = StreamFollower(connection, outbox, spool, settings, Changes(lab.places, settings))
        for _ in range(4):
            if not follower.finished:
                follower.tick(10**12)
                outbox.send(connection)
                outbox.settle(connection)

    recorder.note("start", argv=["claude"])
    recorder.chunk(">", message("go"))
    for number, said in enumerate(SAID):
        recorder.chunk("<", said)
        if number in cuts:
            follow()
    recorder.note("end", status=0)
    recorder.close()
    lock.close()
    follow()
    return turns(connection, name)


def turns(connection: sqlite3.Connection, name: str) -> dict[str, list[tuple[object, ...]]]:
    rows = connection.execute(
        "SELECT sessions.agent_session_id, parent_id, prompt, response, turns.status, (SELECT group_concat(name) FROM tool_calls "
        "WHERE turn_id = turns.id) FROM sessions JOIN turns ON session_id = sessions.id WHERE ? IN (sessions.id, parent_id)",
        (name,),
    ).fetchall()
    return {str(row[0]): [tuple(other)[1:] for other in rows if other[0] == row[0]] for row in rows}


def test_each_has_a_session_with_its_turn(lab: Lab, connection: sqlite3.Connection) -> None:
    assert followed(lab, connection, "A") == {
        "s": [(None, "go", "they are on it", "done", "Agent,Agent")],
        "t1": [("A", "look below", "I look\n\none file", "done", "Bash")],
        "t2": [("A", "and beside", "beside is nothing", "error", None)],
    }
    found = connection.execute("SELECT DISTINCT status, origin FROM sessions").fetchall()
    assert [tuple(row) for row in found] == [("ended", "stream")]


def test_a_sidecar_may_begin_anew_anywhere(lab: Lab, connection: sqlite3.Connection) -> None:
    whole = followed(lab, connection, "A")
    for cut in range(len(SAID)):
        name = f"B{cut}"
        again = followed(lab, connection, name, [cut])
        assert {
            key: [tuple("A" if one == name else one for one in turn) for turn in found] for key, found in again.items()
        } == whole, cut


def test_they_are_derived_again_and_forgotten_with_their_parent(lab: Lab, connection: sqlite3.Connection) -> None:
    before = followed(lab, connection, "A")
    for (session,) in connection.execute("SELECT id FROM sessions").fetchall():
        connection.execute("UPDATE turns SET response = 'other' WHERE session_id = ?", (session,))
        rebuild(connection, session, load_settings(lab.places))
    assert turns(connection, "A") == before
    (turn,) = connection.execute("SELECT id FROM turns WHERE session_id = 'A'").fetchone()
    forget_turn(connection, lab.places, turn, load_settings(lab.places), 10**13)
    kept = connection.execute("SELECT group_concat(CAST(line AS TEXT)) FROM transcript_lines").fetchone()[0]
    assert turns(connection, "A") == {} and "beside" not in kept and "file" not in kept
