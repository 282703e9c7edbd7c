"""What a test looks for in a page's HTML."""

from __future__ import annotations

import json
import re
from typing import Any


def articles(html: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'<article class="turn[^"]*" id="t(\d+)"', html)]


def article(html: str, seq: int) -> str:
    return re.search(rf'<article class="turn[^"]*" id="t{seq}".*?</article>', html, re.DOTALL)[0]  # type: ignore[index]


def titles(html: str) -> list[int]:
    """The turns that are listed beside."""
    return [int(seq) for seq in re.findall(r'<li [^>]*data-seq="(\d+)"', html)]


def cast_of(page: str) -> str:
    """Where a page's player gets its recording."""
    return re.search(r'data-cast="([^"]+)"', page)[1].replace("&amp;", "&")  # type: ignore[index]


def events(cast: str) -> list[list[Any]]:
    return [json.loads(line) for line in cast.splitlines()[1:]]
