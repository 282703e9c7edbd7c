"""What was told to a collector in words, so that ``procy forget`` can name it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import urlsplit

from procy.store.forgotten import add_telling
from procy.store.write import written

OWNERS = """
SELECT session_id, id FROM turns WHERE id IN (SELECT value FROM json_each(:rows))
UNION SELECT id, NULL FROM sessions WHERE id IN (SELECT value FROM json_each(:rows))
UNION SELECT session_id, turn_id FROM exchanges WHERE session_id IS NOT NULL AND id IN (SELECT value FROM json_each(:rows))
"""  # calls of tools go with their turns


class Notes:
    """For one collector. ``db``: the file to write to."""

    def __init__(self, connection: sqlite3.Connection, db: str, endpoint: str) -> None:
        self.connection, self.db, self.where = connection, db, without_login(endpoint)

    def add(self, rows: Sequence[str]) -> None:
        """These rows are sent there. Raises StoreError."""
        turns: dict[str, set[str]] = defaultdict(set)
        for session_id, turn_id in self.connection.execute(OWNERS, {"rows": json.dumps(list(rows))}):
            turns[session_id] |= {turn_id} - {None}
        if turns:
            with written(self.db) as writer:
                for session_id, told in turns.items():
                    add_telling(writer, session_id, self.where, told, time.time_ns())


def without_login(endpoint: str) -> str:
    """An address as it may be kept and shown."""
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
