"""Routes: which rule a call falls under, and what that makes of its model and its upstream. The first that matches counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from procy.settings.gateway import RouteSettings


@dataclass(frozen=True, slots=True)
class Routed:
    """``number``: of the rule, from 1; 0 for none. ``model`` None: the one that was asked for. ``upstreams``: () for those that
    balancing gives."""

    number: int = 0
    model: str | None = None
    upstreams: tuple[str, ...] = ()
    why: str = "no route matches"


def route(rules: Iterable[RouteSettings], service: str, model: str, upstream: str) -> Routed:
    """``upstream``: the one that the call would go to. ``model`` "" where the call names none: only rules that do not ask for a
    model match it."""
    for number, rule in enumerate(rules, 1):
        if misses(rule, service, model, upstream) is None:
            return Routed(number, rule.to_model or None, rule.to_upstreams, f"route {number}: {words(rule)}")
    return Routed()


def misses(rule: RouteSettings, service: str, model: str, upstream: str) -> str | None:
    """Why a rule does not match; None where it does."""
    for name, pattern, value in (
        ("service", rule.service, service),
        ("model", rule.model, model),
        ("upstream", rule.upstream, upstream),
    ):
        if pattern and not (value and matches(pattern, value)):
            return f"{name} is {value or 'none'}, not {pattern}"
    return None


def matches(pattern: str, value: str) -> bool:
    """A name that is the pattern matches it, whatever characters it has; else it is read as a glob."""
    return pattern == value or fnmatchcase(value, pattern)


def words(rule: RouteSettings) -> str:
    """A rule as a person reads it: ``model gpt-5* → model my-model at work``."""
    asked = [
        f"{name} {value}"
        for name, value in (("service", rule.service), ("model", rule.model), ("upstream", rule.upstream))
        if value
    ]
    target = [f"model {rule.to_model}"] if rule.to_model else []
    target += ["upstream " + ", then ".join(rule.to_upstreams)] if rule.to_upstreams else []
    return f"{', '.join(asked)} → {', '.join(target)}"
