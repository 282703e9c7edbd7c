"""Times as agents write them."""

from datetime import datetime, timezone


def from_iso(text: object) -> int:
    """ns since 1970 of an ISO-8601 time; no zone means UTC; 0 for what is no time."""
    if not isinstance(text, str):
        return 0
    try:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return 0
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
    return round(parsed.timestamp() * 1000) * 1_000_000
