"""Tables on standard output, and the little statistics that they need."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], aim: str = "") -> None:
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(column), *(len(row[place]) for row in cells)) for place, column in enumerate(columns)]
    print(f"\n## {title}")
    print("  ".join(column.ljust(width) for column, width in zip(columns, widths, strict=True)).rstrip())
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if aim:
        print(f"aim: {aim}")


def paired_interval(left: Sequence[float], right: Sequence[float], seed: int = 1) -> tuple[float, float, float]:
    """Median of the paired differences ``left - right`` and its 95 % bootstrap interval."""
    differences = [a - b for a, b in zip(left, right, strict=True)]
    chance = random.Random(seed)
    medians = sorted(statistics.median(chance.choices(differences, k=len(differences))) for _ in range(2000))
    return statistics.median(differences), medians[50], medians[1949]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f} ms"


def megabytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB"
