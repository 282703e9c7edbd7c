"""From a time to a place in the terminal's bytes."""

import sqlite3
from array import array
from bisect import bisect_right

from procy.store.blobs import READ, unpack
from procy.types import Read


class Timeline:
    """When which byte came. Holds 16 bytes a read."""

    def __init__(self) -> None:
        self.times = array("q")
        self.ends = array("q")

    def add(self, read: Read) -> None:
        self.add_entry(read.time_ns, read.end)

    def add_entry(self, time_ns: int, end: int) -> None:
        """A clock that was set back does not take the bytes back with it."""
        self.times.append(max(time_ns, self.times[-1]) if self.times else time_ns)
        self.ends.append(end)

    def offset_at(self, time_ns: int) -> int | None:
        """How many bytes had come by then; None before the first."""
        place = bisect_right(self.times, time_ns)
        return self.ends[place - 1] if place else None

    @property
    def last_ns(self) -> int:
        return self.times[-1] if self.times else 0


def load_timeline(connection: sqlite3.Connection, session_id: str) -> Timeline:
    """The timeline of everything that is in blocks."""
    timeline = Timeline()
    rows = connection.execute(
        "SELECT start, started_ns, reads FROM terminal_blocks WHERE session_id = ? ORDER BY start", (session_id,)
    )
    for start, started_ns, index in rows:
        position = start
        for after_ns, length, _, _ in READ.iter_unpack(unpack(index)):
            position += length
            timeline.add_entry(started_ns + after_ns, position)
    return timeline
