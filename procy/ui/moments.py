"""When a piece of an answer was on the screen, as far as that is known: before the tool call that follows it, else at the end."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from itertools import accumulate

from procy.errors import HandleError
from procy.recording.terminal import TerminalLog
from procy.store import session_pages
from procy.store.db import from_iso
from procy.ui.clips import Clip
from procy.ui.conversation import Calls, all_steps
from procy.ui.segments import reads_in


def place_of_step(connection: sqlite3.Connection, log: TerminalLog, turn: sqlite3.Row, number: int) -> int:
    """The offset in the terminal's bytes. Raises HandleError for a turn that no terminal shows."""
    if turn["terminal_from"] is None:
        raise HandleError(f"turn {turn['seq']} was not seen on a terminal", "Its conversation has what was said")
    stop = turn["terminal_to"] if turn["terminal_to"] is not None else log.end()
    steps = all_steps(turn["response"], session_pages.page_calls(connection, [turn["id"]])[turn["id"]], None)
    following = next((step for step in steps[number:] if isinstance(step, Calls)), None)
    if following is None:
        return int(stop)
    (started_at,) = connection.execute(
        "SELECT started_at FROM tool_calls WHERE turn_id = ? AND seq = ?", (turn["id"], following.lines[0].seq)
    ).fetchone()
    return offset_when(log, Clip(turn["terminal_from"], stop), from_iso(started_at)) if started_at else int(stop)


def offset_when(log: TerminalLog, clip: Clip, time_ns: int) -> int:
    """How far a clip had come by then."""
    place = clip.start
    for times, lengths, start in reads_in(log, clip):
        count = bisect_right(list(accumulate(times, max)), time_ns)
        place = start + sum(lengths[:count]) if count else place
        if count < len(times):
            break
    return min(max(place, clip.start), clip.end)
