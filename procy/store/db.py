"""Opening the database: pragmas, migrations, and errors in words.

Readers use ``open_reader`` (standard library, fast); the sidecar and every other writer use ``open_writer``, which also
brings the schema up to date. Times in the database are UTC, ISO-8601 with milliseconds.
"""

import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import resources
from typing import Any

from procy.errors import StoreError

BUSY_S = 15.0
SCHEMA = "procy.store.schema"
NO_CHARACTER = re.compile("[\ud800-\udfff]")


class Writer(sqlite3.Connection):
    """A connection for which every string can be stored: what is no character (half a surrogate pair) becomes ``\ufffd``."""

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except UnicodeEncodeError:
            return super().execute(sql, storable(parameters))

    def executemany(self, sql: str, parameters: Iterable[Any]) -> sqlite3.Cursor:
        rows = list(parameters)
        try:
            return super().executemany(sql, rows)
        except UnicodeEncodeError:
            return super().executemany(sql, [storable(row) for row in rows])


def storable(parameters: Any) -> Any:
    items = parameters.items() if isinstance(parameters, Mapping) else enumerate(parameters)
    values = {key: NO_CHARACTER.sub("\ufffd", value) if isinstance(value, str) else value for key, value in items}
    return values if isinstance(parameters, Mapping) else tuple(values.values())


def open_writer(path: str, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """A read-write connection in WAL mode with the newest schema. Raises StoreError."""
    new = not os.path.exists(path)
    with explained(path):
        connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, factory=Writer)
        if new:
            os.chmod(path, 0o600)
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # see ``compact.give_back``; before there is anything
        set_pragmas(connection, busy_s)
        if switch_to_wal(connection, busy_s) != "wal":
            raise StoreError(f"{path} cannot be used by several programs at once here", "Move PROCY_HOME to a local disk")
        connection.execute("PRAGMA synchronous = NORMAL")
        if connection.execute("PRAGMA user_version").fetchone()[0] != schema_version():
            with only_one(path):
                migrate(connection)
    return connection


def switch_to_wal(connection: sqlite3.Connection, busy_s: float) -> str:
    """The journal mode that it has then. SQLite does not wait here for others that open the database at the same time."""
    end = time.monotonic() + busy_s
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)


def open_reader(path: str, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """A read-only connection with rows by name. Raises StoreError when there is no database or its schema is not ours."""
    if not os.path.exists(path):
        raise StoreError(f"there is no database at {path} yet", "Record something first: procy record")
    with explained(path):
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=busy_s, isolation_level=None)
        connection.row_factory = sqlite3.Row
        set_pragmas(connection, busy_s)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != schema_version():
            connection.close()
            with open_writer(path, busy_s):
                pass
            return open_reader(path, busy_s)
    return connection


def set_pragmas(connection: sqlite3.Connection, busy_s: float = BUSY_S) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(busy_s * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")


def schema_files() -> list[tuple[str, str]]:
    """(name, SQL) of every migration, in order."""
    folder = resources.files(SCHEMA)
    return sorted((file.name.removesuffix(".sql"), file.read_text()) for file in folder.iterdir() if file.name.endswith(".sql"))


def schema_version() -> int:
    """The number of the newest migration; ``PRAGMA user_version`` of an up-to-date database."""
    folder = resources.files(SCHEMA)
    return max(int(file.name[:4]) for file in folder.iterdir() if file.name.endswith(".sql"))


def migrate(connection: sqlite3.Connection) -> None:
    """Run what is missing of ``schema/NNNN_what.sql`` (each whole or not at all) and re-create the views."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    wanted = schema_version()
    if found == wanted:
        return
    if found > wanted:
        raise StoreError("the database was made by a newer procy", "Upgrade procy: pip install --upgrade procy")
    import sqlite_utils  # here: 70 ms that only the first start of a version pays
    from sqlite_utils.migrations import Migrations

    steps = Migrations("procy")
    for name, script in schema_files():
        steps(name=name)(running(script))
    database = sqlite_utils.Database(connection)
    steps.apply(database)
    for name, script in view_files():
        connection.execute(f"DROP VIEW IF EXISTS {name}")
        connection.execute(script)
    connection.execute(f"PRAGMA user_version = {wanted}")


@contextmanager
def only_one(path: str) -> Iterator[None]:
    """Let one process at a time bring the schema up to date. The lock is a file of its own: SQLite's are not to be shared."""
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def running(script: str) -> "Callable[[object], None]":
    def step(database: object) -> None:
        database.executescript(script)  # type: ignore[attr-defined]

    return step


def view_files() -> list[tuple[str, str]]:
    folder = resources.files("procy.store.views")
    return sorted((file.name.removesuffix(".sql"), file.read_text()) for file in folder.iterdir() if file.name.endswith(".sql"))


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn SQLite's errors into a StoreError that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise explain(path, error) from error


def explain(path: str, error: sqlite3.Error) -> StoreError:
    text = str(error)
    if is_busy(error):
        return StoreError(f"{path} is locked by another program", "Wait for it to finish, or find it with: fuser " + path)
    if "full" in text:
        return StoreError(f"no room to write {path}", "Free disk space; what was recorded waits in the spool")
    if "not a database" in text or "malformed" in text:
        return StoreError(f"{path} is damaged ({text})", "Save what can be read of it: procy doctor --repair")
    return StoreError(f"{path}: {text}", "Run procy doctor")


def is_busy(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))


def iso(time_ns: int) -> str:
    """UTC, ISO-8601 with milliseconds: ``2026-11-20T12:00:00.123Z``."""
    return datetime.fromtimestamp(time_ns // 1_000_000 / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def from_iso(text: str) -> int:
    """Nanoseconds since 1970 of an ISO-8601 time, with or without a fraction and zone (none means UTC)."""
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
    return round(parsed.timestamp() * 1000) * 1_000_000


def quote(path: str) -> str:
    from urllib.parse import quote as quoted

    return quoted(path)
