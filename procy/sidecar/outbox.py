"""Writes that wait for the database. Nothing is forgotten while it is locked or the disk is full."""

import sqlite3
from collections.abc import Callable
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
        """Commit everything. Raises sqlite3.OperationalError with all of it kept when that is not possible now."""
        if not self.writes:
            return
        try:
            with transaction(connection):
                for write in self.writes:
                    write(connection)
            self.writes = []
        except sqlite3.OperationalError:
            raise
        except Exception:  # noqa: BLE001  # a mistake in one row must not stop the others
            self.send_singly(connection)
        actions, self.actions = self.actions, []
        for action in actions:
            action()

    def send_singly(self, connection: sqlite3.Connection) -> None:
        """Commit one write after the other, leaving out those that cannot be done."""
        while self.writes:
            try:
                with transaction(connection):
                    self.writes[0](connection)
            except sqlite3.OperationalError:
                raise
            except Exception:  # noqa: BLE001
                log.exception("a row could not be written")
            del self.writes[0]

    def settle(self, connection: sqlite3.Connection) -> None:
        """Bring the commits to the disk and run what waits for that. A reader in the way postpones it."""
        if not self.waiting:
            return
        _, in_log, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if in_log == moved:
            actions, self.waiting = self.waiting, []
            for action in actions:
                action()
