"""What would become of a call: who would get it, by which rule, and why not by the others. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from procy.errors import ConfigError
from procy.gateway.balance import Pool, today_of
from procy.gateway.keys import find_key
from procy.gateway.reload import Loaded
from procy.gateway.routes import misses, route, words
from procy.settings.upstreams import UpstreamSettings


@dataclass(frozen=True, slots=True)
class Step:
    """One upstream that the call would try. ``changes``: what the settings change there, in words."""

    upstream: str
    model: str
    why: str
    state: str
    key: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    service: str
    model: str
    balance: str
    rules: tuple[tuple[str, str], ...] = ()  # each route in words, and what came of it
    steps: tuple[Step, ...] = ()
    refused: tuple[str, ...] = field(default_factory=tuple)  # why nothing would be sent at all

    def plain(self) -> dict[str, Any]:
        return {
            "service": self.service, "model": self.model, "balance": self.balance,
            "routes": [{"rule": rule, "result": result} for rule, result in self.rules],
            "attempts": [{name: getattr(step, name) for name in Step.__slots__} for step in self.steps],
            "refused": list(self.refused),
        }  # fmt: skip


def explain(loaded: Loaded, pool: Pool, service: str, model: str, now: float, environment: Mapping[str, str]) -> Explained:
    """``pool`` is asked once, as a call would."""
    gateway, today = loaded.settings.gateway, today_of(now)
    mode = gateway.balance[service]
    candidates = pool.order(service, loaded.of(service), mode, now, today)
    first = candidates[0].upstream.name if candidates else ""
    chosen = route(gateway.routes, service, model, first)
    why = {one.upstream.name: one.why for one in candidates}
    upstreams = loaded.named(chosen.upstreams) if chosen.upstreams else [one.upstream for one in candidates]
    steps = []
    for upstream in upstreams[: 1 + gateway.retries]:
        routed = chosen if chosen.upstreams else route(gateway.routes, service, model, upstream.name)
        steps.append(Step(upstream.name, routed.model or model, chosen.why if chosen.upstreams else why[upstream.name],
                          pool.of(upstream.name).state(now, today), key_state(upstream, environment),
                          tuple(changes_of(upstream, loaded))))  # fmt: skip
    rules = [
        (words(rule), verdict(number, chosen.number, misses(rule, service, model, first)))
        for number, rule in enumerate(gateway.routes, 1)
    ]
    return Explained(service, model, mode, tuple(rules), tuple(steps), tuple(refusals(loaded, steps, service)))


def verdict(number: int, chosen: int, miss: str | None) -> str:
    if number == chosen:
        return "matches"
    return miss or f"would match, but route {chosen} comes first"


def key_state(upstream: UpstreamSettings, environment: Mapping[str, str]) -> str:
    if upstream.key is None:
        return "the client's passes"
    try:
        key = find_key(upstream.key, environment)
    except ConfigError as error:
        return str(error)
    return f"{key.name} ({key.digest}), as {upstream.auth}"


def changes_of(upstream: UpstreamSettings, loaded: Loaded) -> list[str]:
    """In words; none where bytes pass as they are."""
    headers, fields = upstream.headers, upstream.fields
    told = (
        [f"headers: {headers.profile}{' (modified)' if headers.profile == 'custom' else ''}"]
        if headers.profile != "passthrough"
        else []
    )
    for name, names in (("drops", fields.drop), ("fills in", fields.backfill), ("defaults", fields.default)):
        told += [f"{name}: {', '.join(names)}"] if names else []
    models = [one.pattern for one in (*upstream.models, *loaded.settings.gateway.models)]
    told += [f"defaults for {', '.join(models)}"] if models else []
    rules = [str(rule.number) for rule in loaded.filters.for_upstream(upstream.name)]
    told += [f"filters: {', '.join(rules)}"] if rules else []
    told += [f"quirks: {', '.join(upstream.quirks)}"] if upstream.quirks else []
    told += [f"at most {upstream.rpm:g} calls a minute"] if upstream.rpm else []
    return told


def refusals(loaded: Loaded, steps: list[Step], service: str) -> list[str]:
    if not steps:
        return [f"there is no upstream for {service}"]
    broken = loaded.filters.broken_for(steps[0].upstream)
    return [f"filter {broken.number} is broken: {broken.reason}"] if broken and not loaded.settings.gateway.fail_open else []
