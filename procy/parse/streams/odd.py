"""What is unusual about a line of JSONL. Such lines are forwarded and recorded like all others, and flagged."""

from __future__ import annotations

import json

LONGEST = 64 << 20  # bytes of a line that is parsed; longer ones are only forwarded


def oddities(line: bytes, whole: bool = True, is_object: bool = False) -> tuple[str, ...]:
    """Names for all that is odd about a line, given without its newline. ``is_object``: it is known to be a JSON object."""
    found = [name for name, there in (
        ("byte order mark", line.startswith(b"\xef\xbb\xbf")),
        ("NUL", b"\0" in line),
        ("CRLF", line.endswith(b"\r")),
        ("lone CR", b"\r" in line[:-1]),
        ("no newline", not whole),
    ) if there]  # fmt: skip
    return (*found, *(() if is_object else content_oddities(line)))


def content_oddities(line: bytes) -> tuple[str, ...]:
    if len(line) > LONGEST:
        return ("too long to parse",)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return ("not UTF-8",)
    if not text.strip():
        return ()
    try:
        value = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return ("not JSON",)
    return () if isinstance(value, dict) else ("not an object",)
