"""The questions that people ask: one SQL file each, beside this one. Pages, Datasette's stored queries and docs/queries.md
all take them from here.

A file begins with comments: its title, a blank comment, what it says, and a line ``-- :name what it is`` for each parameter.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

PARAMETER = re.compile(r":(\w+) +(.+)")


@dataclass(frozen=True, slots=True)
class Query:
    """``parameters``: what each is, by name; all of them are text, and empty where nothing was given."""

    name: str
    title: str
    about: str
    parameters: dict[str, str]
    sql: str

    def rows(self, connection: sqlite3.Connection, **given: str) -> list[sqlite3.Row]:
        """What it finds; a parameter that is not given is empty."""
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(self.sql, {**dict.fromkeys(self.parameters, ""), **given}).fetchall()


@cache
def all_queries() -> dict[str, Query]:
    """By name, in the order of titles."""
    return {query.name: query for query in sorted(read_all(), key=lambda query: query.title)}


def read_all() -> Iterator[Query]:
    for file in resources.files(__name__).iterdir():
        if file.name.endswith(".sql"):
            yield parse(file.name.removesuffix(".sql").replace("_", "-"), file.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Query:
    """A file as a query."""
    lines = text.strip().split("\n")
    head = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    parameters = {match[1]: match[2] for line in head if (match := PARAMETER.fullmatch(line))}
    about = " ".join(line for line in head[1:] if line and not PARAMETER.fullmatch(line))
    sql = "\n".join(line for line in lines if not line.startswith("--")).strip()
    return Query(name, head[0], about, parameters, sql)
