"""The recorder: a queue behind the plane, and one thread that writes it to the database in batches.

Putting an entry never waits. A database that is locked or has no room is tried again until it takes what waits; meanwhile rows
are kept in memory, and bodies up to ``ROOM``, compressed from ``MUCH`` on. Beyond that calls are recorded without their
bodies, and say so.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from procy.errors import StoreError
from procy.gateway.entries import Closed, Opened
from procy.gateway.memory import give_back
from procy.gateway.packing import Packer, unpacked, without_request
from procy.gateway.rows import Rows, without_bodies
from procy.store.db import explain, iso, open_writer
from procy.store.exchanges import drop_bodies, drop_loose_parts, end_orphans
from procy.store.write import transaction

log = logging.getLogger("procy.gateway")

BATCH_S = 0.04  # what comes in so long goes into one transaction
MOST = 500  # entries of a batch
ROOM = 32 << 20  # bytes of bodies that may wait
MUCH = 4 << 20  # bytes of bodies: while more waits they are compressed, and after more their room is given back
MOST_WAITING = 200_000  # entries that may wait
PATIENCE_S = (0.1, 0.5, 1.0, 2.0)  # between tries to write
SWEEP_S = 6 * 3600
LAST_S = 5.0  # how long the end of the gateway waits for a database that takes nothing


@dataclass(frozen=True, slots=True)
class Condition:
    """For ``/health``: entries that wait, calls lost, bodies left out, and what the database says."""

    waiting: int
    lost: int
    without_bodies: int
    error: str | None


class Recorder:
    def __init__(self, path: str, rows: Rows, batch_s: float = BATCH_S) -> None:
        self._path, self._rows, self._batch_s = path, rows, batch_s
        self._queue: queue.SimpleQueue[tuple[Opened | Closed, bool] | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._put_bytes = self._written_bytes = 0  # each changed by one thread only
        self._put = self._written = 0
        self._packer = Packer()
        self._lost = self._bare = 0
        self._error: str | None = None
        self._ending: float | None = None
        self._swept: float | None = None

    def start(self) -> None:
        self._thread.start()

    def put(self, entry: Opened | Closed) -> None:
        """On the event loop; returns at once."""
        if self._put - self._written >= MOST_WAITING:
            self._lost += 1
            return
        waiting = self._put_bytes - self._written_bytes
        if waiting > MUCH:
            entry = self._packer.packed(without_request(entry))
        keep = waiting <= MUCH or waiting + entry.size <= ROOM  # one alone may be larger than all the room
        if not keep:
            entry, self._bare = without_bodies(entry), self._bare + 1
        self._put_bytes += entry.size
        self._put += 1
        self._queue.put((entry, keep))

    def condition(self) -> Condition:
        return Condition(self._put - self._written, self._lost, self._bare, self._error)

    def stop(self) -> int:
        """Write what waits, and end. Returns how many entries could not be written."""
        self._ending = time.monotonic() + LAST_S
        self._queue.put(None)
        self._thread.join()
        return self._put - self._written

    # -- the thread -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._write_patiently([])  # opens the database
        given_back = 0
        while batch := self._next():
            self._write_patiently(batch)
            self._sweep()
            del batch
            if self._written == self._put and self._written_bytes - given_back > MUCH:
                given_back = self._written_bytes
                give_back()
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()

    def _sweep(self) -> None:
        """Now and then: take out bodies that are older than they shall become."""
        days, now = self._rows.settings.gateway.keep_bodies_days, time.monotonic()
        if not days or not self._connection or (self._swept is not None and now - self._swept < SWEEP_S):
            return
        self._swept = now
        try:
            with transaction(self._connection):
                before = iso(time.time_ns() - round(days * 86_400e9))
                if count := drop_bodies(self._connection, before):
                    drop_loose_parts(self._connection)
                    log.info("the bodies of %d calls are older than %g days, and were taken out", count, days)
        except sqlite3.Error as error:
            self._say(str(explain(self._path, error)))

    def _next(self) -> list[tuple[Opened | Closed, bool]]:
        """A batch; [] at the end."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        end = time.monotonic() + self._batch_s
        while len(batch) < MOST and self._ending is None and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, self._batch_s))
        while len(batch) < MOST:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._queue.put(None)
                break
            batch.append(item)
        return batch

    def _write_patiently(self, batch: Sequence[tuple[Opened | Closed, bool]]) -> None:
        for attempt in range(1 << 30):
            try:
                self._write(batch)
            except (sqlite3.Error, StoreError, OSError) as error:
                self._rows.parts.forget()
                self._say(str(explain(self._path, error)) if isinstance(error, sqlite3.Error) else str(error))
                if isinstance(error, (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError)):
                    self._write_one_by_one(batch)
                    break
                if self._ending is not None and time.monotonic() > self._ending:
                    return
                time.sleep(PATIENCE_S[min(attempt, len(PATIENCE_S) - 1)])
            else:
                break
        self._written_bytes += sum(entry.size for entry, _ in batch)
        self._written += len(batch)
        if self._error:
            log.warning("the database takes rows again")
            self._error = None

    def _write(self, batch: Sequence[tuple[Opened | Closed, bool]]) -> None:
        if self._connection is None:
            self._connection = open_writer(self._path)
            with transaction(self._connection):
                if orphans := end_orphans(self._connection):
                    log.warning("%d calls of an earlier gateway never ended", orphans)
        with transaction(self._connection):
            self._rows.parts.check(self._connection)
            for opened, closed, keep in pairs(batch):
                self._put_row(self._connection, opened, closed, keep)

    def _put_row(self, connection: sqlite3.Connection, opened: Opened | None, closed: Closed | None, keep: bool) -> None:
        try:
            self._rows.put(connection, opened and unpacked(opened), closed and unpacked(closed), keep)
        except (sqlite3.Error, StoreError, OSError):
            raise
        except Exception:
            self._lost += 1
            log.exception("a call could not be recorded")

    def _write_one_by_one(self, batch: Sequence[tuple[Opened | Closed, bool]]) -> None:
        """One that the database refuses must not take the others along."""
        for one in batch:
            try:
                self._write([one])
            except (sqlite3.Error, StoreError) as error:
                self._rows.parts.forget()
                self._lost += 1
                log.error("a call could not be recorded: %s", error)

    def _say(self, error: str) -> None:
        if error != self._error:
            log.warning("cannot record now: %s", error)
        self._error = error


def pairs(batch: Sequence[tuple[Opened | Closed, bool]]) -> Iterator[tuple[Opened | None, Closed | None, bool]]:
    """Beginnings and ends that came together, as one."""
    ends = {entry.call.id: (entry, keep) for entry, keep in batch if isinstance(entry, Closed)}
    for entry, keep in batch:
        if isinstance(entry, Opened):
            end, also = ends.pop(entry.call.id, (None, True))
            yield entry, end, keep and also
    for end, keep in ends.values():
        yield None, end, keep
