"""Values of a transcript line as the types they ought to be. What has another type counts as not there."""

from __future__ import annotations

import json
from typing import Any

UNFORESEEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)  # what a line of an unknown shape may raise
DECODER = json.JSONDecoder(parse_constant=lambda _: None)  # made once: that costs as much as a line
MOST = 1 << 53  # what a JSON number holds exactly


def read_record(line: bytes) -> dict[str, Any] | None:
    """A line's JSON object, or None. Half a surrogate pair, which no database takes, becomes ``?``."""
    try:
        record = DECODER.decode(line.decode(json.detect_encoding(line), "surrogatepass"))
        if b"\\u" in line and (b"\\ud" in line or b"\\uD" in line):
            record = json.loads(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """A number of things, such as tokens."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST else None


def as_amount(value: object) -> float | None:
    """A number that may have a fraction, such as money."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < MOST else None


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def as_blocks(content: object) -> list[dict[str, Any]]:
    """A message's content: blocks, of which a bare string is one of text."""
    parts = [content] if isinstance(content, str) else as_list(content)
    return [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts if isinstance(part, (str, dict))]
