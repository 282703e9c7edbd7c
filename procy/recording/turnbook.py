"""The turns of one session as they become known: where each lies in the terminal's bytes, and which to write."""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from procy.recording.timeline import Timeline
from procy.types import Turn

LATE_NS = 1_500_000_000  # an agent tells of the next prompt, which may have come meanwhile, a moment after it
RECENT = 8  # turns that have settled and may be looked at again
SETTLE_NS = 1_000_000_000  # a terminal shows the end of an answer a moment after the transcript has it


class Entry(NamedTuple):
    """A turn to write; ``settled`` when nothing about it will change by mere passing of time."""

    turn: Turn
    settled: bool


class TurnBook:
    """Takes turns in any order and as often as they change."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.starts: list[int] = []
        self.known: set[str] = set()
        self.open: dict[str, Turn] = {}  # not settled
        self.changed: set[str] = set()
        self.settled: deque[Turn] = deque(maxlen=RECENT)

    def put(self, turns: Iterable[Turn]) -> None:
        for turn in turns:
            if turn.key not in self.known:
                self.known.add(turn.key)
                if turn.terminal_from is None:  # else its source knows the place, and does not say where others end
                    insort(self.starts, turn.started_ns)
                    self.take_back(turn.started_ns)
            self.open[turn.key] = turn
            self.changed.add(turn.key)

    def begin(self, at_ns: int) -> None:
        """A turn began then that is not to be told of; the one before it ends where it ended."""
        insort(self.starts, at_ns)

    def take_back(self, started_ns: int) -> None:
        """A turn that began then is learned of late: where the one before it ends is another place, if it had settled."""
        for turn in self.settled:
            if turn.started_ns < started_ns <= (turn.ended_ns or 0) + SETTLE_NS:
                self.open.setdefault(turn.key, turn)
                self.changed.add(turn.key)

    def take(self, now_ns: int) -> list[Entry]:
        """What is to be written now. A turn that has just ended comes again when the terminal has caught up."""
        entries = []
        for key, turn in list(self.open.items()):
            if self.waits(turn):
                continue
            settled = turn.ended_ns is not None and now_ns > turn.ended_ns + SETTLE_NS + LATE_NS
            if settled or key in self.changed:
                entries.append(Entry(self.located(turn), settled))
            if settled:
                self.settled.append(turn)
                del self.open[key]
        self.changed = {key for key in self.changed if key in self.open and self.waits(self.open[key])}
        return sorted(entries, key=lambda entry: entry.turn.started_ns)

    def waits(self, turn: Turn) -> bool:
        """A turn that the screen shows while a better source tells of one without an end may be that one, or come after it."""
        return turn.source == "screen" and any(
            other.ended_ns is None and other.source != "screen" and other.started_ns <= turn.started_ns
            for other in self.open.values()
        )

    def idle_since(self, at_ns: int) -> None:
        """The agent waits for a prompt since then: its turn without an end is over, if its transcript says so or not."""
        for key, turn in self.open.items():
            if turn.ended_ns is None and turn.started_ns <= at_ns and turn.source == "transcript":
                self.open[key] = replace(turn, status=turn.ends_as, ended_ns=at_ns)
                self.changed.add(key)

    def close(self, at_ns: int) -> list[Turn]:
        """The session is over: what is not settled, and so is a turn without an end."""
        turns = []
        for turn in self.open.values():
            if turn.ended_ns is None:
                turn = replace(turn, status=turn.ends_as, ended_ns=max(at_ns, turn.started_ns))
            turns.append(self.located(turn))
        self.open.clear()
        return turns

    def located(self, turn: Turn) -> Turn:
        """With its place in the terminal's bytes, unless its source told that already."""
        if turn.terminal_from is not None:
            return turn
        start = self.timeline.offset_at(turn.started_ns)
        end = None
        if start is not None and turn.ended_ns is not None:
            following = bisect_right(self.starts, turn.started_ns)
            limit = self.starts[following] if following < len(self.starts) else turn.ended_ns + SETTLE_NS
            end = self.timeline.offset_at(min(turn.ended_ns + SETTLE_NS, limit))
        return replace(turn, terminal_from=start, terminal_to=end)
