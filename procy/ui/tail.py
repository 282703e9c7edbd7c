"""What a pane shows while it is recorded: a topic that tells new bytes as the tap writes them.

They are in the spool before they are in the database, so this is asked at every tick of the poller.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable

from procy.capture import tap
from procy.capture.spool import Cursor
from procy.parse.edges import LONGEST, unfinished
from procy.recording.terminal import TerminalLog
from procy.types import Read
from procy.ui.live import Event
from procy.ui.topics import session_row

AT_ONCE = 256 << 10  # bytes; who missed more is told the screen instead


class TailTopic:
    """``screen`` tells what there is to see, ``bytes`` what changes it, ``end`` that no more will come.

    An event's id is the offset of the byte after it. Both ends of ``bytes`` are told, because a page that comes while news
    are told may get some twice. Characters and escape sequences are told whole.
    """

    restless = True

    def __init__(self, spool_root: str, session_id: str) -> None:
        self.spool_root = spool_root
        self.session_id = session_id
        self.key = f"tail {session_id}"
        self.offset = -1  # told up to here
        self.cursor = Cursor()
        self.size = (0, 0)
        self.held = b""  # the beginning of what is not all there yet
        self.ended = False

    def news(self, connection: sqlite3.Connection) -> list[Event]:
        log = self.log(connection)
        if self.offset < 0:
            self.look(log)
            return []
        reads = self.spooled(log)
        found = self.told(log, reads) if reads else []
        if not self.ended and self.is_over(connection, log):
            self.ended = True
            found.append(Event("end", "{}"))
        return found

    def since(self, connection: sqlite3.Connection, last_id: str) -> list[Event]:
        log, end = self.log(connection), self.offset
        known = int(last_id) if re.fullmatch(r"\d{1,15}", last_id) else -1
        if 0 <= end - known <= AT_ONCE and known >= 0:
            found = [bytes_event(known, end, list(log.reads(known, end)), (0, 0))] if end > known else []
        else:
            found = [screen_event(log, end)]
        return [*found, Event("end", "{}")] if self.is_over(connection, log) else found

    def log(self, connection: sqlite3.Connection) -> TerminalLog:
        return TerminalLog(connection, self.spool_root, self.session_id)

    def look(self, log: TerminalLog) -> None:
        """Begin at the end of what there is."""
        segments = sorted(int(path.stem) for path in log.spool.path.glob("[0-9]*.idx"))
        self.cursor = Cursor(segments[-1] if segments else 1, 0, 0)
        self.offset = log.durable_end()
        reads = self.spooled(log)
        self.offset = max(self.offset, reads[-1].end if reads else 0)
        last = b"".join(one.data for one in log.reads(max(self.offset - LONGEST, 0), self.offset))
        self.hold(last)

    def hold(self, data: bytes) -> int:
        """Keep back what is not whole at the end of what was read; returns how much that is."""
        rest = unfinished(data)
        self.held = data[len(data) - rest :]
        self.offset -= rest
        return rest

    def spooled(self, log: TerminalLog) -> list[Read]:
        """What the tap has written since the last time."""
        found = []
        for record, data, cursor in log.spool.records(self.cursor, 1 << 40):
            self.cursor = cursor
            if record.columns and record.rows:
                self.size = (record.columns, record.rows)
            if record.kind == tap.DATA and data:
                found.append(Read(record.time_ns, record.offset, *self.size, data))
        return found

    def told(self, log: TerminalLog, reads: list[Read]) -> list[Event]:
        start, self.offset = self.offset, reads[-1].end
        if reads[0].offset != start + len(self.held) or self.offset - start > AT_ONCE:
            self.held = b""
            return [screen_event(log, self.offset)]
        reads[0] = reads[0]._replace(offset=start, data=self.held + reads[0].data)
        last = reads[-1].data
        rest = self.hold(last)
        reads[-1] = reads[-1]._replace(data=last[: len(last) - rest])
        return [bytes_event(start, self.offset, reads, self.size)] if self.offset > start else []

    def is_over(self, connection: sqlite3.Connection, log: TerminalLog) -> bool:
        session = session_row(connection, self.session_id)
        return session is None or session["status"] not in ("recording", "paused")


def bytes_event(start: int, end: int, reads: Iterable[Read], size: tuple[int, int]) -> Event:
    """``events`` as in an asciicast, without times: they are shown as they come."""
    events: list[tuple[str, str]] = []
    waiting = b""
    for one in reads:
        if (one.columns, one.rows) != size:
            size = (one.columns, one.rows)
            events += [("o", waiting.decode("utf-8", "replace")), ("r", f"{size[0]}x{size[1]}")]
            waiting = b""
        waiting += one.data
    events.append(("o", waiting.decode("utf-8", "replace")))
    return Event("bytes", json.dumps({"from": start, "to": end, "events": events}), str(end))


def screen_event(log: TerminalLog, offset: int) -> Event:
    picture = log.picture_at(offset)
    facts = {"columns": picture.columns, "rows": picture.rows, "text": picture.escapes.decode("utf-8", "replace"), "at": offset}
    return Event("screen", json.dumps(facts), str(offset))
