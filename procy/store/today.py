"""What this day has used so far, in the whole database. Asked often, so nothing is imported that it does not need."""

import sqlite3
from datetime import datetime, timezone
from typing import NamedTuple

TODAY = """
SELECT count(*), coalesce(sum(coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)), 0),
       coalesce(sum(output_tokens), 0), sum(cost_usd)
FROM turns WHERE started_at >= ?
"""


class Today(NamedTuple):
    """``input_tokens`` includes what a cache gave and took; ``cost_usd`` is None where no turn has a cost."""

    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None

    def in_short(self) -> str:
        """``12.3k tok $0.42`` for a status line; "" before the first token."""
        tokens = self.input_tokens + self.output_tokens
        cost = f" ${self.cost_usd:.2f}" if self.cost_usd is not None else ""
        return f"{in_thousands(tokens)} tok{cost}" if tokens else ""


def read_today(connection: sqlite3.Connection, now: datetime) -> Today:
    """The turns that began since the midnight before ``now``, which has a zone."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return Today(*connection.execute(TODAY, (since,)).fetchone())


def in_thousands(count: int) -> str:
    """``950``, ``12.3k``, ``4.6M``."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 999_950 else f"{count / 1_000_000:.1f}M"
