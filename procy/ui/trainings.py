"""Trainings as pages show them: how far, the loss curve, the end of the log, and what came of them. Live."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procy.store import comparisons, servings, trainings
from procy.store.trainings import Row
from procy.ui.conversation import hash_of
from procy.ui.live import Event
from procy.ui.pages import Pages

SHOWN = 8  # newest trainings
ADAPTERS = 20
LOG = 6_000  # bytes of the log's end
POINTS = 200  # of a curve; more of them are thinned out
FIGURES = (("nll", "nll of the right prompt"), ("preference_content", "preference, content"),
           ("preference_style", "preference, style"), ("generation", "generation"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss curve. ``lines``: of each stage its name and its corners, percent of the drawing; ``high``, ``low``, ``last``:
    losses; ``steps``: of all stages so far."""

    lines: tuple[tuple[str, str], ...]
    high: float
    low: float
    last: float
    steps: int


def loss_of(steps: Sequence[Row]) -> Loss | None:
    """None before the first step."""
    made = [step for step in steps if step.get("event") == "step" and isinstance(step.get("loss"), (int, float))]
    if not made:
        return None
    losses = [float(step["loss"]) for step in made]
    high, low = max(losses), min(losses)
    every = max(len(made) // POINTS, 1)
    corners: dict[str, list[str]] = {}
    for number, step in enumerate(made):
        if number % every and number != len(made) - 1:
            continue
        x = 100 * number / max(len(made) - 1, 1)
        y = 100 * (high - losses[number]) / ((high - low) or 1)
        corners.setdefault(str(step.get("stage", "")), []).append(f"{x:.2f},{y:.2f}")
    return Loss(tuple((stage, " ".join(points)) for stage, points in corners.items()), high, low, losses[-1], len(made))


def view_of(connection: sqlite3.Connection, row: Row) -> dict[str, Any]:
    """What ``training_one.html`` is told."""
    steps = trainings.steps(connection, row["id"])
    said = row["progress"] or {}
    last = next((step for step in reversed(steps) if step.get("event") == "step"), None)
    return {
        "row": row, "loss": loss_of(steps), "said": said, "last": last, "log": log_end(row["folder"]),
        "notes": [step["text"] for step in steps if step.get("event") == "note"],
        "is_open": row["status"] in trainings.OPEN,
    }  # fmt: skip


def log_end(folder: str) -> str:
    """The last lines; "" without a log."""
    path = Path(folder) / "log"
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - LOG, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= LOG else text.partition("\n")[2]


def figures_of(adapter: Row) -> list[tuple[str, float | None, float | None]]:
    """(name, before, after) on held-out rows."""
    held = adapter["held_out"] or {}
    return [(name, (held.get("before") or {}).get(key), (held.get("after") or {}).get(key)) for key, name in FIGURES]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the page. ``version`` changes when what it shows does."""

    id: str
    version: str
    html: str


def pieces(pages: Pages, connection: sqlite3.Connection) -> Iterator[Piece]:
    """The adapters, then the trainings, oldest first."""
    served = (servings.current(connection) or {}).get("adapter_id")
    made = [
        {"row": row, "figures": figures_of(row), "compared": comparisons.newest(connection, row["name"]),
         "served": row["id"] == served}
        for row in trainings.adapters(connection, ADAPTERS)
    ]  # fmt: skip
    yield piece("adapters", pages.render("training_adapters.html", {"adapters": made}))
    for row in reversed(trainings.newest(connection, SHOWN)):
        yield piece(f"training-{row['id']}", pages.render("training_one.html", view_of(connection, row)))


def piece(name: str, html: str) -> Piece:
    return Piece(name, format(hash_of([html]), "x"), html)


class TrainingsTopic:
    """New trainings, and what changed of those that are shown."""

    key = "trainings"

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.told: dict[str, str] = {}

    def news(self, connection: sqlite3.Connection) -> list[Event]:
        there = list(pieces(self.pages, connection))
        changed = [one for one in there if self.told.get(one.id) != one.version]
        self.told = {one.id: one.version for one in there}
        return [event_of(one) for one in changed]

    def since(self, connection: sqlite3.Connection, last_id: str) -> list[Event]:
        """All of it: a page knows by the versions what is new."""
        return [event_of(one) for one in pieces(self.pages, connection)]


def event_of(one: Piece) -> Event:
    return Event("piece", json.dumps({"id": one.id, "version": one.version, "html": one.html}))
