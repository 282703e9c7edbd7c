"""Every point at which a package can extend procy, on one page. Register with the entry point group ``procy``."""

from collections.abc import Iterable, Mapping

import pluggy

from procy.tries import StrategyMaker
from procy.types import Profile

hookspec = pluggy.HookspecMarker("procy")
hookimpl = pluggy.HookimplMarker("procy")


@hookspec
def procy_profiles() -> Iterable[Profile]:  # type: ignore[empty-body]
    """The agents that this package knows. A profile given by a package comes before a built-in one."""


@hookspec
def procy_strategies() -> Mapping[str, StrategyMaker]:  # type: ignore[empty-body]
    """Rules that say which try the next one starts from, by name. A package's comes before a built-in one of the same name."""
