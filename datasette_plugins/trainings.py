"""Training from the page: beginning one, following it live, ending it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasette import Request, hookimpl

from procy.errors import ConfigError, ProcyError
from procy.learn.train import begin
from procy.learn.train.plan import METHODS, Plan, where_of
from procy.settings import load_settings
from procy.store import trainings
from procy.store.db import open_reader
from procy.store.read import short
from procy.ui import guard, live
from procy.ui.pages import Pages
from procy.ui.trainings import TrainingsTopic

LONGEST = 500  # characters of a model's name


@guard.stream
async def trainings_events(pages: Pages, request: Request) -> Any:
    key = TrainingsTopic.key
    return live.events(pages.hub, await pages.database(), lambda: TrainingsTopic(pages), key, "", request.receive)


@guard.action
def train(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    """Begin a training: ``method``, ``model``, ``where``, ``world``, ``deploy``."""
    settings = load_settings(pages.places)
    method, world = form.get("method", ""), form.get("world", "1").strip() or "1"
    if method not in METHODS:
        raise ProcyError(f"there is no method {method!r}", "Load the page again")
    if not (world.isdigit() and 1 <= int(world) <= 1024):
        raise ConfigError(f"{world!r} is no number of processes", "Give a whole number")
    model = form.get("model", "").strip()[:LONGEST] or settings.train.model
    if model.startswith("-"):
        raise ConfigError(f"{model!r} is no model", "Give a folder or a name")
    where = where_of(form.get("where", "").strip() or settings.train.where)
    plan = Plan(method=method, model=model, where=where, world=int(world), deploy=bool(form.get("deploy")))
    training_id = begin.begin(pages.places, settings, plan)
    return {"done": f"Training {short(training_id)} has begun", "id": training_id}


@guard.action
def cancel(pages: Pages, request: Request, form: Mapping[str, str]) -> Mapping[str, Any]:
    with open_reader(pages.places.db) as connection:
        row = trainings.by_id(connection, guard.variable(request, "training"))
    begin.cancel(pages.places, row)
    return {"done": "It ends"}


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    return [
        (r"/-/procy/trainings/events$", trainings_events),
        (r"/-/procy/do/train$", train),
        (r"/-/procy/do/train/(?P<training>[^/]+)/cancel$", cancel),
    ]
