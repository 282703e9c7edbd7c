"""What a test looks for in a page's HTML."""

from __future__ import annotations

import json
import re
from html import unescape
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


def tries(html: str) -> list[int]:
    """The tries of a run's page, in order."""
    return [int(seq) for seq in re.findall(r'<tbody class="try [^"]*" id="try(\d+)"', html)]


def one_try(html: str, seq: int) -> str:
    return re.search(rf'<tbody class="try [^"]*" id="try{seq}".*?</tbody>', html, re.DOTALL)[0]  # type: ignore[index]


def read_aloud(html: str) -> str:
    """Its words, those that only a screen reader says among them."""
    return " ".join(unescape(re.sub(r'<span aria-hidden="true">[^<]*</span>|<[^>]+>', " ", html)).split())


def figures(html: str) -> list[str]:
    """What stands in the metrics' columns of a try."""
    return [read_aloud(cell) for cell in re.findall(r'<td class="figure[^>]*>(.*?)</td>', html, re.DOTALL)]
