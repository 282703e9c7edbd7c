"""Writes that wait for the database. Nothing is forgotten while it is locked or the disk is full."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from procy.sidecar.log import log
from procy.store.write import transaction

Write = Callable[[sqlite3.Connection], None]
Action = Callable[[], None]
PATIENCE = 2000


class Outbox:
    """Writes in order, sent in one transaction each time; actions run once that is safe."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.actions: list[Action] = []
        self.waiting: list[Action] = []

    def put(self, write: Write) -> None:
        self.writes.append(write)

    def after(self, action: Action) -> None:
        """Run ``action`` once everything put so far is committed."""
        self.actions.append(action)

    def when_durable(self, action: Action) -> None:
        """Run ``action`` once everything put so far would survive a power cut."""
        self.actions.append(partial(self.waiting.append, action))

    @property
    def is_full(self) -> bool:
        """Whether the readers should wait: their input is safe in the spool."""
        return len(self.writes) > PATIENCE

    def send(self, connection: sqlite3.Connection) -> None:
        """Commit everything. Raises sqlite3.DatabaseError with all of it kept when that is not possible now: the database is
        locked, damaged, or the disk full."""
        if not self.writes:
            return
        if self.commit(connection, self.writes):
            self.writes = []
        while self.writes:  # one of them cannot be done: the others shall be
            self.commit(connection, self.writes[:1])
            del self.writes[0]
        actions, self.actions = self.actions, []
        for action in actions:
            action()

    def commit(self, connection: sqlite3.Connection, writes: Sequence[Write]) -> bool:
        """All of them in one transaction; False when a mistake in one of them forbids it."""
        try:
            with transaction(connection):
                for write in writes:
                    write(connection)
        except sqlite3.DatabaseError as error:
            if not is_of_the_row(error):
                raise
            log.exception("%d rows could not be written together", len(writes))
            return False
        except Exception:  # noqa: BLE001  # the sink: what is wrong with one row must not stop the others
            log.exception("%d rows could not be written together", len(writes))
            return False
        return True

    def settle(self, connection: sqlite3.Connection) -> None:
        """Bring the commits to the disk and run what waits for that. A reader in the way postpones it."""
        if not self.waiting:
            return
        _, in_log, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if in_log == moved:
            actions, self.waiting = self.waiting, []
            for action in actions:
                action()


def is_of_the_row(error: sqlite3.DatabaseError) -> bool:
    """Whether a mistake in what is written is at fault, and not the database."""
    return isinstance(error, (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError))
