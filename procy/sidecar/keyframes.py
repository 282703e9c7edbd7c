"""The screens where turns begin and end, kept while their bytes are in memory."""

from __future__ import annotations

from procy.recording.turnbook import Entry
from procy.sidecar.rows import Rows
from procy.sidecar.terminal import Terminal


class Keyframes:
    """The writer drops those where a turn no longer begins or ends; where the bytes have left memory already they are told at
    the end, from the blocks."""

    def __init__(self, terminal: Terminal, rows: Rows) -> None:
        self.terminal, self.rows = terminal, rows
        self.places: dict[str, set[int]] = {}  # by the key of the turn that begins or ends there

    def keep(self, entry: Entry) -> None:
        ends = (entry.turn.terminal_from, entry.turn.terminal_to if entry.settled else None)
        places = {place for place in ends if place is not None}
        for offset in places - self.places.get(entry.turn.key, set()):
            if picture := self.terminal.picture_at(offset):
                self.rows.keyframe(offset, picture)
        self.places[entry.turn.key] = places
