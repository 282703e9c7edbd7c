"""Other programs' SQLite databases, read without being in their way."""

import os
import sqlite3
from contextlib import closing
from urllib.parse import quote

WAIT_S = 0.2


def open_database(path: str) -> sqlite3.Connection:
    """To read, without a lock that a writer waits for, and without a new file beside it. Raises sqlite3.Error.

    Where there is no write-ahead log nobody has it open; a reader that counts on that makes none.
    """
    mode = "mode=ro" if os.path.exists(f"{path}-wal") else "mode=ro&immutable=1"
    return sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True, timeout=WAIT_S)


def rows_of(path: str, sql: str, *values: object) -> list[sqlite3.Row]:
    """What a query finds; nothing where the database is not there or cannot be read now."""
    try:
        with closing(open_database(path)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, values).fetchall()
    except (sqlite3.Error, OSError):
        return []
