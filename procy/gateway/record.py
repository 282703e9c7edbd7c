"""The recorder: a queue behind the plane, and one thread that gives it away in batches, to be written.

Putting an entry never waits. A database that is locked or has no room is tried again until it takes what waits; meanwhile rows
are kept in memory, and bodies up to ``ROOM``, compressed from ``MUCH`` on. Beyond that calls are recorded without their
bodies, and say so.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from procy.gateway.entries import Closed, Opened, Pair, Unwritten, Writes, without_bodies
from procy.gateway.memory import give_back
from procy.gateway.packing import Packer, without_request

log = logging.getLogger("procy.gateway")

BATCH_S = 0.04  # what comes in so long goes into one transaction
MOST = 500  # entries of a batch
MOST_BYTES = 1 << 20  # and of its bodies, unless one alone has more
ROOM = 32 << 20  # bytes of bodies that may wait
MUCH = 4 << 20  # bytes of bodies: while more waits they are compressed, and after more their room is given back
MOST_WAITING = 200_000  # entries that may wait
PATIENCE_S = (0.1, 0.5, 1.0, 2.0)  # between tries to write
LAST_S = 5.0  # how long the end of the gateway waits for a database that takes nothing

Waiting = tuple[Opened | Closed, bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """For ``/health``: entries that wait, calls lost, bodies left out, and what the database says."""

    waiting: int
    lost: int
    without_bodies: int
    error: str | None


class Recorder:
    def __init__(self, writes: Writes, batch_s: float = BATCH_S) -> None:
        self._writes, self._batch_s = writes, batch_s
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._put_bytes = self._written_bytes = 0  # each changed by one thread only
        self._put = self._written = 0
        self._packer = Packer()
        self._lost = self._bare = 0
        self._error: str | None = None
        self._ending: float | None = None

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
            del batch
            if self._written == self._put and self._written_bytes - given_back > MUCH:
                given_back = self._written_bytes
                give_back()
        self._writes.close()

    def _next(self) -> list[Waiting]:
        """A batch; [] at the end."""
        first = self._queue.get()
        if first is None:
            return []
        batch, size = [first], first[0].size
        end = time.monotonic() + self._batch_s
        while not self._has_much and self._ending is None and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, self._batch_s))
        while len(batch) < MOST and size < MOST_BYTES:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._queue.put(None)
                break
            batch.append(item)
            size += item[0].size
        return batch

    @property
    def _has_much(self) -> bool:
        """Whether a whole batch waits."""
        return self._put - self._written >= MOST or self._put_bytes - self._written_bytes >= MOST_BYTES

    def _write_patiently(self, batch: Sequence[Waiting]) -> None:
        entries = list(pairs(batch))
        for attempt in range(1 << 30):
            try:
                self._lost += self._writes.write(entries)
            except Unwritten as error:
                self._say(str(error))
                if error.for_ever:
                    self._write_one_by_one(entries)
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

    def _write_one_by_one(self, entries: Sequence[Pair]) -> None:
        """One that the database refuses must not take the others along."""
        for one in entries:
            try:
                self._lost += self._writes.write([one])
            except Unwritten as error:
                self._lost += 1
                log.error("a call could not be recorded: %s", error)

    def _say(self, error: str) -> None:
        if error != self._error:
            log.warning("cannot record now: %s", error)
        self._error = error


def pairs(batch: Sequence[Waiting]) -> Iterator[Pair]:
    """Beginnings and ends that came together, as one."""
    ends = {entry.call.id: (entry, keep) for entry, keep in batch if isinstance(entry, Closed)}
    for entry, keep in batch:
        if isinstance(entry, Opened):
            end, also = ends.pop(entry.call.id, (None, True))
            yield Pair(entry, end, keep and also)
    for end, keep in ends.values():
        yield Pair(None, end, keep)
