"""The rate limit of one upstream: a token bucket, and the line of calls before it.

A bucket with room for one call lets exactly ``rpm`` calls start in any minute; with room for more, a quiet upstream takes so
many at once. The line is first come, first served; only its head watches the clock, and who goes away leaves no gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """``rpm`` > 0: calls a minute; ``burst`` ≥ 1: calls at once. ``full_at``: when it will be full again, in seconds of one clock
    that never goes back. ``waiting``: calls in the line."""

    rpm: float
    burst: int = 1
    full_at: float = float("-inf")
    waiting: int = 0
    line: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def step(self) -> float:
        """Seconds in which room for one call comes back."""
        return 60.0 / self.rpm

    def ready_in(self, now: float) -> float:
        """Seconds until there is room for a call."""
        return max(0.0, self.full_at - now - (self.burst - 1) * self.step)

    def take(self, now: float) -> None:
        """A call starts."""
        self.full_at = max(self.full_at, now) + self.step


async def admitted(
    bucket: Bucket, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> float:
    """Wait until a call may start; returns the seconds that took. Cancelled, it has taken nothing."""
    began = clock()
    bucket.waiting += 1
    try:
        async with bucket.line:
            while (left := bucket.ready_in(clock())) > 0:
                await sleep(left)
            bucket.take(clock())
    finally:
        bucket.waiting -= 1
    return clock() - began
