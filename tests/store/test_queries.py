"""The stored queries: they say what they are, run on any database, and those of a page read no whole table of turns."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from procy.store import training
from procy.store.db import open_reader, open_writer
from procy.store.queries import all_queries, parse
from procy.ui.overview import NAMES

QUERIES = all_queries()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    path = str(tmp_path_factory.mktemp("empty") / "procy.db")
    open_writer(path).close()
    return open_reader(path)


def plan(connection: sqlite3.Connection, sql: str, given: object) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", given)]


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_says_what_it_is(name: str, empty: sqlite3.Connection) -> None:
    query = QUERIES[name]
    assert query.title and query.about.endswith(".") and query.sql.startswith("SELECT")
    assert set(re.findall(r"[ (]:(\w+)", query.sql)) == set(query.parameters)
    found = query.rows(empty, **dict.fromkeys(query.parameters, "2026-01-01"))
    assert [tuple(row) for row in found] == ([(0, *[None] * 12)] if name == "totals" else [])


def test_a_file_is_read_as_it_is_written() -> None:
    query = parse("some-name", "-- Title\n--\n-- It says\n-- this.\n-- :since first day\nSELECT 1 -- one\n")
    assert (query.title, query.about, query.parameters, query.sql) == (
        "Title", "It says this.", {"since": "first day"}, "SELECT 1 -- one",
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_overview_reads_no_table_of_turns_whole(name: str, empty: sqlite3.Connection) -> None:
    query = QUERIES[name]
    steps = plan(empty, query.sql, {**dict.fromkeys(query.parameters, "5"), "since": "2026-01-01"})
    assert not [step for step in steps if re.match(r"SCAN (turns|tool_calls|sessions|turn_files)\b", step)], steps
    if name == "longest-turns":  # the index has them in this order
        assert not [step for step in steps if "TEMP B-TREE" in step], steps
    elif name not in ("most-used-tools", "failing-tools"):
        assert any(re.match(r"SEARCH activity USING PRIMARY KEY \(at>", step) for step in steps), steps


@pytest.mark.parametrize("category", ["human", "proxy"])
def test_training_reads_the_newest_rows_by_an_index(category: str, empty: sqlite3.Connection) -> None:
    steps = plan(empty, training.CANDIDATES[category], (10,))
    assert not [step for step in steps if step.startswith("SCAN turns") or "TEMP B-TREE" in step], steps
    assert not [step for step in steps if step == "SCAN tries"], steps


def test_they_are_all_in_the_documentation() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "queries.md").read_text(encoding="utf-8")
    assert all(f"`{name}`. {query.about}" in text and query.sql in text for name, query in QUERIES.items())
