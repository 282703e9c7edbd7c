"""The common form of what happens on a stream, whichever agent speaks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal, NamedTuple, Protocol

from procy.types import FileChange, Usage

Kind = Literal[
    "session",  # the agent tells its conversation (``key``) and its model (``name``); Claude Code before every turn
    "prompt",  # a message was sent to the agent
    "taken",  # the agent says that it has taken a message in
    "begin",  # a turn begins; ``status`` one: with one message, whatever waits
    "text", "thinking", "call", "result", "file",
    "retry",  # the agent waits ``seconds`` and then asks its API again
    "task",  # work in the background, ``status`` open or done
    "asks",  # the agent asks its caller for something; "answered": and has an answer
    "answered",
    "interrupted",
    "usage",
    "end",  # of a turn; ``status`` done, error or interrupted
]  # fmt: skip


class Event(NamedTuple):
    """``key`` names the message, call, task or request. ``delta``: the text goes on from the one before. ``cost_usd``: of this
    process so far."""

    kind: Kind
    key: str = ""
    name: str = ""
    text: str = ""
    status: str = ""
    delta: bool = False
    seconds: float = 0.0
    usage: Usage | None = None
    cost_usd: float | None = None
    file: FileChange | None = None

    def as_json(self) -> dict[str, Any]:
        """Without what is not told."""
        fields = {name: value for name, value in self._asdict().items() if value not in ("", None, False, 0.0)}
        if self.usage:
            fields["usage"] = {name: count for name, count in asdict(self.usage).items() if count is not None}
        return fields | ({"file": asdict(self.file)} if self.file else {})


class Dialect(Protocol):
    """One agent's lines as events. It may remember what it has seen."""

    def sent(self, record: dict[str, Any]) -> list[Event]:
        """What a line means that the agent was sent."""

    def said(self, record: dict[str, Any]) -> list[Event]:
        """What a line means that the agent wrote."""
