"""How upstreams are doing, kept in a small file beside the spool: it outlives the gateway, and commands change it while it runs.

Both sides change it under a lock and read what the other wrote before they do. Not in the database: a call must not wait for
a writer there.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from procy.capture.spool import write_whole
from procy.gateway.address import path_of
from procy.gateway.balance import Health, health_of
from procy.gateway.reload import Signature, signature
from procy.places import Places, make_home

KEPT_SWITCHES = 200


@dataclass(frozen=True, slots=True)
class Switch:
    """Of the active upstream of a service, by a person. ``at``: seconds since 1970."""

    at: float
    service: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class State:
    health: dict[str, Health] = field(default_factory=dict)
    switches: tuple[Switch, ...] = ()

    def plain(self) -> dict[str, Any]:
        switches = [[one.at, one.service, one.before, one.after] for one in self.switches[-KEPT_SWITCHES:]]
        return {"health": {name: one.plain() for name, one in self.health.items()}, "switches": switches}


class StateFile:
    def __init__(self, places: Places) -> None:
        make_home(places)
        self.path = path_of(places, "upstreams.json")
        self._seen: Signature = None

    def changed(self) -> bool:
        """Whether somebody wrote it since it was read or written here."""
        return signature(self.path) != self._seen

    def read(self) -> State:
        """Nothing where there is none, or where it cannot be read: health is found out anew."""
        self._seen = signature(self.path)
        try:
            with open(self.path, encoding="utf-8") as file:
                found = json.load(file)
            health = {name: health_of(one) for name, one in found["health"].items()}
            return State(health, tuple(Switch(*one) for one in found["switches"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return State()

    def write(self, state: State) -> None:
        write_whole(Path(self.path), json.dumps(state.plain()).encode())
        self._seen = signature(self.path)

    def change(self, edit: Callable[[State], State]) -> State:
        """Read, edit and write as one step. A disk that takes nothing costs the memory of it, not the call."""
        with self._locked():
            before = self.read()
            after = edit(before)
            if after != before:
                with suppress(OSError):
                    self.write(after)
        return after

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def with_switch(state: State, switch: Switch) -> State:
    return replace(state, switches=(*state.switches, switch))


def with_health(state: State, name: str, health: Health | None) -> State:
    others = {other: one for other, one in state.health.items() if other != name}
    return replace(state, health=others if health is None else {**others, name: health})


def renamed(state: State, old: str, new: str | None) -> State:
    """``new`` None: its health is forgotten; the history of switches stays."""

    def name_of(name: str) -> str:
        return new if new and name == old else name

    health = {name_of(name): one for name, one in state.health.items() if new or name != old}
    return State(health, tuple(replace(one, before=name_of(one.before), after=name_of(one.after)) for one in state.switches))
