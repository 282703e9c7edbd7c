"""What a person orders about upstreams, by a command or a page. A running gateway follows at once."""

from __future__ import annotations

import os
import random
import time

from procy.errors import HandleError
from procy.gateway import edit
from procy.gateway.balance import Pool, today_of
from procy.gateway.probe import Probed, probe
from procy.gateway.state import State, StateFile, Switch, with_health, with_switch
from procy.places import Places
from procy.settings import Settings, load_settings


def use(places: Places, name: str) -> Settings:
    """Make it the active upstream of its service. Raises ConfigError."""
    before: list[str] = []
    settings = edit.change_settings(places, lambda document: before.append(edit.use(document, name)))
    if before[0] != name:
        switch = Switch(time.time(), settings.upstreams[name].service, before[0], name)
        StateFile(places).change(lambda state: with_switch(state, switch))
    return settings


def reset(places: Places, name: str | None = None) -> None:
    """Forget failures, rest and day off, of one or of all. Raises HandleError."""
    if name:
        check(places, name)
    StateFile(places).change(lambda state: with_health(state, name, None) if name else State({}, state.switches))


def disable(places: Places, name: str) -> None:
    """Leave it out for the rest of the day. Raises HandleError."""
    check(places, name)
    today = today_of(time.time())

    def without(state: State) -> State:
        pool = Pool(random.Random(), state.health)
        pool.disable(name, today)
        return State(pool.health, state.switches)

    StateFile(places).change(without)


def test(places: Places, name: str, model: str = "") -> Probed:
    """Ask it whether it answers. Raises HandleError, and ConfigError where its key is not there."""
    check(places, name)
    return probe(load_settings(places).upstreams[name], os.environ, model)


def check(places: Places, name: str) -> None:
    upstreams = load_settings(places).upstreams
    if name not in upstreams:
        raise HandleError(f"there is no upstream {name!r}", f"There are: {', '.join(upstreams) or 'none yet'}")
