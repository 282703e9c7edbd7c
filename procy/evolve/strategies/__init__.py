"""Which try the next one starts from; one rule a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from runpy import run_path

from procy import plugins
from procy.errors import ConfigError, PluginError
from procy.tries import Strategy

DEFAULT = "stall-switch"


def strategy_named(name: str, options: Mapping[str, str] | None = None) -> Strategy:
    """By the name of a known one, or the path of a Python file with ``strategy(options)`` (ends in .py).

    Raises ConfigError where there is none, or where an option is unknown or wrong.
    """
    if name.endswith(".py"):
        return strategy_of_file(Path(name).expanduser(), options or {})
    known = plugins.strategies()
    make = known.get(name.replace("_", "-")) or known.get(name)
    if make is None:
        raise ConfigError(f"no strategy {name}", f"There are: {', '.join(known)}; or give the path of a .py file")
    return plugins.call(f"strategy {name}", make, options or {})


def settled(name: str) -> str:
    """The same for a process that works in another directory."""
    return str(Path(name).expanduser().resolve()) if name.endswith(".py") else name


def strategy_of_file(path: Path, options: Mapping[str, str]) -> Strategy:
    if not path.is_file():
        raise ConfigError(f"no strategy file {path}", "Give the path of a Python file that defines strategy(options)")
    try:
        make = plugins.call(f"strategy file {path}", run_path, str(path)).get("strategy")
        found: Strategy | None = plugins.call(f"strategy file {path}", make, options) if callable(make) else None
    except PluginError as error:
        raise ConfigError(error.what, "Correct the file") from error
    if found is None:
        raise ConfigError(f"strategy file {path} defines no strategy(options)", "See docs/plugins.md for an example")
    if missing := [part for part in ("observe", "pick_parent", "incumbent", "best") if not hasattr(found, part)]:
        raise ConfigError(f"strategy of {path} has no {', '.join(missing)}", "See docs/plugins.md for an example")
    return found


def summaries() -> Mapping[str, str]:
    """Names and what they do, the default first."""
    return {name: make({}).summary for name, make in plugins.strategies().items()}
