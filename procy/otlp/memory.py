"""Which rows each collector has had, so that what follows goes on where it stopped. Holds ids and addresses, no text."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence

from procy.places import Places
from procy.store.db import BUSY_S, explained

SCHEMA = "CREATE TABLE IF NOT EXISTS sent (endpoint TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (endpoint, id)) WITHOUT ROWID"


def path_of(places: Places) -> str:
    return os.path.join(places.beside_spool, "otlp.db")


class Memory:
    """Of one endpoint. ``name`` is that of the schema that ``attach`` gives to a reader of procy's database."""

    name = "otlp"

    def __init__(self, places: Places, endpoint: str) -> None:
        self.path, self.endpoint = path_of(places), endpoint
        with explained(self.path):
            new = not os.path.exists(self.path)
            self.connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            if new:
                os.chmod(self.path, 0o600)
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute(SCHEMA)

    def attach(self, reader: sqlite3.Connection) -> None:
        reader.execute(f"ATTACH ? AS {self.name}", (f"file:{self.path}?mode=ro",))

    def add(self, ids: Sequence[str]) -> None:
        """Those have arrived."""
        with explained(self.path), self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.executemany("INSERT OR IGNORE INTO sent VALUES (?, ?)", [(self.endpoint, one) for one in ids])

    def close(self) -> None:
        self.connection.close()
