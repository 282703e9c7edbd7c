"""Which upstreams a call tries, in which order; and how each of them is doing.

Upstreams of a smaller priority number come first. Among those of one, ``priority`` takes them as the settings list them,
``weighted`` draws them by weight, ``round-robin`` begins with the next one each time. ``active`` uses the active one alone.

An upstream that failed ``failures`` times in a row, or that says when to come again, rests. When its rest is over one call tries
it; if that fails it rests again. Nothing that a client did wrong counts.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from procy.settings.gateway import GatewaySettings
from procy.settings.upstreams import UpstreamSettings

LONGEST_REST_S = 24 * 3600.0  # whatever an upstream asks for
TRIAL_S = 120.0  # how long the call that tries a rested upstream keeps others away


@dataclass(frozen=True, slots=True)
class Health:
    """Of one upstream. Times are seconds since 1970. ``disabled_on``: the day (``2026-11-28``) on which it is not used."""

    failures: int = 0
    resting_until: float = 0.0
    trial_until: float = 0.0
    disabled_on: str = ""
    last_status: int = 0
    last_failure: str = ""
    failed_at: float = 0.0

    def state(self, now: float, today: str) -> str:
        """ready, resting, trial (its rest is over; one call tries it), trying (that call is under way) or disabled."""
        if self.disabled_on == today:
            return "disabled"
        if now < self.resting_until:
            return "resting"
        if not self.resting_until:
            return "ready"
        return "trying" if now < self.trial_until else "trial"

    def plain(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def health_of(found: Mapping[str, Any]) -> Health:
    """Back from its plain values; what is not known there is left out."""
    return Health(**{name: value for name, value in found.items() if name in Health.__slots__})


@dataclass(frozen=True, slots=True)
class Candidate:
    upstream: UpstreamSettings
    why: str


class Pool:
    """The health of all upstreams by name, and whose turn it is."""

    def __init__(self, draw: random.Random, health: Mapping[str, Health] | None = None) -> None:
        self._draw = draw
        self.health: dict[str, Health] = dict(health or {})
        self._turns: dict[str, int] = {}

    def of(self, name: str) -> Health:
        return self.health.get(name, Health())

    def order(self, service: str, upstreams: Sequence[UpstreamSettings], mode: str, now: float, today: str) -> list[Candidate]:
        """``upstreams``: those of ``service``. Where all are resting, the one whose rest ends first is tried all the same: an
        answer of the upstream says more than one of the gateway. Disabled ones are never used."""
        if mode == "active":
            return [Candidate(one, f"{one.name} is active") for one in [active_of(upstreams)] if one]
        able = [one for one in upstreams if self.of(one.name).state(now, today) in ("ready", "trial")]
        if not able:
            kept = [one for one in upstreams if self.of(one.name).state(now, today) != "disabled"]
            soonest = sorted(kept, key=lambda one: self.of(one.name).resting_until)[:1]
            return [Candidate(one, f"all of {service} are resting; {one.name} the shortest") for one in soonest]
        ordered = [one for group in groups(able) for one in self._within(service, group, mode)]
        return [Candidate(one, f"{mode}: place {place} of {len(ordered)}") for place, one in enumerate(ordered, 1)]

    def _within(self, service: str, group: Sequence[UpstreamSettings], mode: str) -> list[UpstreamSettings]:
        if mode == "weighted":
            return sorted(group, key=lambda one: draw_key(one.weight, self._draw), reverse=True)
        if mode == "round-robin":
            name = f"{service} {group[0].priority}"
            start = self._turns[name] = (self._turns.get(name, -1) + 1) % len(group)
            return [*group[start:], *group[:start]]
        return list(group)

    def begin(self, name: str, now: float) -> None:
        """A call goes there now; a rested upstream takes no second one until the first has ended."""
        found = self.of(name)
        if found.resting_until and now >= found.resting_until:
            self.health[name] = replace(found, trial_until=now + TRIAL_S)

    def succeeded(self, name: str, status: int) -> None:
        """Any answer that does not blame the upstream."""
        if name in self.health:
            self.health[name] = Health(disabled_on=self.health[name].disabled_on, last_status=status)

    def failed(
        self, name: str, what: str, now: float, settings: GatewaySettings, *, status: int = 0, rest_s: float | None = None
    ) -> None:
        """``rest_s``: how long the upstream asks to be left alone."""
        found = self.of(name)
        count = found.failures + 1
        rest = 0.0
        if count >= settings.failures or found.resting_until:
            rest = settings.cool_down_s
        if rest_s is not None:
            rest = max(rest, min(rest_s, LONGEST_REST_S))
        until = max(found.resting_until, now + rest) if rest else found.resting_until
        self.health[name] = replace(found, failures=count, resting_until=until, trial_until=0.0, last_status=status,
                                    last_failure=what, failed_at=now)  # fmt: skip

    def gave_up(self, name: str) -> None:
        """The call ended without telling anything about the upstream, such as by its client: another may try it."""
        if name in self.health:
            self.health[name] = replace(self.health[name], trial_until=0.0)

    def reset(self, name: str) -> None:
        self.health.pop(name, None)

    def disable(self, name: str, today: str) -> None:
        self.health[name] = replace(self.of(name), disabled_on=today)

    def rename(self, old: str, new: str) -> None:
        if old in self.health:
            self.health[new] = self.health.pop(old)

    def plain(self) -> dict[str, dict[str, Any]]:
        return {name: one.plain() for name, one in self.health.items()}


def active_of(upstreams: Sequence[UpstreamSettings]) -> UpstreamSettings | None:
    """The one that is marked; without a mark the first."""
    return next((one for one in upstreams if one.active), upstreams[0] if upstreams else None)


def groups(upstreams: Sequence[UpstreamSettings]) -> list[list[UpstreamSettings]]:
    """By priority, the smallest first."""
    return [[one for one in upstreams if one.priority == each] for each in sorted({one.priority for one in upstreams})]


def draw_key(weight: float, draw: random.Random) -> float:
    """Sorting by these gives each upstream the first place as often as its weight says (Efraimidis and Spirakis, 2006: the
    weighted sample without replacement); weight 0 comes last."""
    return math.log(1.0 - draw.random()) / weight if weight > 0 else -math.inf


def is_failure(kind: str, status: int) -> bool:
    """Whether an attempt's end (see ``steering.Outcome``) blames the upstream. A server that closes in the middle is to blame; a
    request that it calls wrong (other 4xx) or a client that goes away is not."""
    return kind in ("connect", "timeout", "broken") or status in (408, 429) or status >= 500


def rest_of(retry_after: str | None, now: float) -> float | None:
    """Seconds by a Retry-After header: a number, or a date (RFC 9110 §10.2.3). None where it says nothing."""
    text = (retry_after or "").strip()
    try:
        return min(max(0.0, float(text)), LONGEST_REST_S) if text and math.isfinite(float(text)) else None
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() - now)


def today_of(now: float) -> str:
    """The user's own day."""
    return day_of_minute(int(now // 60))


@lru_cache(maxsize=4)
def day_of_minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60).strftime("%Y-%m-%d")
