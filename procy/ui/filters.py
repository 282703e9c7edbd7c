"""Which sessions a list shows: read from an address, written into one, told to the database. Pure but for ``choices``."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from procy.store import tags
from procy.store.db import iso

LONGEST = 300  # characters of one field
UNITS = {"h": 1, "d": 24, "w": 24 * 7}
SINCE = (("24h", "the last 24 hours"), ("7d", "the last 7 days"), ("30d", "the last 30 days"), ("90d", "the last 90 days"))


@dataclass(frozen=True, slots=True)
class Filter:
    """``live``: recorded now; ``all``: sub-agents' sessions, too. ``dir`` is a directory or one above it. ``text`` was said in
    it or is in its name. ``since``: active since then, as ``24h``, ``7d``, ``2w`` or a date."""

    live: str = ""
    all: str = ""
    tag: str = ""
    agent: str = ""
    dir: str = ""
    text: str = ""
    since: str = ""

    @property
    def query(self) -> str:
        """As in an address, without ``?``; always the same for the same filter."""
        return urlencode({one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)})

    @property
    def narrow(self) -> bool:
        """Whether anything but the switches is asked for."""
        return bool(self.tag or self.agent or self.dir or self.text or self.since)

    def since_iso(self, now_ns: int) -> str | None:
        """The time that ``since`` means; None for none and for what is no time."""
        if match := re.fullmatch(r"(\d{1,4})([hdw])", self.since):
            return iso(now_ns - int(match[1]) * UNITS[match[2]] * 3600 * 10**9)
        try:
            day = datetime.strptime(self.since, "%Y-%m-%d").astimezone()
        except ValueError:
            return None
        return iso(int(day.timestamp()) * 10**9)


def filter_of(given: Mapping[str, str]) -> Filter:
    """From the fields of an address or a form; what is not known is left out."""
    values = {one.name: " ".join(given.get(one.name, "").replace("\0", " ").split())[:LONGEST] for one in fields(Filter)}
    switches = {name: "1" if values[name] else "" for name in ("live", "all")}
    folder = values["dir"].rstrip("/") or values["dir"]
    return Filter(**{**values, **switches, "dir": folder})


def parsed(query: str) -> Filter:
    return filter_of(dict(parse_qsl(query)))


def choices(connection: sqlite3.Connection) -> dict[str, Any]:
    """What the form offers: agents, directories and tags that there are."""
    agents = connection.execute("SELECT DISTINCT agent FROM sessions ORDER BY agent LIMIT 100")
    folders = connection.execute("SELECT DISTINCT cwd FROM sessions WHERE cwd IS NOT NULL ORDER BY cwd LIMIT 200")
    return {
        "agents": [row[0] for row in agents], "dirs": [row[0] for row in folders], "known_tags": tags.known(connection),
        "sinces": SINCE,
    }  # fmt: skip
