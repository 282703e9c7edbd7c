"""The plugin manager. Built-in profiles come in through the same door as those of other packages, named as strings."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module

import pluggy

from procy import hookspecs
from procy.types import Profile

BUILT_IN = ("procy.agents.claude_code", "procy.agents.codex", "procy.agents.demo", "procy.agents.generic")


@cache
def manager() -> pluggy.PluginManager:
    found = pluggy.PluginManager("procy")
    found.add_hookspecs(hookspecs)
    for name in reversed(BUILT_IN):
        found.register(import_module(name), name)
    found.load_setuptools_entrypoints("procy")
    return found


@cache
def profiles() -> tuple[Profile, ...]:
    """All known agents; the one that fits anything comes last."""
    return tuple(profile for group in manager().hook.procy_profiles() for profile in group)


def profile_of(argv: Sequence[str]) -> Profile:
    """The profile of the program with these arguments."""
    return next(profile for profile in profiles() if profile.owns(argv))


def profile_named(name: str) -> Profile:
    """By name; the generic one when nobody has that name (any more)."""
    return next((profile for profile in profiles() if profile.name == name), profiles()[-1])
