"""The plugin manager. Built-in parts come in through the same door as those of other packages, named as strings."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import ParamSpec, TypeVar

import pluggy

from procy import hookspecs
from procy.errors import PluginError, ProcyError
from procy.tries import StrategyMaker
from procy.types import Profile

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

AGENTS = ("claude_code", "codex", "gemini", "qwen", "opencode", "aider", "demo", "generic")
BUILT_IN = tuple(f"procy.agents.{name}" for name in AGENTS)

STRATEGIES = tuple(
    f"procy.evolve.strategies.{name}" for name in ("stall_switch", "greedy", "map_elites", "random_start", "seed_rule")
)


@cache
def manager() -> pluggy.PluginManager:
    found = pluggy.PluginManager("procy")
    found.add_hookspecs(hookspecs)
    for name in reversed(BUILT_IN):
        found.register(import_module(name), name)
    found.load_setuptools_entrypoints("procy")
    return found


def call(what: str, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """What a function that may be another package's returns. Raises its ProcyError, and PluginError for every other mistake."""
    try:
        return function(*args, **kwargs)
    except ProcyError:
        raise
    except Exception as error:
        raise PluginError(f"{what} failed: {type(error).__name__}: {error}", "Correct it, or do without it") from error


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


@cache
def strategies() -> Mapping[str, StrategyMaker]:
    """All known ones by name; the default comes first. The built-in ones are only imported here: no other command needs them."""
    known = {name: make for module in STRATEGIES for name, make in import_module(module).procy_strategies().items()}
    for given in reversed(manager().hook.procy_strategies()):
        known.update(given)
    return known
