"""Making the database file as small as its rows: what was deleted is in no free page and in no log afterwards."""

import os
import sqlite3

from procy.errors import StoreError
from procy.store.db import is_busy


def size(path: str) -> int:
    """Bytes of the database file and its log."""
    return sum(os.path.getsize(one) for one in (path, f"{path}-wal") if os.path.exists(one))


def merge_indexes(connection: sqlite3.Connection) -> None:
    """Let the full-text indexes drop the words of deleted rows; until then they keep them."""
    for table in ("turns_fts", "terminal_fts"):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")


def compact(connection: sqlite3.Connection, path: str) -> None:
    """Write the file anew and empty its log. Raises StoreError when another program does not let go of it."""
    what = f"what was deleted is gone from the tables, but {path} is in use and keeps its size and its old pages"
    remedy = "When no other program uses it, run: procy prune"
    try:
        connection.execute("VACUUM")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        raise StoreError(what, remedy) from error
    if busy:
        raise StoreError(what, remedy)
