"""The agent's lines as events in the common form, one JSON object a line: ``{"event": "text", "text": "…"}``."""

from __future__ import annotations

import json

from procy.parse.streams.dialects import Stream
from procy.parse.streams.events import Event
from procy.parse.transcripts.shapes import read_record
from procy.stream.listen import Lines


class Normalizer:
    """What a pump passes on instead of the agent's lines. A line that means nothing in that form gives nothing."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.stream = Stream()

    def __call__(self, data: bytes) -> bytes:
        """With nothing, at the end: of the last line, if it had no newline."""
        lines = self.lines.feed(data) if data else [self.lines.rest()]
        return b"".join(event_line(event) for line in lines for event in self.stream.said(read_record(line) or {}))


def event_line(event: Event) -> bytes:
    fields = event.as_json()
    return json.dumps({"event": fields.pop("kind"), **fields}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
