"""A comparison as a human reads it in a few lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERDICTS = {"better": "is better than", "worse": "is worse than", "open": "is not shown to be better than"}


def lines_of(row: Mapping[str, Any]) -> list[str]:
    """Of a row of ``comparisons``."""
    against = "its base" if row["against"] == "base" else row["against"]
    return [
        f"{row['adapter']} {VERDICTS[row['verdict']]} {against} ({row['result']['basis']})",
        *(f"  {line}" for line in row["result"]["reasons"]),
    ]
