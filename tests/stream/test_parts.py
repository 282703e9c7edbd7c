"""Long lines are written down in parts as they come, and are whole lines again for everybody who reads them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procy.capture import lines as capture_lines
from procy.capture.lines import LineSpool, StreamMeta, line_spool
from procy.capture.locks import take_lock
from procy.parse.streams.parts import Parts
from procy.parse.streams.stamp import GOES_ON, STRUCK, Stamped, head, read_stamped
from procy.settings import load_settings
from procy.sidecar.changes import Changes
from procy.sidecar.outbox import Outbox
from procy.sidecar.streams import StreamFollower
from procy.store.db import open_writer
from procy.stream import record
from procy.stream.record import Recorder
from tests.conftest import Lab, empty_database, wait_until
from tests.stream.conftest import Start, message

Chunks = Sequence[tuple[str, bytes]]
CHUNKS = st.lists(st.tuples(st.sampled_from("<>!"), st.text("abc\n\t+", min_size=1, max_size=12).map(str.encode)), max_size=40)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of eight bytes are long, those above thirty too long; a file has a hundred."""
    monkeypatch.setattr(record, "HELD", 8)
    monkeypatch.setattr(record, "LONGEST", 30)
    monkeypatch.setattr(capture_lines, "SEGMENT", 100)


def make_spool(root: Path, session_id: str = "S") -> LineSpool:
    spool = line_spool(root, session_id)
    spool.create(StreamMeta(session_id=session_id, agent="a", command=("x",), cwd="/", started_ns=1, pid=1))
    return spool


def clock() -> Callable[[], int]:
    return itertools.count(10**9).__next__


def read_all(spool: LineSpool) -> list[Stamped]:
    parts, found, offset = Parts(), [], 0
    while (read := spool.read(offset)).lines:
        found += [line for place, one in read.lines if (line := parts.take(place, one))]
        offset = read.next_offset
    assert not parts.left()
    return [stamped for line in found if (stamped := read_stamped(line))]


def recorded(chunks: Chunks) -> list[Stamped]:
    with tempfile.TemporaryDirectory() as root:
        recorder = Recorder(spool := make_spool(Path(root)), clock(), pytest.fail)
        for side, data in chunks:
            recorder.chunk(side, data)
        for side in "<>!":
            recorder.end(side)
        recorder.close()
        return read_all(spool)


def lines_of(chunks: Chunks) -> list[tuple[str, bytes, bool]]:
    """Side, line and whether it is whole, in the order in which they end; of too long ones only that, and their size."""
    found: list[tuple[str, bytes, bool]] = []
    rest = dict.fromkeys("<>!", b"")

    def add(side: str, line: bytes, whole: bool, came_in_parts: bool) -> None:
        if came_in_parts and len(rest[side]) > 30:
            size = len(line) + whole
            found.append(("#", json.dumps({"note": "left out", "side": side, "bytes": size}).encode(), True))
        else:
            found.append((side, line, whole))

    for side, data in chunks:
        *ended, last = data.split(b"\n")
        for line in ended:
            add(side, rest[side] + line, True, bool(rest[side]))
            rest[side] = b""
        rest[side] += last
    for side in "<>!":
        if rest[side]:
            add(side, rest[side], False, True)
    return found


@settings(max_examples=100, deadline=None)
@given(CHUNKS)
def test_lines_are_whole_again_however_they_came(chunks: Chunks) -> None:
    assert [(one.side, one.line, one.whole) for one in recorded(chunks)] == lines_of(chunks)


def test_parts_of_both_sides_are_told_apart_and_are_in_the_spool_before_they_end(tmp_path: Path) -> None:
    recorder = Recorder(spool := make_spool(tmp_path), clock(), pytest.fail)
    for _ in range(3):
        recorder.chunk("<", b"12345678")
        recorder.chunk(">", b"abcdefgh")
    assert b"".join(spool.segment(start).read_bytes() for start in spool.segments()).count(b"+\t") == 6
    recorder.chunk(">", b"\n")
    recorder.chunk("<", b"9\n")
    recorder.close()
    assert [(one.side, one.line) for one in read_all(spool)] == [(">", b"abcdefgh" * 3), ("<", b"12345678" * 3 + b"9")]


@settings(max_examples=100, deadline=None)
@given(CHUNKS, st.lists(st.sampled_from(["ok", "ok", "nothing", "some"]), max_size=40))
def test_a_line_of_which_a_part_is_missing_is_not_read(chunks: Chunks, fates: list[str]) -> None:
    """A disk that takes writes, none of them, or a piece: what is read is a line, or was cut off at its end."""
    said = {side: [line for one, line, _ in lines_of(chunks) if one == side] for side in "<>!"}
    real = os.writev
    left: Iterator[str] = iter(fates)

    def writev(file: int, parts: list[bytes]) -> int:
        nonlocal left
        fate = next(left, "ok")
        if fate == "ok":
            return real(file, parts)
        if fate == "some":
            left = itertools.chain(["nothing"], left)
            return os.write(file, b"".join(parts)[: sum(map(len, parts)) // 2])
        raise OSError(28, "No space left on device")

    complaints: list[str] = []
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "writev", writev)
        recorder = Recorder(spool := make_spool(Path(root)), clock(), complaints.append)
        for side, data in chunks:
            recorder.chunk(side, data)
        for side in "<>!":
            recorder.end(side)
        left = iter(())
        recorder.note("end")
        recorder.close()
        found = read_all(spool)
    for side, lines in said.items():
        rest = iter(lines)
        for one in found:
            assert one.side != side or any(line.startswith(one.line) for line in rest), (one, lines)
    assert json.loads(found[-1].line) == {"note": "end"}


def test_what_a_killed_writer_left_is_half_a_line() -> None:
    parts = Parts()
    assert parts.take(0, head(5, "<", 2, GOES_ON) + b"ab") is None and parts.first == 0
    assert parts.take(9, head(6, ">", 2) + b"x") == head(6, ">", 2) + b"x"
    assert parts.take(20, head(7, ">", 2, GOES_ON) + b"gone") is None
    assert parts.take(30, head(8, ">", 2, STRUCK)) is None
    assert [read_stamped(line) for line in parts.left()] == [Stamped(5, "<", 2, False, b"ab")]
    assert parts.first is None


# -- in the database --------------------------------------------------------------------------------------------------


def said(text: str) -> bytes:
    return json.dumps({"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}}).encode() + b"\n"


RESULT = b'{"type":"result","subtype":"success"}\n'


def cut(side: str, line: bytes) -> list[tuple[str, bytes]]:
    return [(side, line[place : place + 40]) for place in range(0, len(line), 40)]


def both(*sides: Chunks) -> Chunks:
    return [one for ones in itertools.zip_longest(*sides) for one in ones if one]


CONVERSATION: Chunks = [
    *cut(">", message("one")), ("!", b"a warning that never ends, and is long"), ("<", b'{"type":"system","subtype":"init"}\n'),
    *both(cut("<", said("the answer to one, which is long")), cut(">", message("two, while it answers"))), ("<", RESULT),
    ("<", b'{"type":"system","subtype":"init"}\n'), *cut("<", said("two")), ("<", RESULT),
]  # fmt: skip


def followed(lab: Lab, cuts: Sequence[int], killed: bool = False) -> list[tuple[object, ...]]:
    """Lines and turns of the conversation, where the sidecar that reads it dies after so many chunks."""
    shutil.rmtree(lab.places.spool, ignore_errors=True)
    shutil.copy(empty_database(), lab.places.db)
    connection = open_writer(lab.places.db)
    spool = make_spool(Path(lab.places.spool))
    lock = take_lock(spool.lock)
    assert lock
    recorder = Recorder(spool, clock(), pytest.fail)
    recorder.note("start", argv=["x"])

    def follow() -> None:
        outbox = Outbox()
        settings = load_settings(lab.places)
        follower = StreamFollower(connection, outbox, spool, settings, Changes(lab.places, settings))
        while not follower.finished:
            before = follower.offset
            follower.tick(10**9)
            outbox.send(connection)
            outbox.settle(connection)
            if follower.offset == before and not follower.finished:
                return

    for number, (side, data) in enumerate(CONVERSATION, 1):
        recorder.chunk(side, data)
        if number in cuts:
            follow()
    if not killed:
        for side in "<>!":
            recorder.end(side)
        recorder.note("end", status=0)
    recorder.close()
    lock.close()
    follow()
    assert not spool.path.exists()
    rows = connection.execute("SELECT line FROM transcript_lines ORDER BY offset").fetchall()
    turns = connection.execute("SELECT id, prompt, response, status FROM turns ORDER BY seq").fetchall()
    connection.close()
    return [*map(tuple, rows), *map(tuple, turns)]


@pytest.mark.parametrize("killed", [False, True])
def test_a_sidecar_that_begins_within_a_line_reads_no_line_twice(lab: Lab, monkeypatch: pytest.MonkeyPatch, killed: bool) -> None:
    monkeypatch.setattr(record, "LONGEST", 1000)
    whole = followed(lab, [], killed)
    assert [turn[1:3] for turn in whole[-2:]] == [("one", "the answer to one, which is long"), ("two, while it answers", "two")]
    assert "a warning" in str(whole) and all("+\t" not in str(row[0])[:40] for row in whole)
    for place in range(1, len(CONVERSATION) + 1, 4):
        assert followed(lab, [place, place + 2], killed) == whole, place


AGENT = """
import os, sys
sys.stdin.readline()
text = b"y" * 3_000_000
os.write(1, b'{"type":"system","subtype":"init","session_id":"s","model":"m"}\\n')
os.write(1, b'{"type":"assistant","message":{"content":[{"type":"text","text":"')
for place in range(0, len(text), 500_000):
    part = text[place:place + 500_000]
    while part:
        part = part[os.write(1, part):]
    os.write(2, b"%d\\n" % place)
os.write(1, b'"}]}}\\n{"type":"result","subtype":"success"}\\n')
"""


def test_a_long_line_is_passed_recorded_and_derived_again(stream: Start, lab: Lab) -> None:
    question = "z" * 3_000_000
    out, _, status = stream("--", sys.executable, "-c", AGENT).end(message(question))
    assert status == 0 and out.count(b"\n") == 3 and len(out) > 3_000_000
    (turn,) = lab.until_turns(1, 60)
    assert (turn["prompt"], turn["response"], turn["status"]) == (question, "y" * 3_000_000, "done")
    wait_until(lambda: lab.rows("SELECT 1 FROM sessions WHERE status = 'ended'"), 60)
    lab.procy("rebuild", "last")
    assert lab.turns() == [turn]
