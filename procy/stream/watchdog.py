"""Silence, and what it means: an agent that waits for its API or for a tool is not one that hangs. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from procy.parse.streams.events import Event
from procy.stream.table import Table


class Watchdog:
    """``limit_s``: of silence within a turn. Times are seconds of any one clock."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.last_at = 0.0
        self.retry_until = 0.0

    def heard(self, events: Iterable[Event], now: float) -> None:
        """The agent said something, or was sent something, or was started."""
        self.last_at = now
        for event in events:
            self.retry_until = now + event.seconds if event.kind == "retry" else self.retry_until

    def hangs(self, table: Table, now: float) -> bool:
        """Whether nothing has come for too long, and something should have."""
        if table.calls or table.tasks or table.asked or table.is_idle(now):
            return False
        return now - max(self.last_at, self.retry_until) > self.limit_s
