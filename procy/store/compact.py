"""Making the database file as small as its rows, at once and to the last trace, or bit by bit beside those who write."""

import os
import sqlite3

from procy.errors import StoreError
from procy.store.db import is_busy

INCREMENTAL = 2  # of ``PRAGMA auto_vacuum``; databases made before procy set it have 0 until they are written anew
STEP = 2_000  # pages given back at a time, some milliseconds each


def size(path: str) -> int:
    """Bytes of the database file and its log."""
    return sum(os.path.getsize(one) for one in (path, f"{path}-wal") if os.path.exists(one))


def merge_indexes(connection: sqlite3.Connection) -> None:
    """Let the full-text indexes drop the words of deleted rows; until then they keep them."""
    for table in ("turns_fts", "terminal_fts"):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")


def compact(connection: sqlite3.Connection, path: str) -> None:
    """Write the file anew and empty its log: what was deleted is in no free page and in no log afterwards. Nobody else writes
    as long as that lasts. Raises StoreError when another program does not let go of the file."""
    try:
        connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
        connection.execute("VACUUM")
        empty_log(connection, path)
    except sqlite3.OperationalError as error:
        raise explained_busy(error, path) from error


def give_back(connection: sqlite3.Connection, path: str) -> None:
    """Free pages to the system, few at a time: whoever writes waits for one step. A database that cannot do that yet is
    written anew this once. Raises StoreError as ``compact``."""
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != INCREMENTAL:
        compact(connection, path)
        return
    try:
        while connection.execute("PRAGMA freelist_count").fetchone()[0]:
            connection.execute(f"PRAGMA incremental_vacuum({STEP})").fetchall()
        empty_log(connection, path)
    except sqlite3.OperationalError as error:
        raise explained_busy(error, path) from error


def empty_log(connection: sqlite3.Connection, path: str) -> None:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise in_use(path)


def explained_busy(error: sqlite3.OperationalError, path: str) -> Exception:
    return in_use(path) if is_busy(error) else error


def in_use(path: str) -> StoreError:
    what = f"what was deleted is gone from the tables, but {path} is in use and keeps its size and its old pages"
    return StoreError(what, "When no other program uses it, run: procy prune")
