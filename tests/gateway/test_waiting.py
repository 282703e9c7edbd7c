"""Bodies that wait for a locked database: small in memory, whole in the table, and those that have no room say so."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from procy.gateway import record
from procy.gateway.call import Call
from procy.gateway.entries import Closed, Opened
from procy.gateway.record import Recorder
from procy.gateway.rows import Rows
from procy.gateway.writer import Writer
from procy.settings import Settings
from procy.store.db import open_reader, open_writer
from procy.store.exchanges import read_body
from tests.conftest import empty_database, wait_until

CALLS = 60


def text(number: int) -> bytes:
    return b'{"model":"m","messages":[{"role":"user","content":"%d %s"}]}' % (number, b"what stands here again " * 1000)


def noise(number: int) -> bytes:
    return os.urandom(20_000)


def recorded(path: Path, body_of: Callable[[int], bytes]) -> dict[str, bytes]:
    """What ``CALLS`` calls sent while the database was locked, by id. Their replies are the same bytes in two pieces."""
    shutil.copy(empty_database(), path)
    recorder = Recorder(Writer(str(path), Rows(Settings())))
    sent = {f"{number:026}": body_of(number) for number in range(CALLS)}
    holder = open_writer(str(path))
    holder.execute("BEGIN IMMEDIATE")
    recorder.start()
    for key, body in sent.items():
        call = Call(key, "claude", "", "POST", "/x", "", (), body, time.time_ns())
        recorder.put(Opened(call, len(body)))
        recorder.put(
            Closed(call=call, outcome="ok", status=200, reply=[body[:9], body[9:]], reply_bytes=len(body), sent=b"short")
        )
    assert recorder.condition().waiting == 2 * CALLS
    holder.rollback()
    holder.close()
    wait_until(lambda: not recorder.condition().waiting, 60)
    assert recorder.stop() == 0
    return sent


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MUCH", 100_000)
    monkeypatch.setattr(record, "ROOM", 500_000)


def test_what_waits_is_compressed_and_stored_as_it_was(tmp_path: Path) -> None:
    """2.8 MB where 0.5 may wait."""
    sent = recorded(tmp_path / "procy.db", text)
    with open_reader(str(tmp_path / "procy.db")) as connection:
        assert not connection.execute("SELECT 1 FROM exchanges WHERE bodies IS NOT NULL").fetchall()
        for key, body in sent.items():
            found = [read_body(connection, key, side) for side in ("request", "response", "sent")]
            assert found == [body, body, b"short"]


def test_what_has_no_room_even_so_is_left_out_and_said(tmp_path: Path) -> None:
    sent = recorded(tmp_path / "procy.db", noise)
    with open_reader(str(tmp_path / "procy.db")) as connection:
        kept = dict(connection.execute("SELECT id, bodies FROM exchanges").fetchall())
        assert kept.keys() == sent.keys() and set(kept.values()) == {None, "overload"}
        for key, why_not in kept.items():
            if why_not is None:
                assert read_body(connection, key, "request") == read_body(connection, key, "response") == sent[key]
