"""Beginning runs with an adapter and without, and carrying them out one after the other, each pair from the same start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from procy.errors import HandleError, ProcyError, ServeError
from procy.evolve import start
from procy.evolve.plan import Budget
from procy.evolve.proposers import asking
from procy.evolve.proposers.served import with_served
from procy.evolve.start import Draft, Order
from procy.learn.compare.standing import BASE
from procy.learn.serve.adapter import Adapter, adapter_named
from procy.learn.serve.client import Client
from procy.learn.serve.start import serve
from procy.learn.serve.stop import forget_dead, stop
from procy.learn.serve.wish import Wish, draft, name_of, wish_from, wish_of
from procy.places import Places
from procy.settings import Settings
from procy.store import runs
from procy.store.db import open_reader
from procy.store.read import short
from procy.store.write import written

Said = Callable[[str], None]
Row = dict[str, Any]
SHARED = ("seconds", "usd", "tokens", "evaluator_seconds")  # of a budget: what all runs have together
NOT_YET = "http://127.0.0.1/v1"  # where a model is not served before somebody agreed to it


@dataclass(frozen=True, slots=True)
class Side:
    """A model that prompts are asked of: an adapter on ``base``, or the base alone."""

    name: str
    base: str
    adapter: Adapter | None

    @property
    def handle(self) -> str:
        return str(self.adapter.path) if self.adapter else ""


def sides_of(places: Places, adapter: str, against: str) -> tuple[Side, Side]:
    """The one that is compared, and what it is compared with. Raises HandleError and ServeError."""
    with open_reader(places.db) as connection:
        one = adapter_named(connection, adapter)
        other = None if against == BASE else adapter_named(connection, against)
    if other and other.name == one.name:
        raise ServeError(f"both adapters are called {one.name}", "Copy one to a folder of another name, and name that")
    return Side(one.name, one.base, one), Side(other.name if other else name_of(one.base), (other or one).base, other)


def in_turn(seeds: Sequence[int], sides: tuple[Side, Side]) -> list[tuple[int, Side]]:
    """Every seed with both; who is first changes, so that a machine that gets slower or faster favours neither."""
    return [(seed, side) for place, seed in enumerate(seeds) for side in (sides if place % 2 else sides[::-1])]


def shared_out(budget: Budget, count: int) -> Budget:
    """What one of ``count`` runs may use of what all may."""
    parts = {name: value / count for name, value in budget.as_json().items() if name in SHARED}
    return replace(budget, **{name: int(value) if name == "tokens" else value for name, value in parts.items()})


def drafts(places: Places, settings: Settings, order: Order, sides: tuple[Side, Side], seeds: Sequence[int]) -> list[Draft]:
    """The runs, checked and not begun, in the order in which they are carried out. Raises ProcyError."""
    known = with_served(places, settings)
    if not known.proxy_model.url:
        known = asking(known, NOT_YET)
    return [
        start.draft(replace(order, plan=replace(order.plan, seed=seed, proxy_model=side.name)), known)
        for seed, side in in_turn(seeds, sides)
    ]


def begun(found: Sequence[Draft]) -> list[str]:
    """Write all down at once, so that what somebody changes meanwhile changes no start; their ids."""
    return [start.begin(one) for one in found]


def not_over(places: Places, handles: Sequence[str], sides: tuple[Side, Side]) -> list[Row]:
    """Of these runs. Raises HandleError where one was not begun by a comparison of these models."""
    with open_reader(places.db) as connection:
        rows = [runs.find_run(connection, handle) for handle in handles]
    rows = [row for row in rows if row["status"] != "done"]
    for row in rows:
        if row["mode"] != "headless" or row["options"].get("proxy_model") not in [side.name for side in sides]:
            run = short(row["id"])
            raise HandleError(f"run {run} is {row['status']}, not done", f"Go on with it first: procy evolve resume {run}")
    return rows


def carry_out(places: Places, settings: Settings, rows: Sequence[Row], sides: tuple[Side, Side], said: Said) -> None:
    """One after the other; what was served before is served again then. Raises ProcyError where one is not done in the end."""
    before = forget_dead(places)
    server = Server(places, settings, said)
    try:
        for place, row in enumerate(rows, 1):
            side = next(one for one in sides if one.name == row["options"]["proxy_model"])
            server.answer_for(side)
            said(f"run {place} of {len(rows)}: {short(row['id'])}, seed {row['options']['seed']}, prompts by {side.name}")
            one_run(places, row)
    finally:
        server.put_back(before)


def one_run(places: Places, row: Row) -> None:
    """Raises ServeError where it is not done in the end."""
    from procy.evolve.headless import carry_out_headless

    with written(places.db) as connection:  # so that one that was stopped goes on
        runs.change_run(connection, row["id"], {"status": "stopped", "wanted": "run", "reason": None})
    try:
        ending = carry_out_headless(places, row["id"])
    except ProcyError as error:
        raise ServeError(f"run {short(row['id'])} is paused: {error.what}", error.remedy) from error
    if ending is None:
        raise HandleError(f"run {short(row['id'])} is at work already", "See it: procy evolve status")
    if ending.status != "done":
        raise ServeError(f"run {short(row['id'])} is {ending.status}: {ending.reason}")


class Server:
    """What answers under a side's name: the user's own endpoint, or what procy serves, which is changed where it must be."""

    def __init__(self, places: Places, settings: Settings, said: Said) -> None:
        self.places, self.settings, self.said = places, settings, said
        self.has_changed = False

    def answer_for(self, side: Side) -> None:
        """Raises ServeError where nothing can."""
        if own := self.settings.proxy_model.url:
            known = Client(own).models()
            if known and side.name not in known:
                remedy = "Serve it there too, or let procy serve it: without [proxy_model] url in the settings"
                raise ServeError(f"{own} has no {side.name}, only {', '.join(known)}", remedy)
            return
        current = forget_dead(self.places)
        if current is None or not self.offers(current, side):
            self.has_changed = True
            self.serve(replace(wish_from(current["arguments"]) if current else Wish(), adapter=side.handle, base=side.base))

    def offers(self, current: Row, side: Side) -> bool:
        """Whether it is what is served, or the base of it on an engine that has both."""
        if current["name"] == side.name:
            return str(current["adapter_path"] or "") == side.handle
        is_beside = side.adapter is None and name_of(current["base"]) == side.name
        return is_beside and side.name in Client(current["url"]).models()

    def put_back(self, before: Row | None) -> None:
        if not self.has_changed:
            return
        if before is None:
            stop(self.places, self.settings)
        elif (current := forget_dead(self.places)) is None or current["name"] != before["name"]:
            self.serve(wish_of(before))

    def serve(self, wish: Wish) -> None:
        serve(self.places, self.settings, draft(self.places, self.settings, wish), self.said)
