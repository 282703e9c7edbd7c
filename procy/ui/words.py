"""Numbers, times and calls as people read them. Pure but for the time zone."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timezone
from typing import Any

from procy.parse.arguments import NAMES, telling

BRIEF = 160  # characters
CONTROL = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]", re.DOTALL)
CUT_ARGUMENT = re.compile(rf'"({"|".join(NAMES)})"\s*:\s*"((?:[^"\\]|\\.)*)')


def printable(text: str) -> str:
    """Without what would act on the reader's terminal: control characters other than line feeds and tabs."""
    return CONTROL.sub("", text)


def tokens(count: int | None) -> str:
    """``950``, ``12.3k``, ``4.5M``; "" for None."""
    if count is None:
        return ""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.1f}".removesuffix(".0") + unit
    return str(count)


def dollars(amount: float | None) -> str:
    """``$0.004``, ``$1.20``; "" for None."""
    if amount is None:
        return ""
    return f"${amount:.2f}" if amount >= 0.1 else f"${amount:.3f}"


def duration(ms: float | None) -> str:
    """``38 ms``, ``4.2 s``, ``3 min 5 s``, ``2 h 10 min``; "" for None."""
    if ms is None:
        return ""
    seconds = ms / 1000
    if seconds < 1:
        return f"{int(ms)} ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s".replace(" 0 s", "")
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min".replace(" 0 min", "")


def figure(value: float | None, digits: int = 4) -> str:
    """``41.27``, ``12,400``, ``−0.0031``: a measured number; "–" for none."""
    if value is None or not math.isfinite(value):
        return "–"
    power = math.floor(math.log10(abs(value))) if value else 0
    if not -5 < power < 12:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    text = f"{value:,.{max(digits - 1 - power, 0)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def signed(value: float | None, digits: int = 4) -> str:
    """As ``figure``, with a plus where it is positive."""
    return ("+" if value is not None and value > 0 else "") + figure(value, digits)


def size(count: int) -> str:
    """``950 B``, ``12.3 kB``, ``4.5 GB``, in powers of a thousand."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} B"


def parse_time(iso: str) -> datetime:
    return datetime.fromisoformat(iso.replace("Z", "+00:00")).astimezone()


def between_ms(start: str | None, end: str | None) -> float | None:
    if not start or not end:
        return None
    return max((parse_time(end) - parse_time(start)).total_seconds() * 1000, 0)


def ago(iso: str | None, now: datetime | None = None) -> str:
    """``now``, ``3 min ago``, ``2 h ago``, ``5 d ago``, then the date; "" for none."""
    if not iso:
        return ""
    seconds = ((now or datetime.now(timezone.utc)) - parse_time(iso)).total_seconds()
    for limit, unit, name in ((3600, 60, "min"), (86400, 3600, "h"), (86400 * 14, 86400, "d")):
        if seconds < 45:
            return "now"
        if seconds < limit:
            return f"{max(int(seconds // unit), 1)} {name} ago"
    return parse_time(iso).strftime("%Y-%m-%d")


def clock(iso: str | None) -> str:
    """``14:02`` today, ``19 Nov 14:02`` this year, else with the year; local time."""
    if not iso:
        return ""
    time, now = parse_time(iso), datetime.now().astimezone()
    form = "%H:%M" if time.date() == now.date() else "%-d %b %H:%M" if time.year == now.year else "%-d %b %Y %H:%M"
    return time.strftime(form)


def stamp(iso: str | None) -> str:
    """``2026-11-20 14:02:31``, local time."""
    return parse_time(iso).strftime("%Y-%m-%d %H:%M:%S") if iso else ""


def one_line(text: str | None, width: int) -> str:
    """The words of a text on one line, cut with an ellipsis."""
    line = " ".join((text or "")[: width * 4].split())
    return line[: width - 1] + "…" if len(line) > width else line


def brief(text: str | None, cwd: str | None = None) -> str:
    """The one argument that says what a tool call does; ``text`` is its JSON input, perhaps cut off."""
    found = ""
    try:
        arguments: Any = json.loads(text or "")
    except ValueError:
        match = CUT_ARGUMENT.search(text or "")
        found = match[2].replace("\\n", " ").replace('\\"', '"') if match else text or ""
    else:
        found = brief_value(arguments, text or "")
    if cwd:
        found = found.replace(cwd.rstrip("/") + "/", "")
    return one_line(found, BRIEF)


def brief_value(arguments: Any, text: str) -> str:
    if not isinstance(arguments, dict):
        return str(arguments) if isinstance(arguments, (str, int, float)) else text
    strings = [value for value in arguments.values() if isinstance(value, str) and value]
    return telling(arguments) or (strings[0] if strings else text)


def arguments(text: str | None) -> list[tuple[str, str]]:
    """A call's input as (name, value) pairs, strings as they are; one pair without a name where it is no JSON object."""
    try:
        found: Any = json.loads(text or "")
    except ValueError:
        return [("", text)] if text else []
    if not isinstance(found, dict):
        return [("", found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, indent=2))]
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))
        for name, value in found.items()
    ]


def below(path: str, folder: str | None) -> str:
    """``src/a.py`` for a path below the folder, else the path itself."""
    return path.removeprefix(folder.rstrip("/") + "/") if folder else path


def home_short(path: str | None, home: str) -> str:
    """``~/work`` for a path below the home directory."""
    if not path:
        return ""
    return "~" + path[len(home) :] if home and (path == home or path.startswith(home.rstrip("/") + "/")) else path
