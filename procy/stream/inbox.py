"""Messages that were received and not yet taken in, on disk: a crash of ours, or of the machine, loses none of them."""

from __future__ import annotations

import os
import re
import sqlite3

from procy.capture.locks import take_lock
from procy.errors import ConfigError
from procy.places import Places

SCHEMA = "CREATE TABLE IF NOT EXISTS messages (n INTEGER PRIMARY KEY, key TEXT UNIQUE, line BLOB NOT NULL, status TEXT NOT NULL)"
WAIT = ("received", "written")


class Inbox:
    """Of one name; used by one stream at a time. Raises ConfigError where another stream has it."""

    def __init__(self, places: Places, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name):
            raise ConfigError(f"an inbox cannot be named {name}", "Use letters, digits, dots and dashes")
        folder = os.path.join(places.home, "inboxes")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.lock = take_lock(os.path.join(folder, f"{name}.lock"))
        if self.lock is None:
            raise ConfigError(f"the inbox {name} is another stream's", "End that first, or choose another name")
        path = os.path.join(folder, f"{name}.db")
        self.connection = sqlite3.connect(path, isolation_level=None)
        os.chmod(path, 0o600)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute(SCHEMA)

    def waiting(self) -> list[tuple[str, bytes]]:
        """(key, line) of what an earlier stream received and never saw taken in, oldest first."""
        rows = self.connection.execute("SELECT key, line FROM messages WHERE status IN (?, ?) ORDER BY n", WAIT)
        return [(key, bytes(line)) for key, line in rows]

    def put(self, key: str, line: bytes) -> None:
        self.connection.execute("INSERT OR REPLACE INTO messages (key, line, status) VALUES (?, ?, 'received')", (key, line))

    def mark(self, key: str, status: str) -> None:
        """One that was taken in is not kept any longer."""
        if status in WAIT:
            self.connection.execute("UPDATE messages SET status = ? WHERE key = ?", (status, key))
        else:
            self.connection.execute("DELETE FROM messages WHERE key = ?", (key,))
