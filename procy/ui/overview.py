"""What was done and what it cost, over some days: figures, each with the SQL that it comes from."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from procy.store.queries import all_queries
from procy.ui.bars import Bars, bars_of
from procy.ui.pages import Pages

RANGES = {"7": "7 days", "30": "30 days", "90": "90 days", "all": "All time"}
USUAL = "30"
NAMES = ("totals", "activity-per-day", "cost-per-day", "cost-per-agent", "cost-per-model", "most-used-tools", "failing-tools",
         "longest-turns", "sessions-by-directory")  # fmt: skip
LEAST_CALLS = 10  # of a tool whose failures are shown: one call that failed is no rate
SHOWN = 10  # rows of a table


@dataclass(frozen=True, slots=True)
class Figure:
    """A stored query with what it found. ``address``: where it can be looked at and changed."""

    name: str
    title: str
    address: str
    rows: Sequence[sqlite3.Row]

    @property
    def first(self) -> Sequence[sqlite3.Row]:
        return self.rows[:SHOWN]


@dataclass(frozen=True, slots=True)
class Charts:
    turns: Bars | None
    tokens: Bars | None
    cost: Bars | None


def range_of(text: str | None) -> str:
    return text if text in RANGES else USUAL


def since(chosen: str, today: date) -> date | None:
    """The first day of a range; None for all."""
    return None if chosen == "all" else today - timedelta(days=int(chosen) - 1)


def figures(pages: Pages, connection: sqlite3.Connection, first: date | None) -> dict[str, Figure]:
    """By the name of their query, with underscores."""
    given = {"since": first.isoformat() if first else "", "least": str(LEAST_CALLS)}
    return {name.replace("-", "_"): figure(pages, connection, name, given) for name in NAMES}


def figure(pages: Pages, connection: sqlite3.Connection, name: str, given: Mapping[str, str]) -> Figure:
    query = all_queries()[name]
    own = {key: given[key] for key in query.parameters}
    return Figure(name, query.title, pages.query_address(query.sql, own), query.rows(connection, **own))


def charts(found: Mapping[str, Figure], first: date | None, today: date) -> Charts:
    """``first`` None: from the first day on which anything was done."""
    turns, costs = by_day(found["activity_per_day"]), by_day(found["cost_per_day"])
    start = first or min((*turns, *costs), default=today)
    last = max((today, *turns))

    def bars(days: Mapping[date, sqlite3.Row], *names: str) -> Bars | None:
        return bars_of({day: [row[name] or 0 for name in names] for day, row in days.items()}, start, last)

    return Charts(
        bars(turns, "human", "procy", "sub_agents"), bars(costs, "input_tokens", "output_tokens"), bars(costs, "cost_usd")
    )


def by_day(found: Figure) -> dict[date, sqlite3.Row]:
    return {date.fromisoformat(row["day"]): row for row in found.rows if row["day"]}


def questions(pages: Pages) -> list[dict[str, Any]]:
    """Every stored query, with the address of its page."""
    return [
        {"title": query.title, "about": query.about, "address": pages.query_address(name=query.name)}
        for query in all_queries().values()
    ]
