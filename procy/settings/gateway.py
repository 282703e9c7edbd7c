"""The settings of the gateway: ``[gateway]`` with its routes and filters. Its upstreams are in ``upstreams``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from procy.errors import ConfigError
from procy.settings.read import NUMBER, at_least, one_of, read_table
from procy.settings.upstreams import SERVICES, ModelDefaults, UpstreamSettings, read_models, words_of

TOKENS = ("required", "optional")
BALANCES = ("active", "priority", "weighted", "round-robin")


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """One rule: what a call must be, and what becomes of it. ``model`` and ``upstream`` are names or globs, "" for any; so is
    ``service``. ``upstream``: the one that the call would go to otherwise. ``to_upstreams``: tried in this order."""

    service: str = ""
    model: str = ""
    upstream: str = ""
    to_model: str = ""
    to_upstreams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """``find`` is literal unless ``regex``; what it finds becomes ``replace``, "" to remove it. ``upstreams``: () for all."""

    find: str = field(repr=False)
    replace: str = field(default="", repr=False)
    regex: bool = False
    upstreams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """``balance``: by service. ``failures``: in a row until an upstream rests for ``cool_down_s``. ``retries``: further upstreams
    that a call may try. ``fail_open``: forward although a filter is broken. ``keep_bodies_days`` 0: for ever."""

    claude_port: int = 3210
    codex_port: int = 3211
    openai_port: int = 3212
    token: str = "required"
    connect_timeout_s: float = 30.0
    idle_timeout_s: float = 600.0
    keep_bodies_days: float = 30.0
    balance: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(dict.fromkeys(SERVICES, "active")))
    failures: int = 3
    cool_down_s: float = 60.0
    retries: int = 2
    fail_open: bool = False
    routes: tuple[RouteSettings, ...] = ()
    filters: tuple[FilterSettings, ...] = ()
    models: tuple[ModelDefaults, ...] = ()


def read_gateway(found: object, path: str) -> GatewaySettings:
    name = "gateway"
    ports = ("claude_port", "codex_port", "openai_port")
    numbers = dict.fromkeys(("connect_timeout_s", "idle_timeout_s", "keep_bodies_days", "cool_down_s"), NUMBER)
    counts = dict.fromkeys((*ports, "failures", "retries"), int)
    values = read_table(found, {**numbers, **counts, "token": str, "fail_open": bool, "balance": (str, dict), "routes": list,
                                "filters": list, "models": dict}, path, name)  # fmt: skip
    one_of(TOKENS, values, "token", path, name)
    at_least(0, values, ["keep_bodies_days", "retries", *ports], path, name)
    at_least(0.1, values, ["connect_timeout_s", "idle_timeout_s", "cool_down_s"], path, name)
    at_least(1, values, ["failures"], path, name)
    chosen = [values.get(port, getattr(GatewaySettings(), port)) for port in ports]
    if any(port > 65535 for port in chosen) or len({port for port in chosen if port}) != len([port for port in chosen if port]):
        raise ConfigError(f"{path}: {name}: the ports {', '.join(map(str, chosen))} cannot be", "Give three different ports")
    values["balance"] = read_balance(values.get("balance", {}), path, f"{name}.balance")
    values["routes"] = tuple(read_route(one, path, f"{name}.routes") for one in values.get("routes", []))
    values["filters"] = tuple(read_filter(one, path, f"{name}.filters") for one in values.get("filters", []))
    values["models"] = read_models(values.get("models", {}), path, f"{name}.models")
    return GatewaySettings(**values)


def read_balance(found: str | Mapping[str, Any], path: str, where: str) -> Mapping[str, str]:
    table = (
        dict.fromkeys(SERVICES, found) if isinstance(found, str) else read_table(found, dict.fromkeys(SERVICES, str), path, where)
    )
    for service in table:
        one_of(BALANCES, table, service, path, where)
    return MappingProxyType({**dict.fromkeys(SERVICES, "active"), **table})


def read_route(found: object, path: str, where: str) -> RouteSettings:
    words = dict.fromkeys(("service", "model", "upstream", "to_model"), str)
    table = read_table(found, {**words, "to_upstream": (str, list)}, path, where)
    one_of(SERVICES, table, "service", path, where)
    to = table.pop("to_upstream", [])
    route = RouteSettings(**table, to_upstreams=(to,) if isinstance(to, str) else words_of(to, path, f"{where}.to_upstream"))
    if not (route.model or route.upstream) or not (route.to_model or route.to_upstreams):
        remedy = 'Write it as in {model = "gpt-5*", to_model = "my-model"}; upstream and to_upstream are the other two'
        raise ConfigError(f"{path}: a route of {where} says not what from, or not where to", remedy)
    return route


def read_filter(found: object, path: str, where: str) -> FilterSettings:
    """A pattern that does not compile is no error here: calls are refused while it stands there, not sent unfiltered."""
    table = read_table(found, {"find": str, "replace": str, "regex": bool, "upstreams": list}, path, where)
    if not table.get("find"):
        raise ConfigError(f"{path}: a filter of {where} finds nothing", 'Write it as in {find = "secret", replace = "…"}')
    table["upstreams"] = words_of(table.get("upstreams", []), path, f"{where}.upstreams")
    return FilterSettings(**table)


def check_names(gateway: GatewaySettings, upstreams: Mapping[str, UpstreamSettings], path: str) -> None:
    """Raises ConfigError where a route or a filter names an upstream that is not there."""
    named = [
        *(name for one in gateway.routes for name in one.to_upstreams),
        *(name for one in gateway.filters for name in one.upstreams),
    ]
    for name in named:
        if name not in upstreams:
            raise ConfigError(f"{path}: a rule of gateway names the upstream {name!r}, which is not there", "Correct the name")
