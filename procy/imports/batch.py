"""Rows that are written together or not at all."""

from __future__ import annotations

import sqlite3

from procy.sidecar.outbox import Outbox
from procy.store.write import transaction


class Batch(Outbox):
    """An outbox whose every write must succeed: nothing waits in a spool here, so what fails is told."""

    def send(self, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            for write in self.writes:
                write(connection)
        self.writes.clear()
