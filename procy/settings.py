"""The user's ``config.toml``, read into one frozen value. What is not set has a default; what is wrong is an error.

Example, with every key::

    agent = "claude"            # the command of bare `procy`
    raw = "keep"                # terminal bytes: keep, redact (same length, secrets starred) or drop

    [ui]
    port = 7862
    hosts = []                  # names besides localhost under which the pages may be asked for

    [prices."claude-sonnet-4"]  # by the model's name or the beginning of it; US dollars per million tokens
    input = 3.0
    output = 15.0
    cache_read = 0.3
    cache_write = 3.75
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from procy.errors import ConfigError
from procy.places import Places
from procy.types import Usage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0

    def of(self, usage: Usage) -> float:
        """US dollars."""
        tokens = (usage.input, usage.output, usage.cache_read, usage.cache_write)
        rates = (self.input, self.output, self.cache_read, self.cache_write)
        return sum((count or 0) * rate for count, rate in zip(tokens, rates, strict=True)) / 1e6


@dataclass(frozen=True, slots=True)
class UiSettings:
    port: int = 7862
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    agent: str = "claude"
    raw: str = "keep"
    ui: UiSettings = field(default_factory=UiSettings)
    prices: Mapping[str, Price] = field(default_factory=lambda: MappingProxyType({}))

    def cost(self, model: str | None, usage: Usage) -> float | None:
        """What the tokens cost by the price table; None where it has no such model. The longest matching name wins."""
        names = [name for name in self.prices if model and model.startswith(name)]
        return self.prices[max(names, key=len)].of(usage) if names else None


def load_settings(places: Places) -> Settings:
    """Read ``places.config``; defaults when there is none. Raises ConfigError naming file, key and remedy."""
    try:
        with open(places.config, "rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise ConfigError(f"cannot read {places.config}: {error.strerror}", "Make it readable or remove it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{places.config} is not valid TOML: {error}", "Correct that line") from error
    return read_settings(found, places.config)


def read_settings(found: Mapping[str, Any], path: str) -> Settings:
    check_keys(found, [one.name for one in fields(Settings)], path, "")
    values: dict[str, Any] = {}
    for key in ("agent", "raw"):
        if key in found:
            values[key] = typed(found[key], str, path, key)
    if values.get("raw", "keep") not in ("keep", "redact", "drop"):
        raise ConfigError(f"{path}: raw = {found['raw']!r} is none of keep, redact, drop", "Choose one of them")
    if "ui" in found:
        table = typed(found["ui"], dict, path, "ui")
        check_keys(table, ["port", "hosts"], path, "ui.")
        hosts = typed(table.get("hosts", []), list, path, "ui.hosts")
        values["ui"] = UiSettings(
            typed(table.get("port", 7862), int, path, "ui.port"), tuple(typed(host, str, path, "ui.hosts") for host in hosts)
        )
    if "prices" in found:
        prices = typed(found["prices"], dict, path, "prices")
        values["prices"] = MappingProxyType({name: read_price(table, path, name) for name, table in prices.items()})
    return Settings(**values)


def read_price(found: object, path: str, name: str) -> Price:
    table = typed(found, dict, path, f"prices.{name}")
    check_keys(table, [one.name for one in fields(Price)], path, f"prices.{name}.")
    return Price(**{key: float(typed(value, (int, float), path, f"prices.{name}.{key}")) for key, value in table.items()})


def check_keys(found: Mapping[str, Any], known: list[str], path: str, prefix: str) -> None:
    for key in found:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"Did you mean {prefix}{near[0]}?" if near else f"Known here: {', '.join(prefix + name for name in known)}"
            raise ConfigError(f"{path}: unknown setting {prefix}{key}", hint)


def typed(value: Any, wanted: "type[Any] | tuple[type[Any], ...]", path: str, key: str) -> Any:
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        names = " or ".join(one.__name__ for one in (wanted if isinstance(wanted, tuple) else (wanted,)))
        raise ConfigError(f"{path}: {key} = {value!r} is not of type {names}", "Correct that line")
    return value
