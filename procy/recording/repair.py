"""Making a damaged database whole: what can be read of it is kept, and what the spool still has is read once more."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from procy.capture import tap
from procy.capture.locks import take_lock
from procy.capture.records import Record
from procy.capture.spool import Spool, spools
from procy.errors import StoreError
from procy.places import Places
from procy.recording.awake import start_sidecar
from procy.store.db import open_writer
from procy.store.salvage import Salvaged, salvage
from procy.store.write import transaction

GOING_S = 20.0
ENDINGS = ("", "-wal", "-shm")


@dataclass(frozen=True)
class Repaired:
    """``kept``: the damaged file as it was. ``again``: sessions some of whose bytes the spool has still."""

    salvaged: Salvaged
    kept: str
    again: int


def is_damaged(path: str) -> str:
    """What SQLite finds wrong with the file; "" where it finds nothing."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return "" if isinstance(error, sqlite3.OperationalError) else str(error)
    return "" if verdict == "ok" else verdict


def repair(places: Places, now: time.struct_time) -> Repaired:
    """Put a whole database in the place of a damaged one; the sidecar waits meanwhile. Raises StoreError."""
    fresh = f"{places.db}.repaired"
    kept = f"{places.db}.damaged-{time.strftime('%Y%m%d-%H%M%S', now)}"
    with sidecar_held(places):
        for ending in ENDINGS:
            Path(fresh + ending).unlink(missing_ok=True)
        try:
            for ending in ENDINGS[:2]:
                if os.path.exists(places.db + ending):
                    shutil.copy2(places.db + ending, kept + ending)
            salvaged = salvage(places.db, fresh)
            with closing(open_writer(fresh)) as connection, transaction(connection):
                again = sum(read_again(connection, spool) for spool in spools(places.spool))
            put_in_place(fresh, places.db)
        except (OSError, sqlite3.DatabaseError) as error:
            raise StoreError(
                f"{places.db} cannot be repaired: {error}", f"It is as it was. Free disk space, or move {places.db} away"
            ) from error
    if spools(places.spool):
        start_sidecar(places)
    return Repaired(salvaged, kept, again)


@contextmanager
def sidecar_held(places: Places) -> Iterator[None]:
    """End the sidecar, which loses nothing by that, and keep others from starting."""
    until = time.monotonic() + GOING_S
    while (lock := take_lock(places.sidecar_lock)) is None:
        with suppress(OSError, ValueError):
            os.kill(int(Path(places.sidecar_lock).read_text()), signal.SIGTERM)
        if time.monotonic() > until:
            raise StoreError("the sidecar does not end", f"End it: kill -9 $(cat {places.sidecar_lock})")
        time.sleep(0.1)
    with lock:
        yield


def put_in_place(fresh: str, path: str) -> None:
    """Into the file itself, so that programs that have it open go on; where that cannot be, in its stead."""
    try:
        with closing(sqlite3.connect(fresh)) as source, closing(sqlite3.connect(path, timeout=15)) as target:
            source.backup(target)
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for ending in ENDINGS:
            Path(fresh + ending).unlink(missing_ok=True)
    except sqlite3.DatabaseError:
        with closing(sqlite3.connect(fresh)) as source:
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for ending in ENDINGS[1:]:
            Path(path + ending).unlink(missing_ok=True)
        os.replace(fresh, path)


def read_again(connection: sqlite3.Connection, spool: Spool) -> bool:
    """Let the sidecar read what the database has no longer, where the spool has it still; False where nothing is missing."""
    end = whole_until(connection, spool.session_id)
    cursor = connection.execute("SELECT stream_offset FROM spool_cursors WHERE session_id = ?", (spool.session_id,)).fetchone()
    last = connection.execute("SELECT max(end) FROM terminal_blocks WHERE session_id = ?", (spool.session_id,)).fetchone()[0]
    segments = sorted(int(path.stem) for path in spool.path.glob("[0-9]*.idx"))
    first = first_offset(spool, segments[0]) if segments else None
    if first is None or first > end or (cursor and cursor[0] <= end and (last or 0) <= end):
        return False
    connection.execute("DELETE FROM terminal_blocks WHERE session_id = ? AND start >= ?", (spool.session_id, end))
    connection.execute("INSERT OR REPLACE INTO spool_cursors VALUES (?, ?, 0, ?)", (spool.session_id, segments[0], end))
    return True


def whole_until(connection: sqlite3.Connection, session_id: str) -> int:
    """Up to where the session's blocks follow each other."""
    end = 0
    for start, following in connection.execute(
        "SELECT start, end FROM terminal_blocks WHERE session_id = ? ORDER BY start", (session_id,)
    ):
        if start > end:
            break
        end = following
    return end


def first_offset(spool: Spool, segment: int) -> int | None:
    with spool.segment(segment, "idx").open("rb") as file:
        data = file.read(tap.RECORD.size)
    return Record(*tap.RECORD.unpack(data)).offset if len(data) == tap.RECORD.size else None
