"""What became of every message: received, written, acknowledged, folded, answered, lost. By identity, never by counting.

An agent that echoes names each message as it takes it in; several may share a turn, and its one result answers them all. Of an
agent that does not, a result answers the oldest message, and what is still unanswered ``QUIET_S`` after it was merged into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from procy.parse.streams.events import Event

Status = Literal["received", "written", "acknowledged", "folded", "answered", "lost"]
OPEN = ("received", "written", "acknowledged", "folded")
QUIET_S = 3.0


@dataclass(slots=True)
class Message:
    """``line`` is as it is sent, with its newline. ``turn`` counts the agent's turns over all its starts."""

    key: str
    line: bytes
    status: Status = "received"
    generation: int = 0
    turn: int = 0


class Table:
    """Of one stream. Times are seconds of any one clock."""

    def __init__(self, echoes: bool) -> None:
        self.echoes = echoes
        self.messages: dict[str, Message] = {}
        self.turn = 0
        self.turn_is_open = False
        self.echo_seen = False
        self.last_at = 0.0  # of the last event
        self.calls: set[str] = set()
        self.tasks: set[str] = set()
        self.asked: set[str] = set()
        calls, asked = self.calls, self.asked
        self.holders: dict[str, set[str]] = {
            "call": calls, "result": calls, "task": self.tasks, "asks": asked, "answered": asked,
        }  # fmt: skip

    def receive(self, key: str, line: bytes) -> Message:
        self.messages[key] = Message(key, line)
        return self.messages[key]

    def written(self, key: str, generation: int) -> None:
        message = self.messages.get(key)
        if message and message.status == "received":
            message.status, message.generation = "written", generation

    def take(self, events: Iterable[Event], now: float) -> list[Message]:
        """What the living agent said, or was answered. Returns the messages whose status changed."""
        changed: list[Message] = []
        for event in events:
            self.last_at = now
            changed += self._take(event)
        return changed

    def _take(self, event: Event) -> list[Message]:
        if event.kind in ("begin", "text", "thinking", "call") and not self.turn_is_open:
            self.turn_is_open = True
            self.turn += 1
        if event.kind == "taken":
            return self._acknowledge(event.key)
        if event.kind == "end":
            return self._answer()
        holder = self.holders.get(event.kind)
        if holder is not None:
            begins = event.kind in ("call", "asks") or event.status == "open"
            (holder.add if begins else holder.discard)(event.key)
        return []

    def _acknowledge(self, key: str) -> list[Message]:
        self.echo_seen = True
        message = self.messages.get(key)
        if message is None or message.status not in OPEN:
            return []
        shares = any(other.turn == self.turn and other.status in OPEN for other in self.messages.values())
        message.status, message.turn = "folded" if shares else "acknowledged", self.turn
        return [message]

    def _answer(self) -> list[Message]:
        self.turn_is_open = False
        self.calls.clear()
        answered = [one for one in self.messages.values() if one.status in ("acknowledged", "folded") and one.turn == self.turn]
        if not self.tells:
            answered = [one for one in self.messages.values() if one.status == "written"][:1]
        for message in answered:
            message.status, message.turn = "answered", self.turn
        return answered

    @property
    def tells(self) -> bool:
        """Whether the agent is known to name what it takes in; one that ought to and never did is taken for one that does not."""
        return self.echoes and (self.echo_seen or self.turn == 0)

    def is_idle(self, now: float) -> bool:
        """Nothing runs, nothing is asked, and no message that the agent was given waits for an answer."""
        if self.turn_is_open or self.tasks or self.asked:
            return False
        waiting = [one for one in self.messages.values() if one.status in ("written", "acknowledged", "folded")]
        return not waiting or (not self.tells and self.turn > 0 and now - self.last_at > QUIET_S)

    def merged(self) -> list[Message]:
        """The agent is idle: what it was given and has not named is answered with what it said last."""
        found = [one for one in self.messages.values() if one.status in ("written", "acknowledged", "folded")]
        for message in found:
            message.status, message.turn = "answered", self.turn
        return found

    def unwritten(self) -> list[Message]:
        return [one for one in self.messages.values() if one.status == "received"]

    def exited(self, again: bool) -> list[Message]:
        """The agent is gone. What it was given and had not taken in is received again with ``again``; the rest is lost."""
        self.turn_is_open = False
        self.echo_seen = False
        for holder in (self.calls, self.tasks, self.asked):
            holder.clear()
        changed = [one for one in self.messages.values() if one.status in ("written", "acknowledged", "folded")]
        for message in changed:
            message.status = "received" if again and message.status == "written" else "lost"
        return changed

    def counts(self) -> dict[str, int]:
        """How many messages have each status."""
        found: dict[str, int] = {}
        for message in self.messages.values():
            found[message.status] = found.get(message.status, 0) + 1
        return found

    def forget_done(self, keep: int = 1000) -> None:
        """Drop the oldest that are answered or lost, all but so many."""
        done = [key for key, one in self.messages.items() if one.status in ("answered", "lost")]
        for key in done[:-keep]:
            del self.messages[key]
