"""Overview: what was done and what it cost, each figure with its SQL; and the questions that people ask, as stored queries."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from datasette import Request, Response, hookimpl
from datasette.app import Datasette
from markupsafe import Markup

from procy.errors import StoreError
from procy.store.queries import all_queries
from procy.ui import guard, words
from procy.ui.overview import LEAST_CALLS, RANGES, charts, figures, questions, range_of, since
from procy.ui.pages import Pages, open_pages, pages_in, pages_of

PAGES_OF = {"turn_id": "t", "session_id": "s", "run_id": "run", "try_id": "try"}


@guard.page
def overview(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    chosen, today = range_of(request.args.get("days")), datetime.now().astimezone().date()
    first = since(chosen, today)
    found = figures(pages, connection, first)
    context = {
        "ranges": RANGES, "chosen": chosen, "first": first, "charts": charts(found, first, today), "least": LEAST_CALLS,
        "total": found["totals"].rows[0], "questions": questions(pages),
        "in_short": in_short, "in_dollars": in_dollars, **found,
    }  # fmt: skip
    return pages.html("overview.html", context)


def in_short(count: float) -> str:
    return words.tokens(round(count))


def in_dollars(amount: float) -> str:
    return words.dollars(amount) if amount else "$0"


@hookimpl
def startup(datasette: Datasette) -> Callable[[], Awaitable[None]]:
    async def add_queries() -> None:
        with suppress(StoreError):  # none of these databases is ours
            for pages in await open_pages(datasette):
                await add_queries_to(datasette, (await pages.database()).name)

    return add_queries


async def add_queries_to(datasette: Datasette, database: str) -> None:
    for query in all_queries().values():
        about = " ".join([query.about, *(f"{name}: {what}." for name, what in query.parameters.items())])
        await datasette.add_query(
            database, query.name, query.sql, title=query.title, description=about,
            parameters=list(query.parameters), source="procy",
        )  # fmt: skip


@hookimpl
def render_cell(value: Any, column: str, table: str | None, database: str, datasette: Datasette) -> Markup | None:
    """In what a query found, an id leads to the page of what it names."""
    if table is not None or column not in PAGES_OF or not isinstance(value, str) or not re.fullmatch(r"[0-9A-Z]{26}", value):
        return None
    return Markup('<a href="{}/{}/{}">{}</a>').format(pages_in(datasette, database).root, PAGES_OF[column], value, value)


@hookimpl
def menu_links(datasette: Datasette) -> list[dict[str, str]]:
    root = pages_of(datasette).root
    return [{"href": f"{root}/overview", "label": "Overview"}, {"href": f"{root}/training", "label": "Training"}]


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"/-/procy/overview$", overview)]
