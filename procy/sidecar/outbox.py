"""Writes that wait for the database. Nothing is forgotten while it is locked or the disk is full."""

import sqlite3
from collections.abc import Callable
from functools import partial

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
        """Commit everything. Raises sqlite3.OperationalError with all of it kept when that is not possible now."""
        if not self.writes:
            return
        with transaction(connection):
            for write in self.writes:
                write(connection)
        actions, self.writes, self.actions = self.actions, [], []
        for action in actions:
            action()

    def settle(self, connection: sqlite3.Connection) -> None:
        """Bring the commits to the disk and run what waits for that. A reader in the way postpones it."""
        if not self.waiting:
            return
        _, in_log, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if in_log == moved:
            actions, self.waiting = self.waiting, []
            for action in actions:
                action()
