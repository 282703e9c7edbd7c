"""Header profiles: what an upstream's settings change in the headers of a call; every change is told.

No profile says that the client is another one than it is. Keys are not touched here: ``forward`` puts them in their place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from procy.settings.upstreams import HeaderSettings

Headers = tuple[tuple[str, str], ...]
ENSURED = {  # what each wire's documentation asks of every call
    "anthropic-messages": {"anthropic-version": "2023-06-01"},
    "openai-responses": {"openai-beta": "responses=experimental"},
    "openai-chat": {},
    "gemini": {},
}
BETA = {"anthropic-messages": "anthropic-beta", "openai-responses": "openai-beta"}
SECRET_WORDS = ("auth", "key", "token", "secret", "cookie")


def apply_headers(
    headers: Headers, settings: HeaderSettings, wire: str, *, streams: bool, has_body: bool
) -> tuple[Headers, list[dict[str, Any]]]:
    """``streams``: whether the body asks for a stream. Returns the very same headers where nothing changes."""
    changed = Changing(headers)
    if settings.profile == "protocol":
        changed.ensure("accept", "text/event-stream" if streams else "application/json", "the wire needs it")
        if has_body:
            changed.ensure("content-type", "application/json", "the wire needs it")
        changed.force("accept-encoding", "identity", "a stream must not wait for a compressor")
        for name, value in ENSURED.get(wire, {}).items():
            changed.ensure(name, value, "the wire needs it")
    if settings.beta and wire in BETA:
        changed.add_flags(BETA[wire], settings.beta)
    for name in settings.remove:
        changed.remove(name, "removed by the settings")
    for name, value in settings.ensure.items():
        changed.ensure(name, value, "missing; given by the settings")
    for name, value in settings.set.items():
        changed.force(name, value, "set by the settings")
    return tuple(changed.rows) if changed.changes else headers, changed.changes


class Changing:
    """Headers under change, in order; and what was changed."""

    def __init__(self, headers: Iterable[tuple[str, str]]) -> None:
        self.rows = list(headers)
        self.changes: list[dict[str, Any]] = []

    def value(self, name: str) -> str | None:
        return ", ".join(found) if (found := [value for one, value in self.rows if one == name]) else None

    def ensure(self, name: str, value: str, why: str) -> None:
        if self.value(name) is None:
            self._put(name, value, why)

    def force(self, name: str, value: str, why: str) -> None:
        if self.value(name) != value:
            self._put(name, value, why)

    def remove(self, name: str, why: str) -> None:
        if (old := self.value(name)) is not None:
            self.rows = [row for row in self.rows if row[0] != name]
            self._tell(name, old, None, why)

    def add_flags(self, name: str, flags: Iterable[str]) -> None:
        given = [flag.strip() for flag in (self.value(name) or "").split(",") if flag.strip()]
        self.force(name, ",".join([*given, *(flag for flag in flags if flag not in given)]), "flags of the settings")

    def _put(self, name: str, value: str, why: str) -> None:
        old = self.value(name)
        place = next((place for place, row in enumerate(self.rows) if row[0] == name), len(self.rows))
        self.rows = [row for row in self.rows if row[0] != name]
        self.rows.insert(place, (name, value))
        self._tell(name, old, value, why)

    def _tell(self, name: str, old: str | None, new: str | None, why: str) -> None:
        hidden = any(word in name for word in SECRET_WORDS)
        shown = ["…" if value is not None and hidden else value for value in (old, new)]
        self.changes.append({"what": "header", "name": name, "from": shown[0], "to": shown[1], "why": why})
