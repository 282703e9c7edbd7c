"""What ``procy doctor`` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``remedy`` says what to do; "" where nothing is to be done."""

    level: Level
    what: str
    remedy: str = ""
