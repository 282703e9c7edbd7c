"""Times as agents write them. Each function gives ns since 1970, and 0 for what is no time."""

from datetime import datetime, timedelta, timezone

LATEST_MS = 9_000_000_000_000  # in the year 2255; as ns it still fits into 64 bits


def from_iso(text: object) -> int:
    """Of an ISO-8601 time; no zone means UTC."""
    if not isinstance(text, str):
        return 0
    try:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return 0
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
    return from_milliseconds(round(parsed.timestamp() * 1000))


def from_iso_exactly(text: str) -> int:
    """Of an ISO-8601 time with a zone, to the microsecond."""
    try:
        since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    except (ValueError, TypeError, OverflowError):
        return 0
    microseconds = since // timedelta(microseconds=1)
    return microseconds * 1_000 if 0 <= microseconds < LATEST_MS * 1_000 else 0


def from_milliseconds(count: object) -> int:
    """Of milliseconds since 1970."""
    return int(count) * 1_000_000 if isinstance(count, (int, float)) and 0 <= count < LATEST_MS else 0
