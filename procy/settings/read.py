"""Tables of a settings file into values; what is wrong is a ConfigError that names file, key and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from procy.errors import ConfigError

Kind = type[Any] | tuple[type[Any], ...]
NUMBER = (int, float)


def check_keys(found: Mapping[str, Any], known: Iterable[str], path: str, prefix: str) -> None:
    for key in found:
        if key not in (names := list(known)):
            near = get_close_matches(key, names, 1)
            hint = f"Did you mean {prefix}{near[0]}?" if near else f"Known here: {', '.join(prefix + name for name in names)}"
            raise ConfigError(f"{path}: unknown setting {prefix}{key}", hint)


def typed(value: Any, wanted: Kind, path: str, key: str) -> Any:
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        names = " or ".join(one.__name__ for one in (wanted if isinstance(wanted, tuple) else (wanted,)))
        raise ConfigError(f"{path}: {key} = {value!r} is not of type {names}", "Correct that line")
    return value


def read_table(found: object, kinds: Mapping[str, Kind], path: str, name: str) -> dict[str, Any]:
    """The keys that table ``name`` has, checked; numbers that may have a fraction are floats."""
    table: Mapping[str, Any] = typed(found, dict, path, name)
    check_keys(table, kinds, path, f"{name}.")
    values = {key: typed(value, kinds[key], path, f"{name}.{key}") for key, value in table.items()}
    return {key: float(value) if kinds[key] == NUMBER else value for key, value in values.items()}


def at_least(least: float, values: Mapping[str, Any], keys: Iterable[str], path: str, name: str) -> None:
    for key in keys:
        if key in values and not values[key] >= least:
            raise ConfigError(f"{path}: {name}.{key} = {values[key]!r} is less than {least:g}", "Give a larger number")


def one_of(choices: Iterable[str], values: Mapping[str, Any], key: str, path: str, name: str) -> None:
    known = list(choices)
    if key in values and values[key] not in known:
        near = get_close_matches(values[key], known, 1)
        hint = f"Did you mean {near[0]}?" if near else "Choose one of them"
        raise ConfigError(f"{path}: {name}.{key} = {values[key]!r} is none of {', '.join(known)}", hint)
