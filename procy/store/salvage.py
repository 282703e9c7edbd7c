"""What can still be read of a damaged database, in a new one: every row of every table that no bad page holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

from procy.store.db import iso, open_writer
from procy.store.write import index_turn

MOST_TRIES = 20_000  # of one table: reads that may fail
DERIVED = ("activity", "tool_activity")  # filled by triggers of turns and tool calls
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1


@dataclass
class Salvaged:
    """Rows that were read, by table, and tables some of which could not be."""

    rows: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def salvage(path: str, target: str) -> Salvaged:
    """Write what can be read of the database at ``path`` to a new one at ``target``. Raises sqlite3.DatabaseError, StoreError.

    Rows that were derived can be derived again then (``procy rebuild``).
    """
    found = Salvaged()
    with closing(sqlite3.connect(path, isolation_level=None)) as old, closing(open_writer(target)) as new:
        old.execute("PRAGMA cell_size_check = ON")
        new.execute("PRAGMA foreign_keys = OFF")
        triggers = new.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        new.execute("BEGIN IMMEDIATE")
        for name, _ in triggers:
            new.execute(f"DROP TRIGGER {name}")
        for table in tables_of(new):
            count, whole = copy_table(old, new, table)
            found.rows[table] = count
            if not whole:
                found.damaged.append(table)
        add_missing_sessions(new)
        derive(new)
        for _, sql in triggers:
            new.execute(sql)
        new.execute("COMMIT")
    return found


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """Those that hold rows of their own: no full-text index, nothing that triggers keep."""
    rows = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND name NOT LIKE '%\\_fts\\_%' ESCAPE '\\' ORDER BY name"
    )
    return [name for (name,) in rows if name not in DERIVED]


def copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> tuple[int, bool]:
    """How many rows came over, and whether that is all there was."""
    columns = shared_columns(old, new, table)
    if not columns:
        return 0, False
    names = ", ".join(f'"{name}"' for name in columns)
    put = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({", ".join("?" * len(columns))})'
    before = new.total_changes
    reader = TableReader(old, table, names)
    for row in reader.rows(has_rowid(new, table)):
        with suppress(sqlite3.IntegrityError):  # of a row that a bad page made up
            new.execute(put, row)
    return new.total_changes - before, reader.failed == 0


def shared_columns(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> list[str]:
    query = f"SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0"
    try:
        there = {name for (name,) in old.execute(query)}
    except sqlite3.DatabaseError:
        return []
    return [name for (name,) in new.execute(query) if name in there]


def has_rowid(connection: sqlite3.Connection, table: str) -> bool:
    (without,) = connection.execute("SELECT wr FROM pragma_table_list WHERE name = ?", (table,)).fetchone()
    return not without


class TableReader:
    """Reads a table from both ends, and what lies between two bad places by halves."""

    def __init__(self, connection: sqlite3.Connection, table: str, columns: str) -> None:
        self.connection, self.table, self.columns = connection, table, columns
        self.failed = 0

    def rows(self, has_rowid: bool) -> Iterator[tuple[object, ...]]:
        if has_rowid:
            yield from self.between(LOWEST, HIGHEST)
        else:
            yield from (row for _, row in self.scan(f'SELECT 0, {self.columns} FROM "{self.table}"'))

    def between(self, low: int, high: int) -> Iterator[tuple[object, ...]]:
        """Rows whose rowids are within, as far as they can be read."""
        ranges = [(low, high)]
        while ranges and self.failed < MOST_TRIES:
            low, high = ranges.pop()
            failed = self.failed
            for rowid, row in self.scan(self.query("ASC"), low, high):
                yield row
                low = int(str(rowid)) + 1
            if self.failed == failed:
                continue
            for rowid, row in self.scan(self.query("DESC"), low, high):
                yield row
                high = int(str(rowid)) - 1
            if low < high and (high - low) < HIGHEST:  # else nothing in it can be read, as far as one can see
                middle = (low + high) // 2
                ranges += [(low, middle), (middle + 1, high)]

    def query(self, order: str) -> str:
        return f'SELECT rowid, {self.columns} FROM "{self.table}" WHERE rowid BETWEEN ? AND ? ORDER BY rowid {order}'

    def scan(self, sql: str, *values: int) -> Iterator[tuple[object, tuple[object, ...]]]:
        """Rows up to the first that cannot be read."""
        try:
            for rowid, *row in self.connection.execute(sql, values):
                yield rowid, tuple(row)
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            self.failed += 1


def add_missing_sessions(connection: sqlite3.Connection) -> None:
    """Sessions whose own row was lost while some of their rows were not."""
    tables = [table for table in tables_of(connection) if "session_id" in columns_of(connection, table)]
    for table in tables:
        missing = connection.execute(
            f'SELECT DISTINCT session_id FROM "{table}" WHERE session_id NOT NULL AND session_id NOT IN (SELECT id FROM sessions)'
        ).fetchall()
        for (key,) in missing:
            values = (key, "generic", "found in a damaged database", began(key), "lost")
            connection.execute("INSERT INTO sessions (id, agent, name, started_at, status) VALUES (?, ?, ?, ?, ?)", values)


def columns_of(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for (name,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')")}


def began(session_id: str) -> str:
    """When the id was made: its first ten characters count milliseconds."""
    number = 0
    for character in session_id[:10]:
        number = number * 32 + max("0123456789ABCDEFGHJKMNPQRSTVWXYZ".find(character), 0)
    return iso(min(number, 1 << 41) * 1_000_000)


def derive(connection: sqlite3.Connection) -> None:
    """Indexes and sums, from what they are made of."""
    for number, key, prompt, response in connection.execute("SELECT n, id, prompt, response FROM turns").fetchall():
        inputs = connection.execute("SELECT input FROM tool_calls WHERE turn_id = ? ORDER BY seq", (key,))
        index_turn(connection, number, prompt or "", response or "", [text or "" for (text,) in inputs])
    connection.execute("INSERT INTO terminal_fts (terminal_fts) VALUES ('rebuild')")
    fill_sums(connection)


def fill_sums(connection: sqlite3.Connection) -> None:
    half_hour = "substr({0}, 1, 14) || iif(substr({0}, 15, 2) < '30', '00', '30')"
    connection.execute(
        f"INSERT INTO activity SELECT {half_hour.format('started_at')}, session_id, origin, coalesce(model, ''), count(*), "
        "sum(status = 'error'), sum(coalesce(input_tokens, 0)), sum(coalesce(output_tokens, 0)), "
        "sum(coalesce(cache_read_tokens, 0)), sum(coalesce(cache_write_tokens, 0)), count(cost_usd), "
        "sum(CAST(round(coalesce(cost_usd, 0) * 1e9) AS INTEGER)) FROM turns GROUP BY 1, 2, 3, 4"
    )
    connection.execute(
        f"INSERT INTO tool_activity SELECT {half_hour.format('turns.started_at')}, name, count(*), "
        "sum(tool_calls.status = 'ok'), sum(tool_calls.status = 'error'), sum(tool_calls.status = 'denied'), "
        "count(tool_calls.duration_ms), sum(coalesce(tool_calls.duration_ms, 0)) "
        "FROM tool_calls JOIN turns ON turns.id = turn_id GROUP BY 1, 2"
    )
