"""The files of CLP (seed 002) as settings of procy. Pure: what was read in, what is to be written out, and what was left out.

The forms are those of CLP 1.9: ``claude.json``, ``codex.json``, ``legacy.json``, ``filter.json`` and, under ``data``,
``model_router_config.json``, ``lb_config.json`` and ``system.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SERVICES = {"claude": "claude", "codex": "codex", "legacy": "openai"}  # CLP's name and ours
DEFAULTS = {"reasoningEffortByModel": "effort", "verbosityByModel": "verbosity", "summaryByModel": "summary"}
WORDS = {  # what each of them can be
    "effort": ("none", "minimal", "low", "medium", "high", "xhigh"),
    "verbosity": ("low", "medium", "high"),
    "summary": ("auto", "concise", "detailed"),
}


@dataclass
class Imported:
    """``upstreams``: values for the settings by name; ``keys``: secrets by the same names, for files of their own. ``names``: of
    CLP's (service, config) here. ``disabled``: by name the day. ``notes``: what a person should know."""

    upstreams: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    gateway: dict[str, Any] = field(default_factory=dict)
    disabled: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def convert(files: Mapping[str, Any], taken: Iterable[str] = ()) -> Imported:
    """``files``: JSON values by the names above, those that are there. ``taken``: names that upstreams here have already."""
    found = Imported()
    used = set(taken)
    for service in SERVICES:
        add_upstreams(found, service, as_dict(files.get(f"{service}.json")), used)
    add_filters(found, files.get("filter.json"))
    add_routes(found, as_dict(files.get("model_router_config.json")))
    add_balance(found, as_dict(files.get("lb_config.json")))
    add_defaults(found, as_dict(files.get("system.json")))
    return found


def add_upstreams(found: Imported, service: str, configs: Mapping[str, Any], used: set[str]) -> None:
    usable = {name: one for name, one in configs.items() if isinstance(one, dict) and one.get("base_url")}
    found.notes += [f"{service}: {name} has no base_url and was left out" for name in configs if name not in usable]
    marked = [name for name, one in usable.items() if one.get("active")] or list(usable)[:1]
    heaviest = sorted({weight_of(one) for one in usable.values()}, reverse=True)
    for name, one in usable.items():
        ours = free_name(name, service, used)
        found.names[service, name] = ours
        values: dict[str, Any] = {"service": SERVICES[service], "base_url": str(one["base_url"])}
        bearer, api_key = (str(one.get(kind) or "").strip() for kind in ("auth_token", "api_key"))
        if bearer or api_key:
            found.keys[ours] = bearer or api_key
            values["auth"] = "both" if bearer and bearer == api_key else "bearer" if bearer else "x-api-key"
            if bearer and api_key and bearer != api_key:
                found.notes.append(f"{ours}: auth_token was taken, api_key is another one and was left out")
        if name == marked[-1]:
            values["active"] = True
        values |= {"priority": heaviest.index(weight_of(one)) + 1} if len(heaviest) > 1 else {}
        rpm = number(one.get("rpm_limit", one.get("requests_per_minute")))
        values |= {"rpm": rpm} if rpm > 0 else {}
        values |= (
            {"quirks": ["no-stream-with-tools"]}
            if one.get("tool_calls_streaming") is False or one.get("streaming") is False
            else {}
        )
        found.upstreams[ours] = values


def free_name(name: str, service: str, used: set[str]) -> str:
    """A name that may stand in the settings and is not taken."""
    base = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-._")[:50] or "upstream"
    ours = next(one for one in candidates(base, service) if one not in used)
    used.add(ours)
    return ours


def candidates(base: str, service: str) -> Iterator[str]:
    yield from (base, f"{base}-{SERVICES[service]}")
    yield from (f"{base}-{count}" for count in range(2, 10_000))


def add_filters(found: Imported, rules: Any) -> None:
    for rule in rules if isinstance(rules, list) else [rules] if isinstance(rules, dict) else []:
        if not isinstance(rule, dict) or not isinstance(rule.get("source"), str) or not rule["source"]:
            found.notes.append("a filter without a source was left out")
            continue
        source, target = rule["source"], "" if rule.get("op") == "remove" else str(rule.get("target") or "")
        values: dict[str, Any] = {"find": source, "replace": target}
        if re.escape(source) != source and not re.fullmatch(r"[\w\s@:/=,;%&#!~<>'\"`-]*", source) and compiles(source):
            values = {"find": f"(?s){source}", "replace": target, "regex": True}
            number = len(found.gateway.get("filters", [])) + 1
            found.notes.append(
                f"filter {number} is a regular expression, as CLP read it; take out regex where it is meant literally"
            )
        found.gateway.setdefault("filters", []).append(values)


def compiles(source: str) -> bool:
    try:
        re.compile(source)
    except re.error:
        return False
    return True


def add_routes(found: Imported, config: Mapping[str, Any]) -> None:
    mode = config.get("mode", "default")
    for kind, wanted in (("modelMappings", "model-mapping"), ("configMappings", "config-mapping")):
        for service in SERVICES:
            rules = as_dict(config.get(kind)).get(service)
            for rule in rules if isinstance(rules, list) else []:
                route = route_of(found, service, as_dict(rule), kind)
                if route is None:
                    found.notes.append(f"{service}: a rule of {kind} names what is not there and was left out")
                elif mode == wanted:
                    found.gateway.setdefault("routes", []).append(route)
                else:
                    found.notes.append(f"a route was not in force (mode {mode}) and was left out: {shown(route)}")


def route_of(found: Imported, service: str, rule: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    route: dict[str, Any] = {"service": SERVICES[service]}
    if kind == "configMappings":
        model, upstream = rule.get("model"), found.names.get((service, str(rule.get("config"))))
        return {**route, "model": str(model), "to_upstream": upstream} if model and upstream else None
    source, target = rule.get("source"), rule.get("target")
    if rule.get("source_type") == "config":
        source = found.names.get((service, str(source)))
    if not (source and target):
        return None
    return {**route, "upstream" if rule.get("source_type") == "config" else "model": str(source), "to_model": str(target)}


def shown(route: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f'{key} = "{value}"' for key, value in route.items()) + "}"


def add_balance(found: Imported, config: Mapping[str, Any]) -> None:
    services = as_dict(config.get("services"))
    if config.get("mode") == "weight-based":
        found.gateway["balance"] = "priority"
    thresholds = [number(as_dict(one).get("failureThreshold")) for one in services.values()]
    minutes = [number(as_dict(one).get("autoResetMinutes")) for one in services.values()]
    if any(one >= 1 for one in thresholds):
        found.gateway["failures"] = int(max(thresholds))
    if any(one > 0 for one in minutes):
        found.gateway["cool_down_s"] = int(max(minutes) * 60)
    for service, one in services.items():
        for name, day in as_dict(as_dict(one).get("manualDisabledUntil")).items():
            if ours := found.names.get((service, name)):
                found.disabled[ours] = str(day)[:10]


def add_defaults(found: Imported, config: Mapping[str, Any]) -> None:
    tables = as_dict(config.get("codexDefaults"))
    for theirs, ours in DEFAULTS.items():
        for model, value in as_dict(tables.get(theirs)).items():
            if value in WORDS[ours]:
                found.gateway.setdefault("models", {}).setdefault(model, {})[ours] = value
    if "logLimit" in config:
        found.notes.append("logLimit has no use here: every call is kept; [gateway] keep_bodies_days limits bodies")


def weight_of(one: Mapping[str, Any]) -> float:
    return number(one.get("weight"))


def number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
