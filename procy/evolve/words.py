"""Texts and numbers as a proposer reads them: no control characters, no secrets, no half words, no needless digits. Pure."""

from __future__ import annotations

import math
import re
from typing import Any

from procy.parse.redact import mask
from procy.tries import MetricView

LONGEST = 100_000  # characters looked at of any one text
ESCAPES = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-_])")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # the last turn text around
LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85]")
IDEOGRAPH = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"  # written without spaces: each ends a word
WORD = re.compile(f"[{IDEOGRAPH}]|[^\\s{IDEOGRAPH}]+")


def cleaned(text: object) -> str:
    """As it can be shown and sent, secrets masked. Half a surrogate pair becomes ``\ufffd``."""
    whole = str(text)
    whole = shorten(whole, LONGEST).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return mask(CONTROLS.sub("", LINE_ENDS.sub("\n", ESCAPES.sub("", whole)))).strip()


def one_line(text: object) -> str:
    return " ".join(cleaned(text).split())


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters of a text: whole words and ``…``."""
    if len(text) <= limit:
        return text
    end = 0
    for word in WORD.finditer(text):
        if word.end() > limit - 2:
            break
        end = word.end()
    return f"{text[:end]} …" if end else "…"[: max(limit, 0)]


def number(value: Any, unit: str = "") -> str:
    """``12,345 ms``, ``0.9512``, ``unknown``."""
    if not is_number(value):
        return "unknown"
    text = digits(value, 4)
    return f"{text} {unit}" if unit else text


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def digits(value: float, significant: int) -> str:
    if value == 0:
        return "0"
    if 10**significant <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.{significant}g}"


def change(metric: MetricView, new: Any, old: Any) -> str:
    """``+7.1 %, better``; "" where one of both is not known."""
    if not is_number(new) or not is_number(old):
        return ""
    difference = new - old
    if abs(difference) <= 5e-4 * abs(old):
        return "same"
    share = f"{digits(100 * abs(difference) / abs(old), 3)} %" if old else digits(abs(difference), 3)
    is_better = (difference > 0) == (metric.direction == "maximize")
    return f"{'+' if difference > 0 else '-'}{share}, {'better' if is_better else 'worse'}"
