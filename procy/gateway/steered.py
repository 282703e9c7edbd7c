"""Steering by the settings: see ``steering.Steering`` for what each part is asked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from procy.errors import ConfigError
from procy.gateway.balance import Candidate, Pool, active_of, is_failure, rest_of, today_of
from procy.gateway.call import Call
from procy.gateway.changes import changed, kept, readable
from procy.gateway.keys import KeyChain
from procy.gateway.limit import Bucket, admitted
from procy.gateway.reload import Config, Loaded
from procy.gateway.routes import route
from procy.gateway.state import State, StateFile, with_health
from procy.gateway.steering import Attempt, Outcome, Refused, Sent
from procy.places import Places
from procy.settings.upstreams import UpstreamSettings


@dataclass(frozen=True, slots=True)
class Planned(Attempt):
    """With the settings that were in force when the call came: a change of them is for the calls after it."""

    settings: UpstreamSettings | None = None
    loaded: Loaded = field(default_factory=Loaded)


@dataclass(frozen=True, slots=True)
class Clocks:
    """``wall``: seconds since 1970. ``steady``: seconds that never go back."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


class Steered:
    def __init__(self, places: Places, environment: Mapping[str, str], draw: random.Random, clocks: Clocks | None = None) -> None:
        """Waits for keys that other programs give. Raises ConfigError for settings that are wrong."""
        self.clocks = clocks or Clocks()
        self.config = Config(places)
        self.file = StateFile(places)
        self.pool = Pool(draw, self.file.read().health)
        self.keys = KeyChain(environment, self.clocks.steady)
        self.buckets: dict[str, Bucket] = {}
        for upstream in self.config.current().settings.upstreams.values():
            if upstream.key and upstream.key.kind in ("command", "keyring"):
                self.keys.ask(upstream.key)

    def plan(self, call: Call) -> Sequence[Attempt]:
        loaded = self._now()
        model = (readable(call).model or "") if loaded.settings.gateway.routes else ""  # else nobody asks: no body is parsed
        if call.upstream:
            candidates, first = asked_for(loaded, call.upstream), call.upstream
        else:
            candidates, first = self.candidates(loaded, call.service, model)
        attempts: list[Attempt] = []
        error: ConfigError | None = None
        for candidate in candidates[: 1 + loaded.settings.gateway.retries]:
            try:
                attempts.append(self._attempt(candidate, (call.service, model, first), loaded))
            except ConfigError as found:
                error = error or found
        if error and not attempts:
            raise Refused(503, error.what, error.remedy)
        return attempts

    def candidates(self, loaded: Loaded, service: str, model: str) -> tuple[list[Candidate], str]:
        """Whom a call may try; and whom it would have tried without a route."""
        gateway, now = loaded.settings.gateway, self.clocks.wall()
        ordered = self.pool.order(service, loaded.of(service), gateway.balance[service], now, today_of(now))
        first = ordered[0].upstream.name if ordered else ""
        routed = route(gateway.routes, service, model, first)
        if not routed.upstreams:
            return ordered, first
        named = [Candidate(one, routed.why) for one in loaded.named(routed.upstreams)]
        states = {one.upstream.name: self.pool.of(one.upstream.name).state(now, today_of(now)) for one in named}
        able = [one for one in named if states[one.upstream.name] != "disabled"]
        return sorted(able, key=lambda one: states[one.upstream.name] not in ("ready", "trial")), first

    def _attempt(self, candidate: Candidate, asked: tuple[str, str, str], loaded: Loaded) -> Planned:
        """``asked``: service, model, and whom it would try without a route. Raises ConfigError where it has no key."""
        upstream, rules = candidate.upstream, loaded.settings.gateway.routes
        service, model, first = asked
        routed = route(rules, service, model, first)
        if not routed.upstreams:
            routed = route(rules, service, model, upstream.name)
        key = self.keys.find(upstream.key) if upstream.key else None
        wire = "" if upstream.wire == "client" else upstream.wire
        why = tuple(dict.fromkeys((candidate.why, *([routed.why] if routed.number else []))))
        return Planned(upstream.name, upstream.base_url, wire, key, upstream.auth, routed.model, why, upstream, loaded)

    async def admit(self, attempt: Attempt) -> float:
        upstream = settings_of(attempt)
        waited = await admitted(self._bucket(upstream), self.clocks.steady) * 1000 if upstream.rpm > 0 else 0.0
        self.pool.begin(attempt.upstream, self.clocks.wall())
        return waited

    def _bucket(self, upstream: UpstreamSettings) -> Bucket:
        """A new rate begins where the old one stood."""
        found = self.buckets.get(upstream.name)
        if found is None or (found.rpm, found.burst) != (upstream.rpm, upstream.burst):
            full_at = min(found.full_at, self.clocks.steady() + 60 / upstream.rpm) if found else float("-inf")
            found = self.buckets[upstream.name] = Bucket(upstream.rpm, upstream.burst, full_at)
        return found

    def change(self, call: Call, attempt: Attempt) -> Sent:
        assert isinstance(attempt, Planned)
        try:
            return changed(call, attempt, settings_of(attempt), attempt.loaded)
        except Refused:
            self.pool.gave_up(attempt.upstream)
            raise

    def result(self, attempt: Attempt, outcome: Outcome) -> bool:
        assert isinstance(attempt, Planned)
        name, now = attempt.upstream, outcome.at_ns / 1e9
        failed = is_failure(outcome.kind, outcome.status)
        before = self.pool.health.get(name)
        if failed:
            self._look()
            what = str(outcome.status) if outcome.kind == "status" else outcome.kind
            rest_s = rest_of(outcome.retry_after, now) if outcome.status in (429, 503, 529) else None
            self.pool.failed(name, what, now, attempt.loaded.settings.gateway, status=outcome.status, rest_s=rest_s)
        elif outcome.kind == "abort":
            self.pool.gave_up(name)
        else:
            self.pool.succeeded(name, outcome.status)
        if failed or (before is not None and before.failures):
            after = self.pool.health.get(name)
            self._take(self.file.change(lambda state: with_health(state, name, after)))
        return failed and outcome.kind != "broken"

    def active(self, service: str) -> str | None:
        """Where a call without a route goes now."""
        loaded, now = self._now(), self.clocks.wall()
        upstreams = loaded.of(service)
        if loaded.settings.gateway.balance[service] == "active":
            found = active_of(upstreams)
            return found.name if found else None
        states = [
            (one.priority, one.name)
            for one in upstreams
            if self.pool.of(one.name).state(now, today_of(now)) in ("ready", "trial")
        ]
        return min(states, key=lambda one: one[0])[1] if states else None

    def kept(self, call: Call) -> Call:
        return kept(call, self.config.current().filters)

    def told(self, service: str) -> Mapping[str, Any]:
        """For ``/health``, without anything secret."""
        loaded, now = self._now(), self.clocks.wall()
        upstreams = {}
        for one in loaded.of(service):
            health, bucket = self.pool.of(one.name), self.buckets.get(one.name)
            upstreams[one.name] = {"state": health.state(now, today_of(now)), "failures": health.failures,
                                   "last_failure": health.last_failure, "waiting": bucket.waiting if bucket else 0}  # fmt: skip
        broken = [f"filter {one.number} is broken: {one.reason}" for one in loaded.filters.broken]
        return {
            "balance": loaded.settings.gateway.balance[service],
            "upstreams": upstreams,
            "errors": [*filter(None, [loaded.error]), *broken],
        }

    def _now(self) -> Loaded:
        self._look()
        return self.config.current()

    def _look(self) -> None:
        """Take over what a command changed: a reset, a day off."""
        if self.file.changed():
            self._take(self.file.read())

    def _take(self, state: State) -> None:
        """Calls that try a rested upstream are known here only."""
        trials = {name: one.trial_until for name, one in self.pool.health.items()}
        self.pool.health = {name: replace(one, trial_until=trials.get(name, 0.0)) for name, one in state.health.items()}


def settings_of(attempt: Attempt) -> UpstreamSettings:
    assert isinstance(attempt, Planned) and attempt.settings is not None
    return attempt.settings


def asked_for(loaded: Loaded, name: str) -> list[Candidate]:
    """The upstream that a client asks for by name. Raises Refused (404)."""
    found = loaded.named((name,))
    if not found:
        raise Refused(404, f"there is no upstream {name!r}", "See which there are: procy gateway list")
    return [Candidate(one, "asked for by name") for one in found]
