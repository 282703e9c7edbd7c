"""What came to the recorder, into the database: batch by batch, each in one transaction."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress

from procy.errors import StoreError
from procy.gateway.entries import Pair, Unwritten
from procy.gateway.packing import unpacked
from procy.gateway.rows import Rows
from procy.store.db import explain, iso, open_writer
from procy.store.exchanges import drop_bodies, drop_loose_parts, end_orphans
from procy.store.write import transaction

log = logging.getLogger("procy.gateway")

SWEEP_S = 6 * 3600
NEVER_TAKEN = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError)


class Writer:
    """``Writes`` for one thread. ``ends_orphans``: calls without an end, which were there before, have lost theirs."""

    def __init__(self, path: str, rows: Rows, ends_orphans: bool = True) -> None:
        self._path, self._rows, self._ends_orphans = path, rows, ends_orphans
        self._connection: sqlite3.Connection | None = None
        self._swept: float | None = None

    def write(self, batch: Sequence[Pair]) -> int:
        try:
            lost = self._write(batch)
            self._sweep()
        except (sqlite3.Error, StoreError, OSError) as error:
            self._rows.parts.forget()
            why = str(explain(self._path, error)) if isinstance(error, sqlite3.Error) else str(error)
            raise Unwritten(why, isinstance(error, NEVER_TAKEN)) from error
        return lost

    def close(self) -> None:
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()

    def _write(self, batch: Sequence[Pair]) -> int:
        if self._connection is None:
            self._connection = open_writer(self._path)
        if self._ends_orphans:
            with transaction(self._connection):
                if orphans := end_orphans(self._connection):
                    log.warning("%d calls of an earlier gateway never ended", orphans)
            self._ends_orphans = False
        with transaction(self._connection):
            self._rows.parts.check(self._connection)
            return sum(not self._put(self._connection, entry) for entry in batch)

    def _put(self, connection: sqlite3.Connection, entry: Pair) -> bool:
        """Whether the call could be told."""
        opened, closed, keep = entry
        try:
            self._rows.put(connection, opened and unpacked(opened), closed and unpacked(closed), keep)
        except (sqlite3.Error, StoreError, OSError):
            raise
        except Exception:
            log.exception("a call could not be recorded")
            return False
        return True

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
            log.warning("old bodies could not be taken out: %s", explain(self._path, error))
