"""What readers of transcripts have in common; each is a ``procy.types.TranscriptReader``, some a ``TracingReader``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from procy.parse.transcripts.shapes import read_record
from procy.parse.turns import Draft
from procy.types import Evidence, ToolCall, Turn, Whereabouts


class Drafts:
    """The turns of one conversation while its lines are read."""

    def __init__(self, agent_session_id: str) -> None:
        self.agent_session_id = agent_session_id
        self.current: Draft | None = None
        self.touched: dict[str, Draft] = {}  # those that changed since they were asked for
        self.last: Evidence | None = None
        self.title: str | None = None
        self.cost_usd: float | None = None
        self.context_left: int | None = None

    def changed(self) -> Sequence[Turn]:
        turns = [draft.freeze() for draft in self.touched.values()]
        self.touched.clear()
        return sorted(turns, key=lambda turn: turn.started_ns)

    def wanted(self) -> Sequence[str]:
        """Most transcripts refer to no other files."""
        return ()

    def give(self, path: str, content: bytes) -> None:
        """Of a transcript that wants none."""

    def evidence(self) -> Evidence | None:
        return self.last

    @property
    def pending(self) -> ToolCall | None:
        return self.current.pending if self.current else None

    def _touch(self, draft: Draft, at_ns: int, evidence: Evidence | None = None) -> None:
        """A line told something of that turn, and perhaps of what the agent does."""
        draft.last_ns = max(draft.last_ns, at_ns)
        self.touched[draft.key] = draft
        self.last = evidence or self.last


class Trace(Drafts):
    """What a reader notes of its lines beside turns; see ``procy.types.TracingReader``."""

    def __init__(self, agent_session_id: str) -> None:
        super().__init__(agent_session_id)
        self.at_ns = 0  # of the last line that has a time
        self.broken = 0
        self.began_ns = 0
        self.place: dict[str, str] = {}

    def record(self, line: bytes) -> dict[str, Any] | None:
        """As ``read_record``; a line that has no object is counted, unless it is blank."""
        found = read_record(line)
        self.broken += found is None and bool(line.strip())
        return found

    def told(self, at_ns: int | None, **place: object) -> int:
        """A line's time, where it has one, and the directory, branch and commit that it names. Returns the time that it is."""
        self.at_ns = at_ns or self.at_ns
        self.began_ns = self.began_ns or self.at_ns
        for name, value in place.items():
            if isinstance(value, str) and value:
                self.place.setdefault(name, value)
        return self.at_ns

    @property
    def whereabouts(self) -> Whereabouts:
        return Whereabouts(**self.place, began_ns=self.began_ns, last_ns=self.at_ns)
