"""Training: what a proxy model could learn from, what is left out and why, what was made of it; and exporting it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from datasette import Request, Response, hookimpl

from procy.errors import ProcyError
from procy.learn.export.columns import METHODS
from procy.learn.export.order import Order, carry_out
from procy.learn.rows import CATEGORIES, REASONS, look
from procy.settings import Settings, load_settings
from procy.store import datasets
from procy.store import training as store
from procy.ui import guard
from procy.ui.pages import Pages
from procy.ui.trainings import pieces

LOOKED = {"human": 2_000, "corrected": 1_000, "proxy": 1_000, "preferences": 1_000}  # newest rows that are judged unasked
MORE = 100_000  # when somebody asks: what takes no longer than a page may
PAGE = 50
LATER = 20  # exports that are listed


@guard.page
def training(pages: Pages, connection: sqlite3.Connection, request: Request) -> Response:
    chosen = request.args.get("of") if request.args.get("of") in CATEGORIES else CATEGORIES[0]
    every, only = bool(request.args.get("all")), request.args.get("only") or ""
    page = max(guard.number(request, "page") or 1, 1)
    limits = {**LOOKED, **({chosen: MORE} if every else {})}
    looks = {name: look(connection, name, limits[name], only, (page - 1) * PAGE, PAGE + 1) for name in CATEGORIES}
    same = {"of": chosen, **({"all": "1"} if every else {})}

    def turned(to: int) -> str:
        return "?" + urlencode({**same, **({"only": only} if only else {}), "page": to})

    adapters, *trained = pieces(pages, connection)
    settings = load_settings(pages.places)
    context = {
        "categories": CATEGORIES, "chosen": chosen, "counts": looks, "reasons": REASONS, "only": only, "every": every,
        "rows": looks[chosen].rows[:PAGE], "page": page, "same": urlencode(same), "humans": store.human_prompts(connection),
        "older": turned(page + 1) if len(looks[chosen].rows) > PAGE else None, "newer": turned(page - 1) if page > 1 else None,
        "datasets": made(connection), "adapters": adapters, "trainings": trained, "train": settings.train,
        "places": places_of(settings),
    }  # fmt: skip
    return pages.html("training.html", context)


def made(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The newest exports, each with its length in words; "" where it was not counted yet."""
    found = datasets.newest(connection, LATER)
    return [{**row, "length": length_of(row["manifest"].get("lengths"))} for row in found]


def length_of(lengths: Mapping[str, Any] | None) -> str:
    if not lengths or not lengths["files"]:
        return ""
    most = max(one["most"] for one in lengths["files"].values())
    return f"{sum(one['total'] for one in lengths['files'].values()):,} {lengths['unit']}, at most {most:,} a row"


def places_of(settings: Settings) -> list[str]:
    """Where a training can be, as far as the settings tell."""
    return list(dict.fromkeys([settings.train.where, "local", *(f"ssh:{name}" for name in settings.hosts)]))


@guard.action
def export(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """Write training data below procy's data directory: all ``kind`` s or one; ``new``: only what is new."""
    kind, only_new = form.get("kind", "all"), bool(form.get("new"))
    if kind not in ("all", *METHODS):
        raise ProcyError(f"there is no kind {kind!r} of training data", "Load the page again")
    places = pages.places
    folder = Path(places.home) / "datasets"
    out = folder if only_new else folder / time.strftime(f"%Y-%m-%dT%H%M%S-{kind}", time.gmtime())
    order = Order(methods=METHODS if kind == "all" else (kind,), out=out, is_incremental=only_new)
    manifest, place = carry_out(places, load_settings(places), order)
    rows = sum(count for splits in manifest["rows"].values() for counts in splits.values() for count in counts.values())
    return {"done": f"{rows:,} rows written to {place}" if place else "Nothing is new: nothing was written", "rows": rows}


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [(r"/-/procy/training$", training), (r"/-/procy/do/export$", export)]
