"""What a run's page shows, from its rows to HTML: the head with its curve, and a page of tries, newest first."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from procy.capture.locks import is_locked
from procy.places import Places
from procy.store import correction_pages, run_pages
from procy.ui.conversation import hash_of
from procy.ui.curve import curve_of
from procy.ui.measures import json_object, judge_of
from procy.ui.pages import Pages
from procy.ui.run_orders import orders_of
from procy.ui.runs import COLUMNS, RunView, Tries, TryView, budget_of, run_view
from procy.ui.tree import tree_of

TRIES = 50
GOAL = 8_000  # characters of it that a page shows
SAMPLES = 60  # of one try


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows of a page, read at one time. Two that are equal look the same, but for the clock."""

    run: sqlite3.Row
    short: list[sqlite3.Row]
    page: list[sqlite3.Row]
    under_way: list[sqlite3.Row]
    usage: sqlite3.Row
    corrections: Mapping[str, list[sqlite3.Row]]  # of each try of the page, newest first

    @property
    def facts(self) -> list[tuple[Any, ...]]:
        kept = [row for rows in self.corrections.values() for row in rows]
        return [tuple(row) for row in (self.run, self.usage, *self.short, *self.page, *self.under_way, *kept)]


def look(connection: sqlite3.Connection, run_id: str, before: int | None = None) -> Seen:
    run = run_pages.page_run(connection, run_id)
    page = run_pages.page_tries(connection, run_id, before, TRIES)
    return Seen(
        run,
        run_pages.tries_in_short(connection, run_id),
        page,
        run_pages.page_tries(connection, run_id, limit=TRIES, unfinished=True),
        run_pages.usage(connection, run_id),
        correction_pages.of_tries(connection, page),
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the page. ``version`` changes when its HTML does."""

    id: str
    seq: int
    version: str
    html: Markup


class RunWindow:
    """A run's page at one moment."""

    def __init__(self, pages: Pages, seen: Seen, whole_tree: bool = False) -> None:
        self.whole_tree = whole_tree
        self.pages, self.seen = pages, seen
        self.run = run_view(seen.run, is_at_work(pages.places, seen.run))
        start = next((row for row in seen.short if row["seq"] == 0), None)
        self.judge = judge_of(seen.run["definition"], json_object(start["metrics"]) if start else ())
        self.all = Tries(seen.short, self.judge)

    def head(self) -> Markup:
        return self.pages.render("run_head.html", {
            "run": self.run, "row": self.seen.run, "judge": self.judge, "curve": curve_of(self.all.tried(), self.judge),
            "counts": self.all.counts(),
            "budget": budget_of(self.run, dict(self.seen.usage)), "under_way": [self.view(row) for row in self.seen.under_way],
            "goal": self.seen.run["goal"][:GOAL], "best_id": self.seen.run["best_try_id"],
            "orders": orders_of(self.run),
        })  # fmt: skip

    def tree(self) -> Markup:
        """Which try came from which; empty before the first."""
        found = tree_of(self.seen.short, self.seen.run["best_try_id"], self.whole_tree)
        return self.pages.render("run_tree.html", {"tree": found, "total": len(self.seen.short)})

    def state(self) -> Markup:
        return badge(self.pages, self.run)

    def view(self, row: sqlite3.Row) -> TryView:
        return self.all.view(row, self.run.at_work)

    def tries(self) -> list[Piece]:
        """Newest first."""
        best = self.seen.run["best_try_id"]
        found = []
        for row in self.seen.page:
            context = {"view": self.view(row), "row": row, "is_best": row["id"] == best, "columns": COLUMNS, "run": self.run,
                       "kept": self.seen.corrections[row["id"]]}  # fmt: skip
            html = self.pages.render("try.html", context)
            version = version_of(html)
            found.append(Piece(row["id"], row["seq"], version, Markup(html.replace(VERSION, version, 1))))
        return found

    def ends(self) -> dict[str, int | None]:
        """Where the pages of older and newer tries begin, None where there are none."""
        page, all_seqs = self.seen.page, [row["seq"] for row in self.seen.short]
        older = page[-1]["seq"] if page and page[-1]["seq"] > all_seqs[0] else None
        newer = page[0]["seq"] + TRIES + 1 if page and page[0]["seq"] < all_seqs[-1] else None
        return {"older": older, "newer": newer, "first": page[-1]["seq"] if page else 0, "last": page[0]["seq"] if page else 0}


def is_at_work(places: Places, run: sqlite3.Row) -> bool:
    """Whether a process has the run; one that was killed has it no more, whatever its row says."""
    return run["status"] == "running" and is_locked(places.run_lock(run["id"]))


VERSION = "{version}"  # stands in a template's output for the version of that output


def version_of(html: str) -> str:
    return format(hash_of([html]), "x")


def badge(pages: Pages, run: RunView) -> Markup:
    return pages.render("run_badge.html", {"run": run, "row": run.row})


def run_line(pages: Pages, row: sqlite3.Row) -> Piece:
    """A run in the list of them."""
    html = pages.render("run_line.html", {"run": run_view(row, is_at_work(pages.places, row)), "row": row})
    version = version_of(html)
    return Piece(row["id"], 0, version, Markup(html.replace(VERSION, version, 1)))


def place_of(connection: sqlite3.Connection, one: sqlite3.Row) -> str:
    """The query string and fragment of the page on which a try is."""
    (last,) = connection.execute("SELECT max(seq) FROM tries WHERE run_id = ?", (one["run_id"],)).fetchone()
    query = "" if one["seq"] > last - TRIES else f"?before={one['seq'] + TRIES // 2}"
    return f"{query}#try{one['seq']}"


def part_of(connection: sqlite3.Connection, one: sqlite3.Row) -> Mapping[str, Any]:
    """All that is known of one try: its prompt, every metric, every sample that was taken for it."""
    run = run_pages.page_run(connection, one["run_id"])
    short = run_pages.tries_in_short(connection, one["run_id"])
    start = json_object(short[0]["metrics"]) if short else {}
    judge = judge_of(run["definition"], [*start, *json_object(one["metrics"])])
    tries = Tries(short, judge)
    [row] = run_pages.page_tries(connection, one["run_id"], one["seq"] + 1, 1)
    samples = run_pages.samples(connection, one["id"], SAMPLES)
    values = [judge.value_of(sample["score"], {}) for sample in samples]
    return {"row": one, "is_best": one["id"] == run["best_try_id"], "view": tries.view(row, run["status"] == "running"),
            "judge": judge, "samples": list(zip(samples, values, strict=True)), "limit": SAMPLES,
            "answer": run_pages.answer(connection, one)}  # fmt: skip
