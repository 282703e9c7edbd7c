"""A turn of a stream taken out for good: every line that has its words, and no other."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
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

PROMPTS = ("the first word of all", "a secret of the garden wall", "and the last of the three")


def packed(record: dict[str, object]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def conversation() -> Iterator[tuple[str, bytes]]:
    """Three messages, sent at once; each is echoed as it is taken in, and answered."""
    yield "!", b"the agent says hello\n"
    for number, prompt in enumerate(PROMPTS):
        yield ">", message(prompt, uuid=f"u{number}")
    for number, prompt in enumerate(PROMPTS):
        yield "<", packed({"type": "system", "subtype": "init", "session_id": "s", "model": "m"})
        yield (
            "<",
            packed({"type": "user", "isReplay": True, "uuid": f"u{number}", "message": {"role": "user", "content": prompt}}),
        )
        yield "!", f"thinking about {prompt}, not JSON\n".encode()
        text = {"type": "text", "text": f"you said {prompt}"}
        yield "<", packed({"type": "assistant", "message": {"content": [text]}})
        yield "<", packed({"type": "result", "subtype": "success", "result": f"you said {prompt}", "uuid": f"r{number}"})


@pytest.fixture
def recorded(lab: Lab) -> Iterator[sqlite3.Connection]:
    """The conversation in the database, and over."""
    shutil.copy(empty_database(), lab.places.db)
    connection = open_writer(lab.places.db)
    spool = LineSpool(Path(lab.places.spool) / "S")
    spool.create(StreamMeta(session_id="S", agent="claude-code", command=("claude", "-p"), cwd="/", started_ns=10**9, pid=1))
    lock = take_lock(spool.lock)
    assert lock
    ticks = iter(range(2 * 10**9, 3 * 10**9, 10**6))
    recorder = Recorder(spool, lambda: next(ticks), pytest.fail)
    recorder.note("start", argv=["claude", "-p"])
    for side, line in conversation():
        recorder.chunk(side, line)
    recorder.note("end", status=0)
    recorder.close()
    lock.close()
    outbox, settings = Outbox(), load_settings(lab.places)
    follower = StreamFollower(connection, outbox, spool, settings, Changes(lab.places, settings))
    while not follower.finished:
        follower.tick(4 * 10**9)
        outbox.send(connection)
        outbox.settle(connection)
    yield connection
    connection.close()


def turns(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return [tuple(row) for row in connection.execute("SELECT id, prompt, response, status FROM turns ORDER BY seq")]


@pytest.mark.parametrize("number", range(3))
def test_a_turn_goes_with_its_message_its_echo_and_its_answer(lab: Lab, recorded: sqlite3.Connection, number: int) -> None:
    before = turns(recorded)
    assert [turn[1:] for turn in before] == [(prompt, f"you said {prompt}", "done") for prompt in PROMPTS]
    forget_turn(recorded, lab.places, before[number][0], load_settings(lab.places), 5 * 10**9)
    left = [turn for turn in before if turn != before[number]]
    assert turns(recorded) == left
    rows = [row[0] for row in recorded.execute("SELECT line FROM transcript_lines ORDER BY offset")]
    lines = "\n".join(row if isinstance(row, str) else row.decode() for row in rows)
    for place, prompt in enumerate(PROMPTS):
        assert lines.count(prompt) == (0 if place == number else 5), f"{prompt}:\n{lines}"
    assert "hello" in lines and '"end"' in lines, "what is no turn's stays"
    rebuild(recorded, "S", load_settings(lab.places))
    assert turns(recorded) == left
