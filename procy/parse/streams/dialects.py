"""Which dialect a stream is in. Its first line that has the shape of one decides."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from procy.parse.streams.claude import Claude
from procy.parse.streams.codex_exec import CodexExec
from procy.parse.streams.codex_server import CodexServer
from procy.parse.streams.events import Dialect, Event
from procy.parse.streams.gemini import Gemini
from procy.parse.transcripts.shapes import UNFORESEEN, as_text

OF_CLAUDE = ("system", "assistant", "user", "result", "stream_event", "control_request", "control_response")
OF_GEMINI = ("init", "message")


class Stream:
    """Lines of both sides to events, whichever agent speaks. ``call``: of the sub-agent whose lines they are, or ""."""

    def __init__(self, call: str = "") -> None:
        self.call = call
        self.dialect: Dialect | None = None

    def sent(self, record: dict[str, Any]) -> list[Event]:
        return self._events(record, "sent")

    def said(self, record: dict[str, Any]) -> list[Event]:
        return self._events(record, "said")

    def _events(self, record: dict[str, Any], side: str) -> list[Event]:
        self.dialect = self.dialect or (Claude(self.call) if self.call else dialect_of(record))
        if self.dialect is None:
            return []
        with suppress(*UNFORESEEN):
            events: list[Event] = getattr(self.dialect, side)(record)
            return events
        return []


def dialect_of(record: dict[str, Any]) -> Dialect | None:
    kind = as_text(record.get("type"))
    if kind in OF_CLAUDE:
        return Claude()
    if kind in OF_GEMINI:
        return Gemini()
    if kind.startswith(("thread.", "turn.", "item.")):
        return CodexExec()
    return CodexServer() if "method" in record and not kind else None
